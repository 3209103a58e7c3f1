"""A cursor for each parent: what moves it, what it costs in the log, and when a parent is forgotten."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from bronze_fakes import LAYOUT, Lake, Rows, row, source
from hypothesis import given, settings
from hypothesis import strategies as st

from medallion.bronze import marks
from medallion.bronze.children import Children
from medallion.bronze.entry import ChunkEntry, Marks, RunAbandoned, RunCompleted, RunStarted
from medallion.bronze.orphans import orphans
from medallion.bronze.parents import ParentTable
from medallion.config.bound import parse_bound
from medallion.config.source import Source
from medallion.errors import ChecksumError, ConfigError, SourceUnavailable
from medallion.layout import BronzeLayout
from medallion.source.protocol import DONE, Lane, Page
from medallion.status import table_status

STORES = BronzeLayout(system="nyc", table="stores")


@dataclass
class Sold:
    """A LaneSource: the rows of each parent within its lane's window, *size* a page, *width* parents side by side."""

    rows: dict[int, list[int]]
    size: int = 2
    width: int = 3
    fail_at: int | None = None
    asked: dict[int, Any] = field(default_factory=dict)
    """Parent → where its requests started."""
    given: int = 0

    def pages(self, lanes: Iterable[Lane]) -> Iterator[Page]:
        coming, active = iter(lanes), list[tuple[Lane, int]]()
        while True:
            while len(active) < self.width and (lane := next(coming, None)) is not None:
                active.append((lane, 0 if lane.position is None else lane.position["page"]))
            if not active:
                return
            lane, number = active.pop(self.given % len(active))
            assert lane.parent is not None
            of, start, end = lane.parent["id"], lane.window.start, lane.window.end
            if self.given == self.fail_at:
                raise SourceUnavailable("down")
            self.given += 1
            self.asked[of] = start
            inside = [n for n in self.rows.get(of, []) if (start is None or n >= start) and (end is None or n < end)]
            last = (number + 1) * self.size >= len(inside)
            some = inside[number * self.size : (number + 1) * self.size]
            records = [json.dumps({"of": of, "n": n}).encode() for n in some]
            following = DONE if last else {"page": number + 1}
            yield Page(lane=lane.name, position={"page": number}, next=following, records=records, wire_bytes=1)
            if not last:
                active.append((lane, number + 1))


def child(*, endpoint: str = "/stores/{parent.id}", fields: tuple[str, ...] = ("id",), **incremental: Any) -> Source:
    """A source that is asked for each store, by number."""
    return source(
        endpoint=endpoint,
        parent={"source": "stores", "fields": list(fields)},
        incremental={"cursor_field": "n", "initial_value": 0, "end_param": "until"} | incremental,
    )


def stores(lake: Lake, *ids: int) -> None:
    """The parent is extracted, as a snapshot of these."""
    lake.extract(Rows([{"id": one, "code": f"{one}"} for one in ids]), source("full", name="stores", table="stores"))


def read(lake: Lake, sold: Sold, of: Source | None = None, **options: Any) -> Any:
    """The child is extracted."""
    of = child() if of is None else of
    assert of.parent is not None
    return lake.extract(
        Children(inner=sold, table=ParentTable(fs=lake.fs, layout=STORES, child=of.name, parent=of.parent)),  # type: ignore[arg-type]
        of,
        **options,
    )


def watermarks(lake: Lake, found: Marks | None = None) -> dict[int, int]:
    """Those in force, by parent."""
    found = found or lake.completed().watermarks
    assert found is not None
    return {json.loads(key)[0]: int(value) for _, key, value in marks.read(lake.fs, LAYOUT, found)}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.in_memory(tmp_path)


def test_each_parent_starts_at_its_own_watermark(lake: Lake) -> None:
    """Less the lookback; one that is new, or had no rows yet, begins at the beginning."""
    stores(lake, 1, 2, 3)
    of = child(lookback=2)
    read(lake, Sold({1: [5, 9, 7], 2: [30]}), of)
    assert watermarks(lake) == {1: 9, 2: 30}
    stores(lake, 1, 2, 3, 4)
    later = Sold({1: [9, 10], 2: [30], 3: [1], 4: [2]})
    read(lake, later, of)
    assert later.asked == {1: 7, 2: 28, 3: 0, 4: 0}
    assert watermarks(lake) == {1: 10, 2: 30, 3: 1, 4: 2}
    assert lake.completed().watermark is None


