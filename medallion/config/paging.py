"""How one answer of an API leads to the next."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from medallion.config.values import Section

Place = Annotated[Literal["query", "body"], Field(alias="in")]


class NoPagination(Section):
    """One answer is all."""

    type: Literal["none"] = "none"


class Paged(Section):
    """What all kinds of pagination have."""

    max_pages: Annotated[int, Field(ge=1)] | None = None
    """Ends a range after so many pages, whatever the source says; null: it is read to its end."""


class PagePagination(Paged):
    """Pages by number; without a total they are fetched ahead, and what is past the end is dropped."""

    type: Literal["page"]
    page_param: str = "page"
    """Parameter that carries the page's number."""
    size_param: str | None = "size"
    """Parameter that carries the size of a page."""
    size: Annotated[int, Field(ge=1)] | None = None
    """Records a page; null: not asked for."""
    location: Place = "query"
    """Where number and size stand in a request; in a body a dotted name is a path."""
    start: int = 1
    """Number of the first page."""
    full_pages: bool = False
    """Declares that every page but the last holds size records, so that a shorter one is the end."""
    total_pages_path: str | None = None
    """Dotted path to the number of pages."""
    total_path: str | None = None
    """Dotted path to the number of records."""
    has_more_path: str | None = None
    """Dotted path to a boolean that is false on the last page."""


class OffsetPagination(Paged):
    """Pages by the number of records to skip."""

    type: Literal["offset"]
    offset_param: str = "offset"
    """Parameter that carries the number of records to skip."""
    limit_param: str = "limit"
    """Parameter that carries the size of a page."""
    limit: Annotated[int, Field(ge=1)]
    """Records a page."""
    location: Place = "query"
    """Where offset and limit stand in a request; in a body a dotted name is a path."""
    full_pages: bool = False
    """Declares that every page but the last holds limit records, so that a shorter one is the end."""
    total_path: str | None = None
    """Dotted path to the number of records."""
    has_more_path: str | None = None
    """Dotted path to a boolean that is false on the last page."""


class CursorPagination(Paged):
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


class LinkPagination(Paged):
    """The next page is the ``Link`` header's ``rel="next"`` (RFC 8288)."""

    type: Literal["link"]


class NextUrlPagination(Paged):
    """The next page's URL stands in the answer."""

    type: Literal["next_url"]
    next_url_path: str
    """Dotted path to the URL; missing or null at the end. Another host than base_url's is refused."""


Pagination = Annotated[
    NoPagination | PagePagination | OffsetPagination | CursorPagination | LinkPagination | NextUrlPagination, Field(discriminator="type")
]
