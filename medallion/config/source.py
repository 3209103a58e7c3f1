"""What to read: one HTTP endpoint, database query or set of files, and how."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from medallion.config.secret import SecretRef
from medallion.config.values import Duration, InstantText, Section, Size, parse_duration, parse_instant, parse_size

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,127}$")]
"""A name that is safe in paths and URIs of every store."""


class NoAuth(Section):
    """Requests carry no credentials."""

    type: Literal["none"] = "none"


class BearerAuth(Section):
    """``Authorization: Bearer …``."""

    type: Literal["bearer"]
    token: SecretRef
    """Reference to the token."""


class BasicAuth(Section):
    """``Authorization: Basic …``."""

    type: Literal["basic"]
    username: str
    """Stands in the file; it is no secret."""
    password: SecretRef
    """Reference to the password."""


class ApiKeyAuth(Section):
    """A key in a header or a query parameter."""

    type: Literal["api_key"]
    name: str
    """Of the header or the query parameter."""
    value: SecretRef
    """Reference to the key."""
    location: Annotated[Literal["header", "query"], Field(alias="in")] = "header"
    """Where the key stands."""


class OtherAuth(Section):
    """Known by name; this version refuses it."""

    type: Literal["oauth2_client_credentials", "oauth2_refresh_token", "custom"]
    model_config = {"extra": "allow"}


Auth = Annotated[NoAuth | BearerAuth | BasicAuth | ApiKeyAuth | OtherAuth, Field(discriminator="type")]


class NoPagination(Section):
    """One answer is all."""

    type: Literal["none"] = "none"


class PagePagination(Section):
    """Pages by number; without a total they are fetched ahead, and what is past the end is dropped."""

    type: Literal["page"]
    page_param: str = "page"
    """Parameter that carries the page's number."""
    size_param: str | None = "size"
    """Parameter that carries the size of a page."""
    size: Annotated[int, Field(ge=1)] | None = None
    """Records a page; null: not asked for."""
    start: int = 1
    """Number of the first page."""
    total_pages_path: str | None = None
    """Dotted path to the number of pages."""
    total_path: str | None = None
    """Dotted path to the number of records."""


class OffsetPagination(Section):
    """Pages by the number of records to skip."""

    type: Literal["offset"]
    offset_param: str = "offset"
    """Parameter that carries the number of records to skip."""
    limit_param: str = "limit"
    """Parameter that carries the size of a page."""
    limit: Annotated[int, Field(ge=1)]
    """Records a page."""
    total_path: str | None = None
    """Dotted path to the number of records."""


class CursorPagination(Section):
    """Each answer holds the cursor of the next request; none: the end."""

    type: Literal["cursor"]
    cursor_path: str
    """Dotted path to the next cursor; missing or null at the end."""
    cursor_param: str = "cursor"
    """Parameter that carries the cursor."""
    location: Annotated[Literal["query", "body", "path"], Field(alias="in")] = "query"
    """Where the cursor stands in a request."""
    has_more_path: str | None = None
    """Dotted path to a boolean that is false on the last page."""
    size_param: str | None = None
    """Parameter that carries the size of a page; with size."""
    size: Annotated[int, Field(ge=1)] | None = None
    """Records a page; with size_param."""


class LinkPagination(Section):
    """The next page is the ``Link`` header's ``rel="next"`` (RFC 8288)."""

    type: Literal["link"]


class NextUrlPagination(Section):
    """The next page's URL stands in the answer."""

    type: Literal["next_url"]
    next_url_path: str
    """Dotted path to the URL; missing or null at the end. Another host than base_url's is refused."""


Pagination = Annotated[
    NoPagination | PagePagination | OffsetPagination | CursorPagination | LinkPagination | NextUrlPagination, Field(discriminator="type")
]


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


class SchemaContract(Section):
    """What happens to columns and values that the table's schema does not know."""

    new_columns: Literal["evolve", "freeze", "rescue"] = "evolve"
    """A column comes that the table does not have: add it, refuse it, or keep it in _rescued."""
    missing_columns: Literal["evolve", "freeze", "rescue"] = "evolve"
    """A column does not come any more."""
    type_changes: Literal["evolve", "freeze", "rescue"] = "rescue"
    """A value does not fit its column: widen the column, refuse it, or keep the row in _rescued."""


class Parent(Section):
    """Requests made from another source's records."""

    source: str
    """Name of the source."""
    fields: tuple[str, ...] = ()
    """Fields of its records that a request uses."""
    where: str | None = None
    """SQL condition on its records."""


class Source(Section):
    """One table of one system."""

    name: Name
    """Handle for --select, parent and silver.source."""
    system: Name
    """Where the data comes from; system and table together are unique in a lake."""
    table: Name
    """What the data is called there."""
    load_pattern: Literal["full", "cdc", "current_history"]
    """full: a complete snapshot; cdc: events; current_history: current and history rows, each an event."""
    type: Literal["api", "db", "file", "custom"] = "api"
    """Which of the sections api, db, file and custom says how it is read."""
    schema_: Annotated[str | None, Field(alias="schema")] = None
    """DDL of the columns whose types are declared, such as ``id BIGINT, at TIMESTAMP``; the others are inferred."""
    schema_contract: SchemaContract = SchemaContract()
    """What happens to columns and values that the table's schema does not know."""
    infer_timestamps: bool = False
    """Whether strings that look like instants become timestamps."""
    resume_within: Duration = parse_duration("24h")
    """How long an open run of a full snapshot may be continued; older ones are abandoned."""
    parent: Parent | None = None
    """Requests are made from another source's records."""
    api: Api | None = None
    """An HTTP endpoint."""
    db: dict[str, Any] | None = None
    """A database query."""
    file: dict[str, Any] | None = None
    """A set of files."""
    custom: dict[str, Any] | None = None
    """A class of your own."""