def test_a_parent_that_is_gone_is_forgotten(lake: Lake) -> None:
    """It is asked for from the beginning, should it come back: too much, never too little."""
    stores(lake, 1, 2)
    read(lake, Sold({1: [5], 2: [6]}))
    stores(lake, 2)
    read(lake, Sold({2: [6]}))
    assert watermarks(lake) == {2: 6}
    stores(lake, 1, 2)
    back = Sold({1: [5], 2: [6]})
    read(lake, back)
    assert back.asked == {1: 0, 2: 6}


def test_the_log_does_not_grow_with_the_parents(lake: Lake) -> None:
    """Entries name a file of watermarks by its hash; where none has moved it is the same file as before."""
    lake.bronze = lake.bronze.model_copy(update={"max_rows_per_file": 100_000})
    stores(lake, *range(2_000))
    read(lake, Sold({number: [number] for number in range(2_000)}))
    assert max(len(lake.fs.read(LAYOUT.entry(stored.version))) for stored in lake.log()) < 4_000
    before = lake.completed().watermarks
    assert before is not None
    assert before.parents == 2_000
    read(lake, Sold({}))
    assert lake.completed().watermarks == before
    assert table_status(lake.fs, LAYOUT).parents == 2_000


def test_a_run_that_is_resumed_knows_what_was_seen_before(lake: Lake) -> None:
    """Also of parents whose pages are not asked for again."""
    stores(lake, 1, 2, 3)
    sold = {1: [1, 2, 3], 2: [4], 3: [5, 6, 7, 8]}
    with pytest.raises(SourceUnavailable):
        read(lake, Sold(sold, fail_at=4))
    assert read(lake, Sold(sold)).resumed
    assert watermarks(lake) == {1: 3, 2: 4, 3: 8}
    assert sorted((one["of"], one["n"]) for one in lake.landed()) == [(of, n) for of, numbers in sold.items() for n in numbers]


def test_an_abandoned_run_keeps_the_watermarks_of_parents_that_were_done(lake: Lake) -> None:
    """Of those in its middle it keeps none: rows below what was seen had not come yet."""
    stores(lake, 1, 2)
    with pytest.raises(SourceUnavailable):
        read(lake, Sold({1: [3, 1], 2: [9, 8, 7, 6]}, width=2, fail_at=2))
    again = Sold({1: [3, 1], 2: [9, 8, 7, 6]})
    read(lake, again, child(endpoint="/v2/{parent.id}"))
    abandoned = next(stored.entry for stored in lake.log() if isinstance(stored.entry, RunAbandoned))
    assert watermarks(lake, abandoned.watermarks) == {1: 3}
    assert again.asked == {1: 3, 2: 0}
    assert watermarks(lake) == {1: 3, 2: 9}


def test_backfills_and_full_refreshes_go_by_their_own_start(lake: Lake) -> None:
    """A backfill moves no watermark, a full refresh begins again and forgets none."""
    stores(lake, 1, 2)
    read(lake, Sold({1: [5], 2: [6]}))
    back = Sold({1: [2, 90], 2: []})
    read(lake, back, from_=parse_bound(2), to=parse_bound(4))
    assert back.asked == {1: 2, 2: 2}
    assert watermarks(lake) == {1: 5, 2: 6}
    again = Sold({1: [1]})
    read(lake, again, full_refresh=True)
    assert again.asked == {1: 0, 2: 0}
    assert watermarks(lake) == {1: 5, 2: 6}


def test_watermarks_of_other_fields_are_not_taken_for_these(lake: Lake) -> None:
    """Another cursor is refused; parents told apart by another field are other parents."""
    stores(lake, 1, 2)
    read(lake, Sold({1: [5], 2: [6]}))
    with pytest.raises(ConfigError, match="full-refresh"):
        read(lake, Sold({}), child(cursor_field="of"))
    by_code = child(endpoint="/stores/{parent.code}", fields=("code",))
    asked: list[Any] = []

    class Codes(Sold):
        def pages(self, lanes: Iterable[Lane]) -> Iterator[Page]:
            for lane in lanes:
                asked.append((lane.parent, lane.window.start))
                yield Page(lane=lane.name, position={}, next=DONE, records=[], wire_bytes=1)

    read(lake, Codes({}), by_code)
    assert asked == [({"code": "1"}, 0), ({"code": "2"}, 0)]


