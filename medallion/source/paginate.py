"""How a lane goes from one page to the next, without any input or output: the seam, and pages that can be asked by number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from medallion.errors import PageError, PaginationError
from medallion.source.decode import Decoded
from medallion.source.place import with_param
from medallion.source.protocol import DONE, Position
from medallion.source.request import Answer, Request

PAST_END = frozenset({400, 404, 416, 422})
"""What servers answer to a page that is behind the last one."""


class Paginator(Protocol):
    """The rule of one endpoint. It has no state: everything that the next page depends on is in the position."""

    @property
    def paths(self) -> tuple[str, ...]:
        """The dotted paths of an answer that are needed to go on."""

    def first(self) -> Position:
        """Where a lane begins."""

    def request(self, base: Request, position: Position) -> Request:
        """*base*, asking for the page at *position*."""

    def after(self, position: Position, decoded: Decoded, answer: Answer) -> Position:
        """Where the lane goes on behind the page at *position*; DONE at its end. Raises PageError or PaginationError."""

    def ahead(self, position: Position, decoded: Decoded | None) -> Position | None:
        """Where the lane will probably go on, said without the answer for *position*; *decoded* is any page that is known already."""

    def past_end(self, position: Position, status: int) -> bool:
        """Whether an answer with *status* means that there is nothing at *position* and behind it."""

    def mark(self, request: Request, position: Position) -> str | None:
        """What must never come twice in a lane; None where a position cannot repeat, and pages are compared instead."""


@dataclass(frozen=True, kw_only=True)
class SinglePage:
    """The first answer is all there is."""

    paths: tuple[str, ...] = ()

    def first(self) -> Position:
        return {"page": 1}

    def request(self, base: Request, position: Position) -> Request:  # noqa: ARG002
        return base

    def after(self, position: Position, decoded: Decoded, answer: Answer) -> Position:  # noqa: ARG002
        return DONE

    def ahead(self, position: Position, decoded: Decoded | None) -> Position | None:  # noqa: ARG002
        return None

    def past_end(self, position: Position, status: int) -> bool:  # noqa: ARG002
        return False

    def mark(self, request: Request, position: Position) -> str | None:  # noqa: ARG002
        return None


@dataclass(frozen=True, kw_only=True)
class PageNumbers:
    """Pages by number, until a total is reached, a page is empty, or a page is short.

    A short page is the end only behind a full one. If the very first page is short, the source may as well cap the size that was
    asked for: then the position is marked ``short``, and only an empty page, or an error that says "no such page", is the end.
    """

    param: str
    size_param: str | None = None
    size: int | None = None
    start: int = 1
    total_pages_path: str | None = None
    total_path: str | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(path for path in (self.total_pages_path, self.total_path) if path)

    def first(self) -> Position:
        return {"page": self.start}

    def request(self, base: Request, position: Position) -> Request:
        request = with_param(base, self.param, position["page"])
        return with_param(request, self.size_param, self.size) if self.size_param and self.size else request

    def after(self, position: Position, decoded: Decoded, answer: Answer) -> Position:  # noqa: ARG002
        number, count = position["page"], len(decoded.records)
        seen = position.get("seen", 0) + count
        pages, total = whole(decoded, self.total_pages_path), whole(decoded, self.total_path)
        short = "short" in position
        if pages is not None or total is not None:
            if (pages is not None and number - self.start + 1 >= pages) or (total is not None and seen >= total):
                return DONE
            if not count:
                told = f"{pages} pages" if pages is not None else f"{total} records"
                raise _stopped_short(f"page {number}", told)
        elif not count or (self.size and count < self.size and not short and number > self.start):
            return DONE
        elif self.size and count < self.size:
            short = True
        return {
            "page": number + 1,
            **({"seen": seen} if self.total_path else {}),
            **({"short": True} if short else {}),
        }

    def ahead(self, position: Position, decoded: Decoded | None) -> Position | None:
        number = position["page"] + 1
        if "short" in position and number <= self.start + 2:
            return None  # most probably there is nothing more
        if decoded is not None:
            pages, total = whole(decoded, self.total_pages_path), whole(decoded, self.total_path)
            if pages is not None and number - self.start >= pages:
                return None
            if total is not None and self.size and (number - self.start) * self.size >= total:
                return None
        return {"page": number, **({"short": True} if "short" in position else {})}

    def past_end(self, position: Position, status: int) -> bool:
        return "short" in position and status in PAST_END

    def mark(self, request: Request, position: Position) -> str | None:  # noqa: ARG002
        return None


@dataclass(frozen=True, kw_only=True)
class Offsets:
    """Pages by the number of records to skip, which counts the records that came: a source that caps the limit loses nothing.

    Ends as :class:`PageNumbers` does.
    """

    param: str
    limit_param: str
    limit: int
    total_path: str | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.total_path,) if self.total_path else ()

    def first(self) -> Position:
        return {"offset": 0}

    def request(self, base: Request, position: Position) -> Request:
        return with_param(with_param(base, self.limit_param, self.limit), self.param, position["offset"])

    def after(self, position: Position, decoded: Decoded, answer: Answer) -> Position:  # noqa: ARG002
        offset, count = position["offset"], len(decoded.records)
        total, short = whole(decoded, self.total_path), "short" in position
        if total is not None:
            if offset + count >= total:
                return DONE
            if not count:
                raise _stopped_short(f"the page at offset {offset}", f"{total} records")
        elif not count or (count < self.limit and not short and offset > 0):
            return DONE
        return {"offset": offset + count, **({"short": True} if short or count < self.limit else {})}

    def ahead(self, position: Position, decoded: Decoded | None) -> Position | None:
        if "short" in position:
            return None  # the source decides how many come, so where the next page starts is not known
        offset = position["offset"] + self.limit
        total = whole(decoded, self.total_path) if decoded is not None else None
        return None if total is not None and offset >= total else {"offset": offset}

    def past_end(self, position: Position, status: int) -> bool:
        return "short" in position and status in PAST_END

    def mark(self, request: Request, position: Position) -> str | None:  # noqa: ARG002
        return None


def whole(decoded: Decoded, path: str | None) -> int | None:
    """The whole number at *path* of a page, None where there is none; PageError for anything else."""
    value: Any = decoded.found.get(path) if path else None
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    raise PageError(f"{path!r} must be a whole number, found {str(value)[:40]!r}")


def _stopped_short(page: str, told: str) -> PaginationError:
    return PaginationError(
        f"{page} is empty although the source says that there are {told}; nothing of it is taken for complete: "
        "if that number is only an estimate, leave its path out of pagination"
    )
