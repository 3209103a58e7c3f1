"""Windows of the feed: the changes of ``[since, until)`` in the order of delivery, page by page, built month by month."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from medallion.demo import changes, flights
from medallion.demo.changes import Segment


@dataclass(frozen=True, kw_only=True)
class Run:
    """Changes of one segment that stand next to each other: ``[first, last)``."""

    segment: Segment
    first: int
    last: int


class Feed:
    """All changes. A month is prepared when it is first needed (about 0.3 s), or by :meth:`prepare`."""

    def __init__(self) -> None:
        self._flights: pa.Table | None = None
        self._segments: dict[int, Segment] = {}
        self.window = lru_cache(maxsize=256)(self._window)
        """The changes with ``since <= updated_at < until`` (seconds since 1970)."""

    def prepare(self, month: int) -> Segment:
        """A month of ``updated_at``; 13 is January 2014."""
        if month not in self._segments:
            if self._flights is None:
                self._flights = flights.listed()
            self._segments[month] = changes.build(self._flights, month)
            pa.default_memory_pool().release_unused()
        return self._segments[month]

    def _window(self, since: int, until: int) -> Window:
        return Window(self, since, until)


class Window:
    """The changes of ``[since, until)``: always the same ones in the same order."""

    def __init__(self, feed: Feed, since: int, until: int) -> None:
        self._feed, self._since, self._until = feed, since, until
        self._months = [month for month in changes.MONTHS if changes.month_start(month) < until and since < changes.month_start(month + 1)]
        self._runs: list[Run] = []
        self._ends: list[int] = []

    def total(self) -> int:
        """How many changes there are; prepares every month of the window."""
        while self._months:
            self._extend()
        return self._ends[-1] if self._ends else 0

    def rows(self, first: int, count: int) -> tuple[bytes, bool]:
        """The changes from *first* on, at most *count*, comma-separated; and whether more come after them."""
        while self._months and (not self._ends or self._ends[-1] <= first + count):
            self._extend()
        pieces: list[memoryview] = []
        at, left = bisect_right(self._ends, first), count
        while left > 0 and at < len(self._runs):
            run = self._runs[at]
            skip = max(0, first - (self._ends[at] - (run.last - run.first)))
            take = min(left, run.last - run.first - skip)
            pieces.append(run.segment.slice(run.first + skip, run.first + skip + take))
            left -= take
            at += 1
        return b",".join(pieces), bool(self._ends) and self._ends[-1] > first + count

    def _extend(self) -> None:
        """Takes in one more month."""
        segment = self._feed.prepare(self._months[0])
        del self._months[0]
        inside = pc.indices_nonzero(pc.and_(pc.greater_equal(segment.at, self._since), pc.less(segment.at, self._until)))
        if len(inside) == 0:
            return
        gaps = pc.indices_nonzero(pc.greater(pc.subtract(inside[1:], inside[:-1]), 1)).to_pylist()
        for first, last in zip([0, *(gap + 1 for gap in gaps)], [*gaps, len(inside) - 1], strict=True):
            self._runs.append(Run(segment=segment, first=inside[first].as_py(), last=inside[last].as_py() + 1))
            self._ends.append((self._ends[-1] if self._ends else 0) + last - first + 1)
