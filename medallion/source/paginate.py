"""How a lane goes from one page to the next, without any input or output: the seam, and pages that can be asked by number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from medallion.errors import PageError, PaginationError
from medallion.source.decode import Decoded
from medallion.source.place import placed
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
    """Pages by number, until a total is reached, the source says that there is no more, or a page is empty.

    A short page is the end only where pages are declared *full*: sources cap the size that is asked for, and take records out of
    pages that were full. Otherwise the position behind it is marked ``short``: there an error that says "no such page" is the end
    as well.
    """

    param: str
    size_param: str | None = None
    size: int | None = None
    location: Literal["query", "body"] = "query"
    start: int = 1
    full: bool = False
    total_pages_path: str | None = None
    total_path: str | None = None
    has_more_path: str | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(path for path in (self.total_pages_path, self.total_path, self.has_more_path) if path)

    def first(self) -> Position:
        return {"page": self.start}

    def request(self, base: Request, position: Position) -> Request:
        request = placed(base, self.param, position["page"], self.location)
        return placed(request, self.size_param, self.size, self.location) if self.size_param and self.size else request

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
        elif (more := flag(decoded, self.has_more_path)) is not None:
            if not more:
                return DONE
        elif not count or (self.full and self.size and count < self.size):
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
            if flag(decoded, self.has_more_path) is False:
                return None
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
    location: Literal["query", "body"] = "query"
    full: bool = False
    total_path: str | None = None
    has_more_path: str | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(path for path in (self.total_path, self.has_more_path) if path)

    def first(self) -> Position:
        return {"offset": 0}

    def request(self, base: Request, position: Position) -> Request:
        return placed(placed(base, self.limit_param, self.limit, self.location), self.param, position["offset"], self.location)

    def after(self, position: Position, decoded: Decoded, answer: Answer) -> Position:  # noqa: ARG002
        offset, count = position["offset"], len(decoded.records)
        total, short = whole(decoded, self.total_path), "short" in position
        if total is not None:
            if offset + count >= total:
                return DONE
            if not count:
                raise _stopped_short(f"the page at offset {offset}", f"{total} records")
        elif (more := flag(decoded, self.has_more_path)) is not None:
            if not more:
                return DONE
            if not count:
                raise PaginationError(f"the page at offset {offset} is empty although {self.has_more_path!r} says that there is more")
        elif not count or (self.full and count < self.limit):
            return DONE
        return {"offset": offset + count, **({"short": True} if short or count < self.limit else {})}

    def ahead(self, position: Position, decoded: Decoded | None) -> Position | None:
        if "short" in position:
            return None  # the source decides how many come, so where the next page starts is not known
        if decoded is not None and flag(decoded, self.has_more_path) is False:
            return None
        offset = position["offset"] + self.limit
        total = whole(decoded, self.total_path) if decoded is not None else None
        return None if total is not None and offset >= total else {"offset": offset}

    def past_end(self, position: Position, status: int) -> bool:
        return "short" in position and status in PAST_END

    def mark(self, request: Request, position: Position) -> str | None:  # noqa: ARG002
        return None


@dataclass(frozen=True, kw_only=True)
class AtMost:
    """*rule*, ended after so many *pages*: positions count them."""

    rule: Paginator
    pages: int

    @property
    def paths(self) -> tuple[str, ...]:
        return self.rule.paths

    def first(self) -> Position:
        return self.rule.first()

    def request(self, base: Request, position: Position) -> Request:
        return self.rule.request(base, position)

    def after(self, position: Position, decoded: Decoded, answer: Answer) -> Position:
        if self._is_last(position):
            return DONE
        following = self.rule.after(position, decoded, answer)
        return following if following == DONE else self._counted(position, following)

    def ahead(self, position: Position, decoded: Decoded | None) -> Position | None:
        following = None if self._is_last(position) else self.rule.ahead(position, decoded)
        return None if following is None else self._counted(position, following)

    def past_end(self, position: Position, status: int) -> bool:
        return self.rule.past_end(position, status)

    def mark(self, request: Request, position: Position) -> str | None:
        return self.rule.mark(request, position)

    def _is_last(self, position: Position) -> bool:
        return bool(position.get("asked", 0) + 1 >= self.pages)

    def _counted(self, position: Position, following: Position) -> Position:
        return {**following, "asked": position.get("asked", 0) + 1}


def flag(decoded: Decoded, path: str | None) -> bool | None:
    """The truth value at *path* of a page, None where there is none; PageError for anything else."""
    value: Any = decoded.found.get(path) if path else None
    named = {"true": True, "false": False, "1": True, "0": False}
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (str, int)) and str(value).lower() in named:
        return named[str(value).lower()]
    raise PageError(f"{path!r} must be true or false, found {str(value)[:40]!r}")


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
