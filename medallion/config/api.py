"""What is asked of an HTTP endpoint, and how politely."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from medallion.config.auth import Auth, NoAuth
from medallion.config.incremental import Incremental
from medallion.config.paging import NoPagination, Pagination
from medallion.config.values import Duration, Section, Size, parse_duration, parse_size


class ApiIncremental(Incremental):
    """Only what is new: the bounds of a run go into two parameters of its requests."""

    start_param: str
    """Parameter that carries the start, which is included."""
    end_param: str | None = None
    """Parameter that carries the end, which is not included; windows need it."""

    @property
    def has_end(self) -> bool:
        """Whether there is a parameter for the end."""
        return self.end_param is not None

    @model_validator(mode="after")
    def _windows_have_ends(self) -> ApiIncremental:
        if self.window is not None and self.end_param is None:
            raise ValueError("window needs end_param: without it a window has no end")
        return self


class RateLimit(Section):
    """At most *rps* requests a second, *burst* at once; per host, shared by all sources, the lowest wins."""

    rps: Annotated[float, Field(gt=0)]
    """Requests a second."""
    burst: Annotated[int, Field(ge=1)] = 1
    """Requests at once."""


class Retry(Section):
    """How often and how long a failed request is repeated."""

    attempts: Annotated[int, Field(ge=1, le=100)] = 5
    """Attempts in all; 1: none is repeated."""
    longest_wait: Duration = parse_duration("8s")
    """Cap on the wait between two attempts, which doubles."""
    retry_after_cap: Duration = parse_duration("5m")
    """A host that asks for a longer wait ends the run, resumable."""


class CircuitBreaker(Section):
    """After *failures* in a row a host is left alone for *cooldown*."""

    failures: Annotated[int, Field(ge=1)] = 5
    """Failures in a row that open the breaker."""
    cooldown: Duration = parse_duration("30s")
    """How long the host is left alone before it is tried again."""


class Limits(Section):
    """Caps on one page."""

    wire_bytes: Size = parse_size("128mb")
    """Bytes as they come."""
    decoded_bytes: Size = parse_size("512mb")
    """Bytes after decompression."""
    page_timeout: Duration = parse_duration("60s")
    """From the request to the last byte."""


class Api(Section):
    """An HTTP endpoint."""

    base_url: str | None = None
    """http or https, with a host."""
    endpoint: str | None = None
    """Path below base_url; {run.date} is the day of the run, here and in params."""
    method: Literal["GET", "POST"] = "GET"
    """Of every request."""
    read_only: bool = False
    """Declares that a POST changes nothing at the source; needed where it is paged, since pages are asked ahead and again."""
    params: dict[str, str | int | float | bool] = {}
    """Query parameters of every request."""
    headers: dict[str, str] = {}
    """Headers of every request; credentials stand in auth."""
    json_: Annotated[dict[str, Any] | None, Field(alias="json")] = None
    """Body of every request; needs method POST."""
    auth: Auth = NoAuth()
    """How requests carry credentials."""
    records_path: str = ""
    """Dotted path to the list of records; empty: the answer is the list."""
    pagination: Pagination = NoPagination()
    """How one answer leads to the next."""
    incremental: ApiIncremental | None = None
    """Asks only for what is new."""
    async_: Annotated[bool, Field(alias="async")] = True
    """false: one request at a time, with requests."""
    concurrency: Annotated[int, Field(ge=1, le=256)] | Literal["auto"] = 8
    """Requests under way at once; auto: as many as the host bears, found out by its 429 and 503 and by its latency."""
    rate_limit: RateLimit | None = None
    """Per host, shared by all sources; the lowest wins."""
    retry: Retry = Retry()
    """How often and how long a failed request is repeated."""
    circuit_breaker: CircuitBreaker = CircuitBreaker()
    """When a host is left alone."""
    limits: Limits = Limits()
    """Caps on one page."""
