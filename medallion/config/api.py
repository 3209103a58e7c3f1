"""What is asked of an HTTP endpoint, and how politely."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from medallion.config.auth import Auth, NoAuth
from medallion.config.paging import NoPagination, Pagination
from medallion.config.values import Duration, InstantText, Section, Size, parse_duration, parse_instant, parse_size


class Incremental(Section):
    """Only what is new: rows by a cursor field, from the watermark (less the lookback) to an end that is frozen when the run opens."""

    cursor_field: str
    """Field of a record that says when it changed."""
    initial_value: InstantText
    """Where the first run starts: an instant."""
    end_value: InstantText | None = None
    """Where the source ends for good: an instant; once a run has read up to here there is nothing more to ask."""
    start_param: str
    """Parameter that carries the start, which is included."""
    end_param: str | None = None
    """Parameter that carries the end, which is not included."""
    lookback: Duration = timedelta(0)
    """How much of what was read before is asked again, for rows that come late."""
    window: Duration | None = None
    """Cuts the range into windows that are fetched side by side; needs end_param."""
    sorted: bool = False
    """Declares that rows come in order of the cursor field, so that the watermark may move by chunk (checked)."""

    @model_validator(mode="after")
    def _windows_have_ends(self) -> Incremental:
        if self.window is not None and self.end_param is None:
            raise ValueError("window needs end_param: without it a window has no end")
        if self.window is not None and self.window <= timedelta(0):
            raise ValueError("window must be longer than 0s")
        if self.end_value is not None and parse_instant(self.end_value) <= parse_instant(self.initial_value):
            raise ValueError("end_value must be later than initial_value")
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
    incremental: Incremental | None = None
    """Asks only for what is new."""
    async_: Annotated[bool, Field(alias="async")] = True
    """false: one request at a time, with requests."""
    concurrency: Annotated[int, Field(ge=1, le=256)] | Literal["auto"] = 8
    """Requests under way at once."""
    rate_limit: RateLimit | None = None
    """Per host, shared by all sources; the lowest wins."""
    retry: Retry = Retry()
    """How often and how long a failed request is repeated."""
    circuit_breaker: CircuitBreaker = CircuitBreaker()
    """When a host is left alone."""
    limits: Limits = Limits()
    """Caps on one page."""
