"""What is asked of an HTTP endpoint, and how politely."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from medallion.config.auth import Auth, NoAuth
from medallion.config.incremental import Incremental
from medallion.config.paging import NoPagination, Pagination
from medallion.config.records import Csv, RecordsFormat
from medallion.config.secret import WITHIN, check_reference
from medallion.config.values import Duration, Section, Size, parse_duration, parse_size


def _param_format(text: str) -> str:
    if text not in PARAM_FORMATS and "%" not in text:
        raise ValueError(f"must be one of {', '.join(PARAM_FORMATS)} or a pattern such as %Y-%m-%d, got {text!r}")
    return text


PARAM_FORMATS = ("iso", "date", "epoch", "epoch_ms")


class ApiIncremental(Incremental):
    """Only what is new: the bounds of a run go into its requests as parameters, or where {incremental.start} and {incremental.end} are."""

    start_param: str | None = None
    """Parameter that carries the start, which is included; not needed where {incremental.start} stands somewhere."""
    end_param: str | None = None
    """Parameter that carries the end, which is not included; windows need it, or {incremental.end}."""
    param_format: Annotated[str, AfterValidator(_param_format)] = "iso"
    """How instants are spelled in requests: iso (2013-01-01T00:00:00Z), date, epoch, epoch_ms, or a pattern such as %Y-%m-%d %H:%M."""
    field_format: Literal["iso", "epoch", "epoch_ms"] = "iso"
    """How the cursor field holds instants: as ISO 8601 or a timestamp; or as seconds or milliseconds since 1970."""

    @model_validator(mode="after")
    def _numbers_have_one_spelling(self) -> ApiIncremental:
        for name in ("param_format", "field_format"):
            if self.by_number and getattr(self, name) != "iso":
                raise ValueError(f"{name} says nothing where initial_value is a number: give an instant, or take it out")
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

    wire_bytes: Size = parse_size("32mb")
    """Bytes as they come."""
    decoded_bytes: Size = parse_size("64mb")
    """Bytes after decompression."""
    page_timeout: Duration = parse_duration("60s")
    """From the request to the last byte."""


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query or "@" in text:
        raise ValueError(f"must be scheme and host, such as https://files.example.com, got {text!r}")
    return text


Origin = Annotated[str, AfterValidator(_origin)]


def _proxy(text: str) -> str:
    parts = urlsplit(text)
    if text != ENVIRONMENT and (parts.scheme != "http" or not parts.hostname or "@" in text):
        raise ValueError(f"must be environment, or http://host:port without credentials, got {text.rpartition('@')[2]!r}")
    return text


ENVIRONMENT = "environment"


class Proxy(Section):
    """What requests go through."""

    url: Annotated[str, AfterValidator(_proxy)]
    """http://host:port; or environment: what HTTP_PROXY, HTTPS_PROXY and NO_PROXY say."""
    username: str | None = None
    """Stands in the file; it is no secret."""
    password: Annotated[str | None, WITHIN, AfterValidator(lambda text: text if text is None else check_reference(text))] = None
    """Reference to the password."""

    @model_validator(mode="after")
    def _credentials_are_whole(self) -> Proxy:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together")
        if self.username is not None and self.url == ENVIRONMENT:
            raise ValueError("username and password need a url: those of a proxy of the environment stand there")
        return self


class Tls(Section):
    """Whom a connection trusts, and how it shows who asks."""

    ca_bundle: str | None = None
    """A PEM file of certificates that are trusted in place of the usual ones."""
    client_certificate: str | None = None
    """A PEM file with the certificate to show, and its key where client_key is not given."""
    client_key: str | None = None
    """A PEM file with the key of client_certificate, without a passphrase."""

    @model_validator(mode="after")
    def _keys_have_certificates(self) -> Tls:
        if self.client_key is not None and self.client_certificate is None:
            raise ValueError("client_key needs client_certificate")
        return self


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
    records_format: RecordsFormat = "json"
    """What an answer is: json; jsonl: a JSON object on each line; csv. Each of them compressed with gzip or not."""
    csv: Csv = Csv()
    """How rows of CSV are written; with records_format csv."""
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
    allowed_hosts: tuple[Origin, ...] = ()
    """Other hosts that next links and redirects may lead to, as scheme and host; they get no credentials, headers or body."""
    credential_hosts: tuple[Origin, ...] = ()
    """Those of allowed_hosts that get credentials, headers and body as well."""
    proxy: Proxy | None = None
    """What requests go through; without it they go straight, whatever the environment says."""
    tls: Tls = Tls()
    """Whom a connection trusts, and how it shows who asks."""
