"""A source that is asked once for each record of another one: as many lanes as there are parents, in one lane of the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any, cast

import msgspec

from medallion.bronze.entry import ParentCut
from medallion.bronze.parents import ParentTable
from medallion.bronze.roster import Roster
from medallion.config.bound import Bound, is_before
from medallion.source.protocol import DONE, Lane, LaneSource, Page, Position, Window


@dataclass(kw_only=True)
class Front:
    """How far the parents are done: all numbers before *next*, but for those in *open*, which are as many as are asked at a time."""

    next: int = 1
    open: dict[int, Position | None] = field(default_factory=dict)
    """Where their lanes go on; None: at the beginning."""

    @classmethod
    def at(cls, position: Position | None) -> Front:
        """The front that *position* spells."""
        if position is None:
            return cls()
        return cls(next=position["next"], open={int(number): where for number, where in position["open"].items()})

    @property
    def position(self) -> Position:
        """The front as it stands in the log."""
        return {"next": self.next, "open": {str(number): None if where is None else dict(where) for number, where in self.open.items()}}

    def is_done(self, number: int) -> bool:
        """Whether all pages of the parent *number* are there."""
        return number < self.next and number not in self.open

    def pass_page(self, number: int, following: Position) -> None:
        """A page of the parent *number* is there; its lane goes on at *following*."""
        for skipped in range(self.next, number):
            self.open[skipped] = None
        self.next = max(self.next, number + 1)
        if following == DONE:
            self.open.pop(number, None)
        else:
            self.open[number] = following


@dataclass(frozen=True, kw_only=True)
class Children:
    """What is asked for each record of *table*; *inner* gives the pages of any number of lanes."""

    inner: LaneSource
    table: ParentTable

    def of(
        self, cut: ParentCut, roster: Roster, notice: Callable[[str], None], since: Callable[[str | None], Bound] | None = None
    ) -> ChildPages:
        """The pages for the records up to *cut*, which are all in *roster* then.

        *since* says where requests for a parent start, by its watermark; None: where the lane does.
        """
        without = 0
        for keys in self.table.keys(cut):
            roster.add(key for key in keys if key is not None)
            without += keys.count(None)
        if without:
            fields = ", ".join(self.table.parent.fields)
            notice(f"nothing is asked for {without} of the records of {cut.source}, which have no value in {fields}")
        return ChildPages(inner=self.inner, table=self.table, roster=roster, notice=notice, since=since)


@dataclass(frozen=True, kw_only=True)
class ChildPages:
    """A PageSource whose lanes are made of those of all parents in *roster*, several at a time; a position is a :class:`Front`."""

    inner: LaneSource
    table: ParentTable
    roster: Roster
    notice: Callable[[str], None]
    since: Callable[[str | None], Bound] | None = None

    def pages(self, lanes: Sequence[Lane]) -> Iterator[Page]:
        """See PageSource."""
        for lane in lanes:
            yield from self._lane(lane)

    def _lane(self, lane: Lane) -> Iterator[Page]:
        front, count, missing = Front.at(lane.position), len(self.roster), 0
        parent = self.table.parent
        before = front.position
        with closing(cast(Any, self.inner.pages(self._each(lane, replace(front, open=dict(front.open)))))) as pages:
            try:
                for page in pages:
                    front.pass_page(int(page.lane), page.next)
                    missing += page.missing
                    following = DONE if front.next > count and not front.open else front.position
                    records = self._with_parent(int(page.lane), page.records) if parent.include else page.records
                    yield replace(page, lane=lane.name, position=before, next=following, records=records, parent=int(page.lane))
                    before = following
            finally:
                if missing:
                    self.notice(f"404 or 410 for {missing} of {count} records of {parent.source}: they are skipped (on_missing)")

    def _each(self, lane: Lane, front: Front) -> Iterator[Lane]:
        """The lanes of the parents that are not done: those that were begun, then the others."""
        for number, key in self.roster.some(sorted(front.open)).items():
            yield Lane(name=str(number), window=self._window(lane, key), position=front.open[number], parent=self._fields(key))
        for number, key in self.roster.since(front.next):
            yield Lane(name=str(number), window=self._window(lane, key), parent=self._fields(key))

    def _window(self, lane: Lane, key: str) -> Window:
        """The range of a parent: from its own watermark on, where the lane has no start for all of them."""
        end = lane.window.end
        if lane.window.start is not None or self.since is None:
            return lane.window
        start = self.since(self.roster.mark(key))
        return Window(start=end if end is not None and is_before(end, start) else start, end=end)

    def _fields(self, key: str) -> Mapping[str, Any]:
        return dict(zip(self.table.parent.fields, msgspec.json.decode(key), strict=True))

    def _with_parent(self, number: int, records: Sequence[bytes]) -> list[bytes]:
        """*records* with the fields of their parent that are to be included, first."""
        parent = self.table.parent
        fields = self._fields(self.roster.some([number])[number])
        first = msgspec.json.encode({f"_{parent.source}_{name}": fields[name] for name in parent.include})[:-1]
        return [_joined(first, record) for record in records]


def _joined(first: bytes, record: bytes) -> bytes:
    """*record* with fields in front; as it is where it is a line that is no record, and stands as a string."""
    if record[:1] != b"{":
        return record
    return first + (b"}" if record[1:].strip() == b"}" else b"," + record[1:])