def test_vacuum_keeps_the_watermarks_in_force(lake: Lake) -> None:
    """And those only: files of chunks and of earlier runs are nobody's once a run is complete."""
    stores(lake, 1)
    for rows in ([1], [1, 2], [1, 2, 3]):
        read(lake, Sold({1: rows}))
    now = lake.completed().watermarks
    assert now is not None
    found = orphans(lake.fs, LAYOUT)
    assert [file.path for file in found if "watermarks-" not in file.path] == []
    assert len(found) == 5
    for file in found:
        lake.fs.delete(file.path)
    later = Sold({1: [3, 4]})
    read(lake, later)
    assert later.asked == {1: 3}


def test_a_file_of_watermarks_that_was_changed_is_found(lake: Lake) -> None:
    """By its hash, before anything is asked."""
    stores(lake, 1)
    read(lake, Sold({1: [1]}))
    found = lake.completed().watermarks
    assert found is not None
    lake.fs.put(LAYOUT.within(found.path), b"PAR1")
    with pytest.raises(ChecksumError, match="watermarks-"):
        read(lake, Sold({1: [1]}))


def test_instants_work_as_numbers_do(lake: Lake) -> None:
    """Rows that come after the run opened do not move a watermark."""
    stores(lake, 1)
    late = lake.clock.now().isoformat().replace("+00:00", "Z")

    class Events(Sold):
        def pages(self, lanes: Iterable[Lane]) -> Iterator[Page]:
            for lane in lanes:
                self.asked[1] = lane.window.start
                records = [json.dumps(one).encode() for one in (row(1), {"id": 2, "at": late})]
                yield Page(lane=lane.name, position={}, next=DONE, records=records, wire_bytes=1)

    of = child(cursor_field="at", initial_value="2013-01-01", end_param=None)
    read(lake, Events({}), of)
    later = Events({})
    read(lake, later, of)
    assert later.asked == {1: parse_bound("2013-01-01T00:01:00Z")}


@given(
    rows=st.dictionaries(st.integers(1, 5), st.lists(st.integers(1, 30), max_size=5, unique=True), min_size=1),
    runs=st.lists(
        st.tuples(st.integers(0, 9), st.sets(st.integers(1, 5), min_size=1), st.sampled_from([0, 2]), st.sampled_from([1, 2])), max_size=5
    ),
    width=st.integers(1, 3),
)
@settings(max_examples=min(40, settings().max_examples))
def test_every_row_up_to_a_parents_watermark_is_in_bronze(
    rows: dict[int, list[int]],
    runs: list[tuple[int, set[int], int, int]],
    width: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """In whatever order rows and parents come, wherever a run breaks, whatever changes between runs, parents included."""
    lake = Lake.in_memory(tmp_path_factory.mktemp("spool"))
    lake.bronze = lake.bronze.model_copy(update={"max_rows_per_file": 3})
    undisturbed = (999, set(rows), 0, 2)
    for breaks, known, lookback, size in [*runs, undisturbed, undisturbed]:  # the first one may resume a run with fewer parents
        stores(lake, *known)
        sold = Sold(rows, size=size, width=width, fail_at=breaks)
        try:
            read(lake, sold, child(endpoint=f"/{size}/{{parent.id}}", lookback=lookback))
        except SourceUnavailable:
            assert breaks == sold.given
        landed = {(one["of"], one["n"]) for one in lake.landed()}
        for stored in lake.log():
            entry = stored.entry
            if isinstance(entry, RunStarted | RunCompleted | RunAbandoned) and entry.watermarks is not None:
                for of, mark in watermarks(lake, entry.watermarks).items():
                    assert all((of, n) in landed for n in rows.get(of, []) if n <= mark)
    assert {(of, n) for of, numbers in rows.items() for n in numbers} <= {(one["of"], one["n"]) for one in lake.landed()}
    assert not any(isinstance(stored.entry, ChunkEntry) and stored.entry.watermark for stored in lake.log())
