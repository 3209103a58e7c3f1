"""One source asked for each record of another one: which records those are, and what a break costs."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from bronze_fakes import Lake, Rows, row, source
from hypothesis import given
from hypothesis import strategies as st

from medallion.bronze.children import Children, Front
from medallion.bronze.entry import ChunkEntry
from medallion.bronze.parents import ParentTable
from medallion.bronze.roster import Roster
from medallion.config.source import Parent, Source
from medallion.errors import ChecksumError, ConfigError, MedallionError, SourceUnavailable, StateError
from medallion.events import Noticed
from medallion.layout import BronzeLayout
from medallion.source.protocol import DONE, Lane, Page

AIRPORTS = BronzeLayout(system="nyc", table="airports")


@dataclass
class Kin:
    """A LaneSource: *count* pages of two records for each parent, *width* lanes side by side, one page each in turn."""

    count: dict[int, int]
    width: int = 3
    fail_at: int | None = None
    asked: list[tuple[int, int]] = field(default_factory=list)

    def pages(self, lanes: Iterable[Lane]) -> Iterator[Page]:
        coming, active = iter(lanes), list[tuple[Lane, int]]()
        while True:
            while len(active) < self.width and (lane := next(coming, None)) is not None:
                active.append((lane, 0 if lane.position is None else lane.position["page"]))
            if not active:
                return
            lane, number = active.pop(len(self.asked) % len(active))
            assert lane.parent is not None
            of = lane.parent["id"]
            if len(self.asked) == self.fail_at:
                raise SourceUnavailable("down")
            self.asked.append((of, number))
            pages = self.count.get(of, 1)
            after = DONE if number + 1 >= pages else {"page": number + 1}
            records = [json.dumps({"of": of, "at": f"{number}.{one}"}).encode() for one in range(2)] if pages else []
            yield Page(lane=lane.name, position={"page": number}, next=after, records=records, wire_bytes=1, missing=not pages)
            if after != DONE:
                active.append((lane, number + 1))


def child(**parent: Any) -> Source:
    """A source that is asked for each id of the airports."""
    return source("full", endpoint="/airports/{parent.id}", parent={"source": "airports", "fields": ["id"], **parent})


def children(lake: Lake, kin: Kin, of: Source) -> Children:
    """The pages of *of*, by *kin*."""
    assert of.parent is not None
    return Children(inner=kin, table=ParentTable(fs=lake.fs, layout=AIRPORTS, child=of.name, parent=of.parent))


def airports(lake: Lake, rows: list[dict[str, Any]], load_pattern: str = "full", **more: Any) -> None:
    """The parent is extracted."""
    incremental = {"incremental": more} if more else {}
    lake.extract(Rows(rows), source(load_pattern, name="airports", table="airports", **incremental))


def keys(lake: Lake, **parent: Any) -> list[Any]:
    """What is asked for, in order; each once."""
    table = ParentTable(fs=lake.fs, layout=AIRPORTS, child="changes", parent=Parent(source="airports", **({"fields": ["id"]} | parent)))
    with tempfile.TemporaryDirectory() as folder, Roster(Path(folder, "parents")) as roster:
        for block in table.keys(table.cut()):
            roster.add(key for key in block if key is not None)
        return [json.loads(key) for _, key in roster.since(1)]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.in_memory(tmp_path)


@given(
    pages=st.lists(st.integers(0, 5), min_size=0, max_size=12),
    width=st.integers(1, 4),
    breaks=st.lists(st.integers(0, 8), max_size=4),
)
def test_whatever_breaks_each_page_of_each_parent_is_landed_once(pages: list[int], width: int, breaks: list[int]) -> None:
    """Nothing is lost or doubled, nothing committed is asked again; the log holds no more open lanes than are asked at once."""
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake.in_memory(Path(folder))
        airports(lake, [{"id": number} for number in range(len(pages))])
        of, count = child(), dict(enumerate(pages))
        landed: set[tuple[int, int]] = set()
        for fail_at in [*breaks, None]:
            kin = Kin(count, width, fail_at)
            with contextlib.suppress(SourceUnavailable):
                lake.extract(children(lake, kin, of), of)
            assert not landed & set(kin.asked)
            landed |= set(kin.asked)
            if lake.kinds()[-1] == "RunCompleted":
                break
        wanted = Counter((of, f"{page}.{one}") for of, number in count.items() for page in range(number) for one in range(2))
        assert Counter((one["of"], one["at"]) for one in lake.landed()) == wanted
        for stored in lake.log():
            if isinstance(stored.entry, ChunkEntry):
                position = stored.entry.resume["all"]
                assert position == DONE or len(position["open"]) <= width


def test_a_run_that_is_resumed_keeps_its_parents(lake: Lake) -> None:
    """Whatever became of the parent meanwhile: numbers in the log mean what they meant. The next run asks for the new ones."""
    of = child()
    airports(lake, [{"id": number} for number in range(4)])
    begun, rest = Kin({}, fail_at=2), Kin({})
    with pytest.raises(SourceUnavailable):
        lake.extract(children(lake, begun, of), of)
    airports(lake, [{"id": number} for number in range(9, 3, -1)])
    assert lake.extract(children(lake, rest, of), of).resumed
    assert sorted(number for number, _ in begun.asked + rest.asked) == [0, 1, 2, 3]
    following = Kin({})
    assert not lake.extract(children(lake, following, of), of).resumed
    assert sorted(number for number, _ in following.asked) == [4, 5, 6, 7, 8, 9]


def test_no_parents_are_a_complete_run_without_rows(lake: Lake) -> None:
    """An empty table, and one of which no record counts."""
    airports(lake, [])
    assert lake.extract(children(lake, Kin({}), child()), child()).rows == 0
    airports(lake, [{"id": 1}])
    of = child(where="id > 1")
    assert lake.extract(children(lake, Kin({}), of), of).rows == 0


def test_fields_of_the_parent_are_copied_into_each_record(lake: Lake) -> None:
    """Under a name of their own, first; also where a record is empty."""
    airports(lake, [{"id": 1, "faa": "JFK"}, {"id": 2, "faa": "LGA"}])
    of = child(fields=["id", "faa"], include=["faa"])
    lake.extract(children(lake, Kin({}), of), of)
    assert sorted((one["_airports_faa"], one["of"]) for one in lake.landed()) == [("JFK", 1)] * 2 + [("LGA", 2)] * 2
    pages = children(lake, Kin({}), of)
    with tempfile.TemporaryDirectory() as folder, Roster(Path(folder, "p")) as roster:
        made = pages.of(pages.table.cut(), roster, lambda _: None)
        assert made._with_parent(1, [b"{}", b"{ }", b'{"a":1}', b'"a line that is no record"']) == [
            b'{"_airports_faa":"JFK"}',
            b'{"_airports_faa":"JFK"}',
            b'{"_airports_faa":"JFK","a":1}',
            b'"a line that is no record"',
        ]


def test_what_is_missing_and_what_cannot_be_asked_is_reported(lake: Lake) -> None:
    """How many parents have nothing, and how many have no value to ask with."""
    airports(lake, [{"id": 1}, {"id": None, "name": "nowhere"}, {"id": 3}])
    of = child(on_missing="skip")
    lake.extract(children(lake, Kin({3: 0}), of), of)
    said = [event.sentence for event in lake.events if isinstance(event, Noticed)]
    assert "nothing is asked for 1 of the records of airports, which have no value in id" in said
    assert "404 or 410 for 1 of 2 records of airports: they are skipped (on_missing)" in said


def test_a_snapshot_gives_its_newest_run_only_and_each_value_once(lake: Lake) -> None:
    """Also where the newest run repeats the one before, or several."""
    airports(lake, [{"id": 1}, {"id": 2}])
    newest = [{"id": 7, "n": 1}, {"id": 5, "n": 2}, {"id": 7, "n": 3}]
    for _ in range(3):
        airports(lake, newest)
        lake.clock.advance(60)
    assert keys(lake) == [[7], [5]]
    assert keys(lake, fields=["id", "n"]) == [[7, 1], [5, 2], [7, 3]]


def test_events_give_the_values_of_all_of_them(lake: Lake) -> None:
    """Of every run up to the last completed one; what an open run has landed counts when it is complete."""
    airports(lake, [row(1), row(2)], "cdc")
    airports(lake, [row(2), row(3)], "cdc")
    lake.fails(
        Rows([row(number) for number in range(4, 40)], error=SourceUnavailable("x"), fail_at=5), source(name="airports", table="airports")
    )
    assert keys(lake) == [[1], [2], [3]]


def test_a_parent_without_a_completed_run_is_said(lake: Lake) -> None:
    """Nothing is written to the child's log."""
    error = lake.fails(children(lake, Kin({}), child()), child())
    assert isinstance(error, StateError)
    assert "extract airports first" in str(error)
    assert lake.log() == []


