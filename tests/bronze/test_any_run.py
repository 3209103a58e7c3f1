"""Runs of any configuration, one after the other, over a source that grows, killed anywhere: nothing is lost, nothing altered."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from bronze_fakes import LAYOUT, Lake, MemoryFileSystem, source
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kept import lost

from medallion.bronze.log import LogReader
from medallion.bronze.state import open_state
from medallion.config.bound import Bound, is_before, parse_bound
from medallion.config.source import Source
from medallion.config.values import show_instant
from medallion.errors import SourceUnavailable
from medallion.source.protocol import DONE, Lane, Page
from medallion.testing.clock import FakeClock

RUNS = int(os.environ.get("MEDALLION_RUNS", settings().max_examples))
"""Series of runs that are tried; `make test-slow` asks for more."""


class KilledError(BaseException):
    """What ends a process here."""


class Mortal(MemoryFileSystem):
    """A store whose driver dies *left* changes of it later, with that change made (*too_late*) or not; dead, it changes nothing."""

    left: int | None = None
    too_late = False

    def _change(self, make: Callable[[], None]) -> None:
        if self.left is None or self.left > 0:
            self.left = None if self.left is None else self.left - 1
            return make()
        if self.left == 0 and self.too_late:
            make()
        self.left = -1
        raise KilledError

    def put_if_absent(self, path: str, data: bytes) -> None:
        self._change(lambda: super(Mortal, self).put_if_absent(path, data))

    def put(self, path: str, data: bytes) -> None:
        self._change(lambda: super(Mortal, self).put(path, data))

    def upload(self, local: Path, path: str) -> None:
        self._change(lambda: super(Mortal, self).upload(local, path))

    def delete(self, path: str) -> None:
        self._change(lambda: super(Mortal, self).delete(path))


@dataclass(kw_only=True)
class Feed:
    """Records that come one after the other, each with the moment (or the number) of its coming in ``at``.

    Those with moments may stand in another order; numbers say only in their own order how far a source has come.
    """

    clock: FakeClock
    by_number: bool
    shuffled: bool
    backwards: bool
    """Whether the last window comes first."""
    size: int
    records: list[dict[str, Any]] = field(default_factory=list)
    bounded: bool = True
    """Whether the source is told where to end."""
    down_at: int | None = None
    """How many pages it gives before it is away."""
    arriving: int = 0
    """How many records will still come while it is read, one before each page."""

    def arrive(self, more: dict[str, Any]) -> None:
        number = len(self.records)
        self.records.append({**more, "id": number, "at": number if self.by_number else show_instant(self.clock.now())})

    def pages(self, lanes: Sequence[Lane]) -> Iterator[Page]:
        for lane in reversed(lanes) if self.backwards else lanes:
            number, last = 0 if lane.position is None else int(lane.position["page"]), False
            while not last:
                if self.down_at == 0:
                    raise SourceUnavailable("down")
                self.down_at = None if self.down_at is None else self.down_at - 1
                self.clock.advance(7)
                if self.arriving:
                    self.arriving -= 1
                    self.arrive({})
                found = [one for one in self.records if self._is_in(one, lane)]
                if self.shuffled:  # what comes moves what was there back, so that it is met twice at most
                    found.sort(key=lambda one: one["id"] * 7919 % 31)
                first = number * self.size
                last = first + self.size >= len(found)
                after = DONE if last else {"page": number + 1}
                records = [json.dumps(one).encode() for one in found[first : first + self.size]]
                yield Page(lane=lane.name, position={"page": number}, next=after, records=records, wire_bytes=1, sha256="")
                number += 1

    def _is_in(self, record: dict[str, Any], lane: Lane) -> bool:
        at, window = cursor(record), lane.window
        begun = window.start is None or not is_before(at, window.start)
        return begun and (not self.bounded or window.end is None or is_before(at, window.end))


def cursor(record: dict[str, Any]) -> Bound:
    """Where a record stands."""
    return parse_bound(record["at"])


VALUES = st.sampled_from([None, True, 1, 2**63, 0.5, "x", "2013-01-01", [], [1], [1, "x"], {}, {"x": 1}, {"x": "y", "z": {"x": 1}}])
RECORDS = st.dictionaries(st.sampled_from(["a", "b", "B", "_row", "a b"]), VALUES, max_size=3)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "endpoint": st.sampled_from(["/a", "/b"]),
        "load_pattern": st.sampled_from(["cdc", "current_history"]),
        "new_columns": st.sampled_from(["evolve", "rescue"]),
        "type_changes": st.sampled_from(["evolve", "rescue"]),
        "sorted": st.booleans(),
        "bounded": st.booleans(),
        "window": st.sampled_from([None, "5m", "10m"]),
        "lookback": st.sampled_from([0, 3]),
        "rows": st.integers(1, 5),
    },
)
FATES = st.one_of(
    st.just({}),
    st.builds(lambda pages: {"down_at": pages}, st.integers(0, 6)),
    st.builds(lambda left, too_late: {"left": left, "too_late": too_late}, st.integers(0, 12), st.booleans()),
)
RANGES = st.sampled_from(["", "", "", "full", "from", "to"])
ARRIVED = st.lists(st.tuples(st.sampled_from([1, 1, 200]), RECORDS), max_size=6)
STEPS = st.lists(st.tuples(ARRIVED, CHANGES, FATES, RANGES, st.integers(0, 2), st.sampled_from([0, 1, 1000])), max_size=8)


def configured(settings: dict[str, Any], feed: Feed) -> Source:
    """A source as configured now, over *feed*."""
    incremental = {"initial_value": 0 if feed.by_number else "2026-11-23T07:55:00Z", "sorted": settings["sorted"]}
    incremental |= {"end_param": "until"} if feed.bounded else {}
    if settings["lookback"]:
        incremental["lookback"] = settings["lookback"] if feed.by_number else f"{settings['lookback']}m"
    if settings["window"] and feed.bounded and not feed.by_number:
        incremental["window"] = settings["window"]
    contract = {key: settings[key] for key in ("new_columns", "type_changes")}
    return source(settings["load_pattern"], incremental=incremental, endpoint=settings["endpoint"], schema_contract=contract)


def options_of(range_: str, feed: Feed, began: Any) -> dict[str, Any]:
    """What the command line says of a run: nothing, a full refresh, or a range from early on."""
    bounds = [Decimal(2), Decimal(6)] if feed.by_number else [began + timedelta(seconds=20), began + timedelta(seconds=900)]
    if range_ == "full":
        return {"full_refresh": True}
    return {"from_": bounds[0], "to": bounds[1] if feed.bounded and range_ == "to" else None} if range_ else {}


@dataclass(kw_only=True)
class Read:
    """What was read of a table, chunk by chunk."""

    lake: Lake
    chunks: dict[str, set[int]] = field(default_factory=dict)
    """Path → the ids of its records."""

    def whole(self, records: Sequence[dict[str, Any]]) -> set[int]:
        """The ids of those of *records* that Bronze has now, each row saying all that its record did."""
        found = set[int]()
        for chunk in self.lake.chunks():
            if chunk.file.path not in self.chunks:
                columns, rows = self.lake.columns(chunk), self.lake.rows(chunk)
                assert [lost(json.dumps(records[row["id"]]).encode(), columns, row) for row in rows] == [[]] * chunk.rows
                self.chunks[chunk.file.path] = {row["id"] for row in rows}
            found |= self.chunks[chunk.file.path]
        return found


@settings(max_examples=RUNS, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, by_number=st.booleans(), shuffled=st.booleans(), backwards=st.booleans(), size=st.integers(1, 3))
def test_every_record_at_or_before_the_watermark_is_in_bronze_as_it_was(
    steps: list[Any], by_number: bool, shuffled: bool, backwards: bool, size: int
) -> None:
    """Whatever came before: orders, kills, sources that are away, backfills, and configurations that change between and within runs."""
    with tempfile.TemporaryDirectory() as folder:
        fs = Mortal()
        lake = Lake(fs, Path(folder))
        began = lake.clock.now()
        feed = Feed(clock=lake.clock, by_number=by_number, shuffled=shuffled and not by_number, backwards=backwards, size=size)
        read = Read(lake=lake)
        config: dict[str, Any] = {"endpoint": "/a", "load_pattern": "cdc", "new_columns": "evolve", "type_changes": "rescue"}
        config |= {"sorted": False, "bounded": True, "window": None, "lookback": 0, "rows": 2}
        for arrived, changes, fate, range_, arriving, seconds in [*steps, ([], {}, {}, "", 0, 60), ([], {}, {}, "", 0, 60)]:
            for wait, record in arrived:
                lake.clock.advance(wait)
                feed.arrive(record)
            lake.clock.advance(seconds)
            config |= changes
            feed.bounded, feed.down_at, feed.arriving = config["bounded"], fate.get("down_at"), arriving
            fs.left, fs.too_late = fate.get("left"), fate.get("too_late", False)
            lake.bronze = lake.bronze.model_copy(update={"max_rows_per_file": config["rows"]})
            with suppress(KilledError, SourceUnavailable):
                lake.extract(feed, configured(config, feed), **options_of(range_, feed, began))
            fs.left = None
            found, mark = read.whole(feed.records), open_state(LogReader(fs, LAYOUT)).watermark
            if mark is not None:
                assert {one["id"] for one in feed.records if not is_before(parse_bound(mark), cursor(one))} <= found
        assert found == {one["id"] for one in feed.records}
