"""The seams to a source: lanes of pages, or of records, each resumable after any of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias

Position: TypeAlias = Mapping[str, Any]
"""Where a request of a lane starts, as JSON: ``{"page": 3}``, ``{"cursor": "abc"}``. It is stored in the log."""

DONE: Position = {"done": True}
"""The position behind the last page of a lane."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """A half-open range ``[start, end)`` of the cursor field; None: unbounded."""

    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, kw_only=True)
class Lane:
    """An ordered stream of pages: one window of the run's bounds, or the whole of it.

    *position* is where to start: ``None`` at the beginning, otherwise what the log says.
    """

    name: str
    window: Window
    position: Position | None = None


@dataclass(frozen=True, kw_only=True)
class Page:
    """One answer, taken apart. *records* are JSON objects as the source wrote them, one each.

    *next* is where the lane goes on after this page, :data:`DONE` at its end: once a page is committed,
    *next* is committed with it, in one log entry.
    """

    lane: str
    position: Position
    next: Position
    records: Sequence[bytes]
    wire_bytes: int
    sha256: str = ""
    """Of the answer's decoded body, where the source knows it. HTTP leaves it empty: nothing reads it, and it costs as much as decoding."""


class PageSource(Protocol):
    """Gives the pages of lanes: in order within a lane, lanes interleaved in any way."""

    def pages(self, lanes: Sequence[Lane]) -> Iterator[Page]:
        """The pages of all *lanes*, each exactly once.

        Closing the iterator early ends all requests. Raises SourceError when a page cannot be had, after the pages
        before it in its lane were given; StoppedEarly when waiting longer makes no sense now.
        """


Record: TypeAlias = Mapping[str, Any] | bytes
"""One record: a mapping of what JSON can hold (dates, decimals and bytes become text), or a JSON object as UTF-8."""


class RecordSource(Protocol):
    """Gives records one by one: the simplest source to write. Pages are made of them by :mod:`medallion.source.records`."""

    def records(self, lane: Lane) -> Iterator[tuple[Record, Position | None]]:
        """The records of *lane* from its position on, each exactly once, in the same order whenever it is asked.

        Each comes with the position that gives exactly those behind it; None: it cannot be resumed here, only behind a later one.
        Rows of a lane with a window are those of ``[start, end)``. Closing the iterator early ends all work.
        """
