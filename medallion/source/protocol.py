"""The seams to a source: lanes of pages, of records or of Spark frames, each resumable after any of them."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from medallion.config.bound import Bound
from medallion.errors import MedallionError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Position: TypeAlias = Mapping[str, Any]
"""Where a request of a lane starts, as JSON: ``{"page": 3}``, ``{"cursor": "abc"}``. It is stored in the log."""


class FileVersion(NamedTuple):
    """A file as it was listed: a changed one is another version. *path* is relative to what is read, *modified* in ISO 8601."""

    path: str
    size: int
    modified: str


DONE: Position = {"done": True}
"""The position behind the last page of a lane."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """A half-open range ``[start, end)`` of the cursor field, of instants or of numbers (Decimal); None: unbounded."""

    start: Bound | None
    end: Bound | None


@dataclass(frozen=True, kw_only=True)
class Lane:
    """An ordered stream of pages: one window of the run's bounds, or the whole of it.

    *position* is where to start: ``None`` at the beginning, otherwise what the log says.
    """

    name: str
    window: Window
    position: Position | None = None
    parent: Mapping[str, Any] | None = None
    """The fields of a parent's record that its requests are made from, as JSON values."""
    taken: Container[FileVersion] = ()
    """Of a source of files that takes each once: those that earlier frames and runs brought, see :class:`Frame`."""


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
    parent: int | None = None
    """Number of the parent's record that was asked for, where the lane is made of those of several."""
    missing: bool = False
    """Whether the source says that there is nothing of this lane, as with 404; the page is empty then, and the only one."""


class PageSource(Protocol):
    """Gives the pages of lanes: in order within a lane, lanes interleaved in any way."""

    def pages(self, lanes: Sequence[Lane]) -> Iterator[Page]:
        """The pages of all *lanes*, each exactly once.

        Closing the iterator early ends all requests. Raises SourceError when a page cannot be had, after the pages
        before it in its lane were given; StoppedEarly when waiting longer makes no sense now.
        """


class LaneSource(Protocol):
    """A PageSource that takes lanes one by one, as it comes to them, so that there may be any number of them."""

    def pages(self, lanes: Iterable[Lane]) -> Iterator[Page]:
        """See PageSource."""


Record: TypeAlias = Mapping[str, Any] | bytes
"""One record: a mapping of what JSON can hold (dates, decimals and bytes become text), or a JSON object as UTF-8."""


class RecordSource(Protocol):
    """Gives records one by one: the simplest source to write. Pages are made of them by :mod:`medallion.source.records`."""

    def records(self, lane: Lane) -> Iterator[tuple[Record, Position | None]]:
        """The records of *lane* from its position on, each exactly once, in the same order whenever it is asked.

        Each comes with the position that gives exactly those behind it; None: it cannot be resumed here, only behind a later one.
        Rows of a lane with a window are those of ``[start, end)``. Closing the iterator early ends all work.
        """


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Rows that Spark's executors read and land in one job, and that one log entry lists.

    Columns have any names and types: :mod:`medallion.bronze.typed` says how they land. *position* and *next* are those of a Page.
    """

    lane: str
    position: Position
    next: Position
    rows: DataFrame
    rescued: str | None = None
    """The column of *rows* that is no data but text for ``_rescued`` (JSON, null for most), such as lines that could not be read."""
    taken: Sequence[FileVersion] = ()
    """Files that are read with it for good: they stand in the log beside its rows, and in the lanes of later runs."""
    check: Callable[[], None] | None = None
    """Called once its rows are written and before they are committed: raises SourceError where what was read has changed meanwhile."""


class FrameSource(Protocol):
    """Gives the frames of lanes: in order within a lane. What it reads is fixed by lane and position, so that it can be read again."""

    def ceiling(self, spark: SparkSession) -> Bound | None:
        """Where what is there now ends: all of it is before this instant or number, which becomes the end of the run that opens.

        Asked once a run, before anything is read; a resumed run keeps its end. None: the run ends where the clock is, and where the
        cursor is a number it has no end.
        """

    def frames(self, spark: SparkSession, lanes: Sequence[Lane]) -> Iterator[Frame]:
        """The frames of all *lanes*, each exactly once; a frame is landed before the next one is taken.

        Rows of a lane with a window are those of ``[start, end)``. Raises SourceError when rows cannot be had.
        """

    def failure(self, said: str) -> MedallionError | None:
        """The typed error behind what Spark *said* when it failed to read or land a frame; None: it is not the source's."""