@pytest.mark.parametrize(
    ("parent", "says"),
    [
        ({"fields": ["faa"]}, "fields: names the column faa, there are id, at"),
        ({"where": "faa = 1"}, "where: names the column faa"),
        ({"where": "id = 'x'"}, "where: compares id, which is bigint, with 'x'"),
        ({"where": "id LIKE '1%'"}, "where: compares id, which is bigint"),
        ({"fields": ["deep"]}, "fields: deep is struct<a:bigint>"),
    ],
)
def test_a_column_that_cannot_be_used_is_a_configuration_error(lake: Lake, parent: dict[str, Any], says: str) -> None:
    """With the path of the key; the parent's table is known only now."""
    airports(lake, [row(1, deep={"a": 1})])
    with pytest.raises(ConfigError, match=says):
        keys(lake, **parent)


def test_a_file_that_was_changed_is_found(lake: Lake) -> None:
    """Records are believed only with their checksum."""
    airports(lake, [{"id": 1}])
    path = next(info.path for info in lake.fs.files(AIRPORTS.folder) if info.path.endswith(".parquet"))
    lake.fs.put(path, lake.fs.read(path) + b"x")
    with pytest.raises(ChecksumError, match="parquet"):
        keys(lake)


RECORDS = [
    {"id": 1, "faa": "JFK", "open": True, "lat": 40.5, "at": "2013-01-01T00:00:00Z"},
    {"id": 2, "faa": "LGA", "open": False, "lat": -1.0, "at": "2013-01-02T00:00:00Z"},
    {"id": 3, "faa": None, "open": None, "lat": None, "at": None},
]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("faa = 'JFK'", [1]),
        ("FAA <> 'JFK'", [2]),
        ("NOT faa = 'JFK'", [2]),
        ("faa IN ('JFK', 'XXX')", [1]),
        ("faa NOT IN ('JFK')", [2]),
        ("NOT (faa IN ('JFK') OR id = 3)", [2]),
        ("faa LIKE '_F%'", [1]),
        ("faa NOT LIKE 'j%'", [1, 2]),
        ("faa IS NULL", [3]),
        ("faa IS NOT NULL AND open", None),
        ("open = true OR lat < 0", [1, 2]),
        ("id BETWEEN 2 AND 3", [2, 3]),
        ("id >= 1.5", [2, 3]),
        ("lat = 40.5", [1]),
        ("at > '2013-01-01T12:00:00Z'", [2]),
        ("faa = 'JFK' OR id > 2", [1, 3]),
    ],
)
def test_a_condition_means_what_it_means_in_sql(lake: Lake, where: str, found: list[int] | None) -> None:
    """A comparison with null is unknown, and so is its opposite; columns are found whatever their case."""
    declared = source("full", name="airports", table="airports", schema="id BIGINT, faa STRING, open BOOLEAN, lat DOUBLE, at TIMESTAMP")
    lake.extract(Rows(RECORDS), declared)
    if found is None:
        with pytest.raises(ValueError, match="not evaluated here"):
            keys(lake, where=where)
    else:
        assert keys(lake, where=where) == [[number] for number in found]


def test_a_front_reads_back_as_it_was_written() -> None:
    """Numbers that were passed over are open, at their beginning."""
    front = Front()
    front.pass_page(3, {"page": 2})
    assert front.position == {"next": 4, "open": {"1": None, "2": None, "3": {"page": 2}}}
    front.pass_page(1, DONE)
    front.pass_page(3, DONE)
    again = Front.at(json.loads(json.dumps(front.position)))
    assert again == front == Front(next=4, open={2: None})


def test_a_roster_of_many_stays_on_disk(tmp_path: Path) -> None:
    """A hundred thousand parents, half of them twice, in order and by number."""
    with Roster(tmp_path / "parents") as roster:
        roster.add(f"[{number % 50_000}]" for number in range(100_000))
        assert len(roster) == 50_000
        assert [key for _, key in roster.since(49_999)] == ["[49998]", "[49999]"]
        assert roster.some([2, 60_000]) == {2: "[1]"}
    error: type[MedallionError] = MedallionError
    with pytest.raises(error, match="spool"):
        len(roster)
