"""When a chunk ends: whole pages, up to a number of rows, an estimate of bytes, or an age."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from medallion.bronze.entry import Asked, Format
from medallion.bronze.spool import Spooled
from medallion.schema import Type
from medallion.source.protocol import Page, Position

GUESSES: Mapping[Format, float] = {"parquet": 0.25, "csv": 1.0}
"""Bytes of a file for each byte of JSON, before a chunk of the table has shown it."""
OPEN_BYTES = 128 * 1024**2
"""A chunk never holds more JSON than this, however well it compresses: memory is bounded."""


MOST_PAGES = 10_000
"""Pages of a chunk, at most, however small: its entry says for each of their lanes where it goes on, and is bounded."""


@dataclass(frozen=True, kw_only=True)
class ChunkLimits:
    """Where chunks are cut; *file_bytes* is met by estimate, the others exactly, a single page that exceeds them apart."""

    rows: int
    file_bytes: int
    age: timedelta


@dataclass(frozen=True, kw_only=True)
class ReadyChunk:
    """Whole pages that will land together. *asked* and *resume* name lanes; *files* are in the types of *columns*."""

    files: Future[list[Spooled]]
    """None of them where the pages hold no row."""
    columns: Mapping[str, Type]
    changes: tuple[str, ...]
    """What changed in the schema since the chunk before."""
    rows: int
    json_bytes: int
    resume: Mapping[str, Position]
    asked: Asked
    rescued: int = 0
    """Rows with a value that fitted no column."""
    candidates: Mapping[int, str] = field(default_factory=dict)
    """The highest cursor value of each parent with rows, by the parent's number."""


@dataclass(kw_only=True)
class Yield:
    """How many bytes of file a byte of JSON becomes, learned from the chunks written so far."""

    ratio: float = GUESSES["parquet"]

    def learn(self, json_bytes: int, file_bytes: int) -> None:
        """A chunk of *json_bytes* became *file_bytes*; small ones say little and are not heard."""
        if json_bytes >= 64 * 1024:
            self.ratio = file_bytes / json_bytes

    def estimate(self, json_bytes: int) -> int:
        """Bytes of file that *json_bytes* will become."""
        return int(json_bytes * self.ratio)


@dataclass(kw_only=True)
class OpenChunk:
    """What the pages of a chunk come to: announced as they come, taken with their rows once they are parsed, until :meth:`close`."""

    limits: ChunkLimits
    yields: Yield
    _opened: float | None = None
    _announced_pages: int = 0
    _announced_rows: int = 0
    _announced_bytes: int = 0
    _bytes: int = 0
    _pages: int = 0
    _rows: int = 0
    _rescued: int = 0
    _first: dict[str, dict[str, Any]] = field(default_factory=dict)
    _last: dict[str, dict[str, Any]] = field(default_factory=dict)
    _resume: dict[str, dict[str, Any]] = field(default_factory=dict)

    def has_room(self, rows: int, json_bytes: int) -> bool:
        """Whether a page of that size may join; the first one with rows always may."""
        if self._announced_rows == 0:
            return True
        together = self._announced_bytes + json_bytes
        return (
            self._announced_rows + rows <= self.limits.rows
            and self.yields.estimate(together) <= self.limits.file_bytes
            and together <= OPEN_BYTES
        )

    def announce(self, rows: int, json_bytes: int, now: float) -> None:
        """A page of that size will be taken; *now* is monotonic."""
        if self._opened is None:
            self._opened = now
        self._announced_pages += 1
        self._announced_rows += rows
        self._announced_bytes += json_bytes

    def is_due(self, now: float) -> bool:
        """Whether the chunk has reached its size or its age."""
        if self._opened is None:
            return False
        return not self.has_room(1, 0) or self._announced_pages >= MOST_PAGES or now - self._opened >= self.limits.age.total_seconds()

    def take(self, page: Page, json_bytes: int) -> None:
        """*page* belongs to this chunk; its rows come with :meth:`add`."""
        self._bytes += json_bytes
        self._pages += 1
        self._first.setdefault(page.lane, dict(page.position))
        self._last[page.lane] = dict(page.position)
        self._resume[page.lane] = dict(page.next)

    def add(self, rows: int, *, rescued: int = 0) -> None:
        """As many rows came of the pages that were just taken, *rescued* of them with a value that fitted no column."""
        self._rows += rows
        self._rescued += rescued

    @property
    def has_rows(self) -> bool:
        """Whether rows were added already."""
        return self._rows > 0

    def close(
        self, columns: Mapping[str, Type], files: Callable[[], Future[list[Spooled]]], changes: tuple[str, ...] = ()
    ) -> ReadyChunk | None:
        """What was taken, in *files*; None if there was no page. The chunk is empty then and starts again."""
        ready = None
        if self._pages:
            ready = ReadyChunk(
                files=files(),
                columns=columns,
                changes=changes,
                rows=self._rows,
                rescued=self._rescued,
                json_bytes=self._bytes,
                resume=self._resume,
                asked=Asked(pages=self._pages, first=self._first, last=self._last),
            )
        self._opened, self._announced_rows, self._announced_bytes, self._bytes, self._pages = None, 0, 0, 0, 0
        self._announced_pages = self._rescued = 0
        self._rows, self._first, self._last, self._resume = 0, {}, {}, {}
        return ready
