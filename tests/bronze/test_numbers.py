"""Cursors that are numbers, and what a change of the cursor does to a watermark."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bronze_fakes import Lake, Rows, row, source
from hypothesis import given, settings
from hypothesis import strategies as st

from medallion.bronze.entry import ChunkEntry, RunStarted
from medallion.config.bound import is_before, parse_bound
from medallion.config.source import Source
from medallion.errors import ConfigError, SourceUnavailable
from medallion.events import RunAbandoned
from medallion.source.protocol import DONE, Lane, Page


@dataclass
class Numbered:
    """A PageSource over rows with an ``n``, in any order; it fails before page *fail_at*."""

    rows: Sequence[dict[str, Any]]
    size: int = 2
    fail_at: int | None = None
    asked: list[tuple[Any, Any]] = field(default_factory=list)
    pages_given: int = 0

    def pages(self, lanes: Sequence[Lane]) -> Iterator[Page]:
        for lane in lanes:
            start, end = lane.window.start, lane.window.end
            self.asked.append((start, end))
            inside = [
                one
                for one in self.rows
                if (start is None or not is_before(parse_bound(one["n"]), start)) and (end is None or is_before(parse_bound(one["n"]), end))
            ]
            first = 0 if lane.position is None else lane.position["page"]
            for number in range(first, max(1, -(-len(inside) // self.size))):
                if self.pages_given == self.fail_at:
                    raise SourceUnavailable("down")
                self.pages_given += 1
                last = (number + 1) * self.size >= len(inside)
                records = [json.dumps(one).encode() for one in inside[number * self.size : (number + 1) * self.size]]
                yield Page(
                    lane=lane.name, position={"page": number}, next=DONE if last else {"page": number + 1}, records=records, wire_bytes=1
                )


def rows(*numbers: Any) -> list[dict[str, Any]]:
    """A row for each number."""
    return [{"id": place, "n": number} for place, number in enumerate(numbers)]


def counted(*, endpoint: str = "/changes", **incremental: Any) -> Source:
    """A source that is asked by number."""
    return source(endpoint=endpoint, incremental={"cursor_field": "n", "initial_value": 0, "end_param": "until"} | incremental)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.in_memory(tmp_path)


def test_the_next_run_starts_at_the_highest_number_less_the_lookback(lake: Lake) -> None:
    """By value: 9 is before 10. No end is known, so none is asked for."""
    of = counted(lookback=3)
    lake.extract(Numbered(rows(9, 10, 2)), of)
    later = Numbered(rows(9, 10, 2, 11))
    lake.extract(later, of)
    assert lake.completed().watermark == "11"
    assert later.asked == [(Decimal(7), None)]


def test_ranges_of_numbers_are_cut_into_windows(lake: Lake) -> None:
    """Up to end_value, which is known; a break costs what was open; then there is nothing left to ask."""
    of = counted(end_value=25, window=10)
    first = Numbered(rows(*range(30)), fail_at=8)
    lake.fails(first, of)
    second = Numbered(rows(*range(30)))
    result = lake.extract(second, of)
    assert list(dict.fromkeys(first.asked + second.asked)) == [(0, 10), (10, 20), (20, 25)]
    assert result.resumed
    assert (0, 10) not in second.asked
    assert sorted(lake.ids()) == list(range(25))
    assert (lake.completed().watermark, lake.completed().end) == ("24", "25")
    assert lake.extract(Numbered(rows()), of).nothing_to_ask


def test_a_backfill_of_numbers_leaves_the_watermark_alone(lake: Lake) -> None:
    """And asks for exactly its range."""
    lake.extract(Numbered(rows(*range(10))), counted())
    back = Numbered(rows(*range(10)))
    result = lake.extract(back, counted(), from_=Decimal(2), to=Decimal("4.5"))
    assert back.asked == [(Decimal(2), Decimal("4.5"))]
    assert result.rows == 3
    assert lake.completed().watermark == "9"


@pytest.mark.parametrize(
    ("of", "given", "says"),
    [
        (counted(), datetime(2013, 1, 1, tzinfo=timezone.utc), "must be a number for changes"),
        (source(), Decimal(5), "must be a date or an instant for changes"),
    ],
)
def test_a_range_of_the_other_kind_is_refused(lake: Lake, of: Source, given: Any, says: str) -> None:
    """Before anything is written."""
    assert says in str(lake.fails(Numbered([]), of, from_=given))
    assert lake.log() == []


def test_sorted_numbers_move_the_watermark_by_chunk(lake: Lake) -> None:
    """As sorted instants do."""
    of = counted(sorted=True)
    lake.fails(Numbered(rows(*range(20)), fail_at=6), of)
    moved = [entry.watermark for stored in lake.log() if isinstance(entry := stored.entry, ChunkEntry)]
    assert moved[0] == "2"
    lake.extract(Numbered(rows(*range(20))), of)
    assert sorted(lake.ids()) == list(range(20))


@pytest.mark.parametrize("other", [{"cursor_field": "id"}, {"initial_value": "2013-01-01"}])
def test_a_watermark_of_another_field_is_not_taken_for_this_one(lake: Lake, other: dict[str, Any]) -> None:
    """Rows that lie before it by the new field were never asked for: that is refused; a full refresh begins again, by the new field."""
    lake.extract(Numbered(rows("5", "6")), counted())
    error = lake.fails(Rows([]), counted(**other))
    assert isinstance(error, ConfigError)
    assert "--full-refresh" in str(error)
    of = counted(**other)
    again = rows("7") if "cursor_field" in other else [{"id": 0, "n": "2013-01-01T00:03:00Z"}]
    lake.extract(Numbered(again), of, full_refresh=True)
    done = lake.completed()
    assert (done.watermark, done.cursor_field) == (("0", "id") if "cursor_field" in other else ("2013-01-01T00:03:00Z", "n"))
    lake.extract(Numbered([]), of)


def test_a_full_refresh_by_another_field_that_is_abandoned_forgets_the_watermark(lake: Lake) -> None:
    """The next run asks for everything again: too much, never too little."""
    lake.extract(Numbered(rows(5, 6)), counted())
    lake.fails(Numbered(rows(5, 6, 7), fail_at=1), counted(cursor_field="id"), full_refresh=True)
    again = Numbered(rows(5, 6, 7))
    lake.extract(again, counted())
    assert again.asked == [(Decimal(0), None)]
    assert any(isinstance(event, RunAbandoned) for event in lake.events)


def test_rows_that_come_while_a_run_reads_do_not_move_the_watermark(lake: Lake) -> None:
    """Where the source cannot be told an end: others like them may have come on pages that were read already."""
    now = lake.clock.now()
    late = now.isoformat().replace("+00:00", "Z")
    lake.extract(Rows([row(1), {"id": 2, "at": late}]))
    started = next(stored.entry for stored in lake.log() if isinstance(stored.entry, RunStarted))
    assert (started.end, started.ceiling) == (None, late)
    assert lake.ids() == [1, 2]
    assert lake.completed().watermark == "2013-01-01T00:01:00Z"


@given(
    numbers=st.lists(st.integers(-50, 50) | st.decimals(-50, 50, places=2), min_size=1, max_size=14),
    ordered=st.booleans(),
    runs=st.lists(st.tuples(st.integers(0, 6), st.sampled_from([0, 3]), st.sampled_from([1, 2, 3]), st.booleans()), max_size=5),
)
@settings(max_examples=min(40, settings().max_examples))
def test_every_row_up_to_the_watermark_is_in_bronze(
    numbers: list[Any], ordered: bool, runs: list[tuple[int, int, int, bool]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """In whatever order rows come, wherever a run breaks, whatever changes between runs."""
    lake = Lake.in_memory(tmp_path_factory.mktemp("spool"))
    lake.bronze = lake.bronze.model_copy(update={"max_rows_per_file": 2})
    written = [{"id": place, "n": str(number)} for place, number in enumerate(sorted(numbers) if ordered else numbers)]
    for breaks, lookback, size, ends in [*runs, (99, 0, 2, False)]:
        incremental = {"initial_value": -100, "lookback": lookback, "sorted": ordered, **({"end_value": 40, "window": 25} if ends else {})}
        of = counted(endpoint=f"/by/{size}", **incremental)
        shown = Numbered(written, size=size, fail_at=breaks)
        try:
            lake.extract(shown, of)
        except SourceUnavailable:
            assert breaks == shown.pages_given
        entries = [stored.entry for stored in lake.log()]
        marks = [e.watermark for e in entries if not isinstance(e, ChunkEntry) or e.watermark_final if getattr(e, "watermark", None)]
        landed = set(lake.ids())
        for mark in marks:
            assert all(one["id"] in landed for one in written if not is_before(parse_bound(mark), parse_bound(one["n"])))
    assert {one["id"] for one in written} <= set(lake.ids())
