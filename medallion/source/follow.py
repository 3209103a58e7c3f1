"""Pages that only the page before knows: by cursor, by ``Link`` header, by a URL in the answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import quote, urljoin

import msgspec

from medallion.config.paging import CursorPagination, LinkPagination, NoPagination, OffsetPagination, PagePagination, Pagination
from medallion.errors import PageError
from medallion.source.decode import Decoded
from medallion.source.paginate import AtMost, Offsets, PageNumbers, Paginator, SinglePage, flag
from medallion.source.place import spelled, with_json, with_param, with_query
from medallion.source.protocol import DONE, Position
from medallion.source.request import Answer, Request, without_params

_URL_SAFE = "!#$%&'()*+,/:;=?@[]~"
_TOKEN = r"[\w!#$%&'*+.^`|~-]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_LINK = re.compile(rf"<([^>]*)>((?:\s*;\s*{_TOKEN}(?:\s*=\s*(?:{_QUOTED}|[^\s;,\"]+))?)*)\s*(?:,|$)")
_PARAM = re.compile(rf";\s*({_TOKEN})(?:\s*=\s*({_QUOTED}|[^\s;,\"]+))?")


@dataclass(frozen=True, kw_only=True)
class Cursors:
    """Each answer names the next page; no name, or ``has_more`` false, is the end. An empty page with a cursor goes on."""

    cursor_path: str
    param: str
    location: Literal["query", "body", "path"] = "query"
    has_more_path: str | None = None
    size_param: str | None = None
    size: int | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.cursor_path, self.has_more_path) if self.has_more_path else (self.cursor_path,)

    def first(self) -> Position:
        return {}

    def request(self, base: Request, position: Position) -> Request:
        request = with_param(base, self.size_param, self.size) if self.size_param and self.size else base
        cursor = position.get("cursor")
        if self.location == "path":
            return replace(request, url=_in_path(request.url, self.param, cursor))
        if cursor is None:
            return request
        return with_query(request, self.param, cursor) if self.location == "query" else with_json(request, self.param, cursor)

    def after(self, position: Position, decoded: Decoded, answer: Answer) -> Position:  # noqa: ARG002
        more = flag(decoded, self.has_more_path)
        cursor = decoded.found.get(self.cursor_path)
        if more is False:
            return DONE
        if cursor is None or cursor == "" or cursor is False:
            if more:
                raise PageError(f"{self.has_more_path!r} says that there is more, but there is no cursor at {self.cursor_path!r}")
            return DONE
        if isinstance(cursor, bool) or (self.location != "body" and not isinstance(cursor, (str, int, float))):
            raise PageError(f"the cursor at {self.cursor_path!r} must be a string or a number, found {str(cursor)[:40]!r}")
        return {"cursor": cursor}

    def ahead(self, position: Position, decoded: Decoded | None) -> Position | None:  # noqa: ARG002
        return None

    def past_end(self, position: Position, status: int) -> bool:  # noqa: ARG002
        return False

    def mark(self, request: Request, position: Position) -> str | None:  # noqa: ARG002
        return msgspec.json.encode(position.get("cursor"), order="sorted").decode()


@dataclass(frozen=True, kw_only=True)
class NextUrls:
    """The next page is a URL: at *path* of the answer, or (None) in its ``Link`` header with ``rel="next"``.

    It is taken whole, without the parameters that hold credentials: they are added to every request anyway, and positions are stored.
    """

    path: str | None
    hidden: frozenset[str] = frozenset()

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.path,) if self.path else ()

    def first(self) -> Position:
        return {}

    def request(self, base: Request, position: Position) -> Request:
        return replace(base, url=position["url"], params=()) if "url" in position else base

    def after(self, position: Position, decoded: Decoded, answer: Answer) -> Position:  # noqa: ARG002
        found: Any = decoded.found.get(self.path) if self.path else next_link(answer.header("link") or "")
        if found is None or found == "" or found is False:
            return DONE
        if not isinstance(found, str):
            raise PageError(f"the next URL at {self.path!r} must be a string, found {str(found)[:40]!r}")
        url = urljoin(answer.url, quote(found.strip(), safe=_URL_SAFE))
        return {"url": without_params(url, self.hidden)}

    def ahead(self, position: Position, decoded: Decoded | None) -> Position | None:  # noqa: ARG002
        return None

    def past_end(self, position: Position, status: int) -> bool:  # noqa: ARG002
        return False

    def mark(self, request: Request, position: Position) -> str | None:  # noqa: ARG002
        return without_params(request.target, self.hidden)


def paginator(config: Pagination, *, hidden: frozenset[str] = frozenset()) -> Paginator:
    """The rule that *config* says; *hidden* are the query parameters that hold credentials."""
    rule = _rule(config, hidden)
    most = None if isinstance(config, NoPagination) else config.max_pages
    return rule if most is None else AtMost(rule=rule, pages=most)


def _rule(config: Pagination, hidden: frozenset[str]) -> Paginator:
    if isinstance(config, NoPagination):
        return SinglePage()
    if isinstance(config, PagePagination):
        return PageNumbers(
            param=config.page_param,
            size_param=config.size_param,
            size=config.size,
            location=config.location,
            start=config.start,
            full=config.full_pages,
            total_pages_path=config.total_pages_path,
            total_path=config.total_path,
            has_more_path=config.has_more_path,
        )
    if isinstance(config, OffsetPagination):
        return Offsets(
            param=config.offset_param,
            limit_param=config.limit_param,
            limit=config.limit,
            location=config.location,
            full=config.full_pages,
            total_path=config.total_path,
            has_more_path=config.has_more_path,
        )
    if isinstance(config, CursorPagination):
        return Cursors(
            cursor_path=config.cursor_path,
            param=config.cursor_param,
            location=config.location,
            has_more_path=config.has_more_path,
            size_param=config.size_param,
            size=config.size,
        )
    if isinstance(config, LinkPagination):
        return NextUrls(path=None, hidden=hidden)
    return NextUrls(path=config.next_url_path, hidden=hidden)


def next_link(header: str) -> str | None:
    """The target of the first link with relation ``next`` in a ``Link`` header (RFC 8288); None where there is none."""
    return next((target for target, relations in _links(header) if "next" in relations), None)


def _links(header: str) -> Iterator[tuple[str, frozenset[str]]]:
    for found in _LINK.finditer(header):
        for param in _PARAM.finditer(found[2]):
            if param[1].lower() == "rel":  # only the first one counts
                yield found[1], frozenset((param[2] or "").strip('"').lower().split())
                break


def _in_path(url: str, name: str, cursor: Any) -> str:
    segment = "" if cursor is None else quote(spelled(cursor), safe="")
    place = f"{{{name}}}"
    if place in url:
        return url.replace(place, segment) if segment else url.replace(place, "").rstrip("/")
    return f"{url.rstrip('/')}/{segment}" if segment else url
