"""Chunks are whole pages, cut by rows, by an estimate of bytes, and by age."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medallion.bronze.chunk import OPEN_BYTES, ChunkLimits, OpenChunk, Yield
from medallion.source.protocol import DONE, Page


def chunk(rows: int = 10, file_bytes: int = 1000, ratio: float = 0.25) -> OpenChunk:
    """An open chunk that is a minute old at most."""
    return OpenChunk(limits=ChunkLimits(rows=rows, file_bytes=file_bytes, age=timedelta(minutes=1)), yields=Yield(ratio=ratio))


def page(number: int, rows: int, lane: str = "all") -> Page:
    """A page with as many empty records."""
    return Page(lane=lane, position={"page": number}, next={"page": number + 1}, records=[b"{}"] * rows, wire_bytes=0, sha256="")


@given(sizes=st.lists(st.integers(0, 12), max_size=20))
@settings(max_examples=100)
def test_a_chunk_never_exceeds_its_rows_but_for_a_single_page(sizes: list[int]) -> None:
    """Pages join while there is room; every page is in one chunk."""
    of, cut = chunk(rows=10), []
    for number, rows in enumerate(sizes):
        if not of.has_room(rows, 0):
            cut.append(of.close({}, Future))
        of.announce(rows, 0, 0.0)
        of.take(page(number, rows), 0)
        of.add(rows)
    cut.append(of.close({}, Future))
    ready = [one for one in cut if one is not None]
    assert sum(one.asked.pages for one in ready) == len(sizes)
    assert sum(one.rows for one in ready) == sum(sizes)
    assert all(one.rows <= 10 or max(sizes) > 10 for one in ready)


def test_an_empty_chunk_takes_any_page_and_is_never_due() -> None:
    """A page larger than the limit is a chunk of its own; what holds no page does not age."""
    of = chunk()
    assert of.has_room(10_000, 10**9)
    assert not of.is_due(10_000.0)
    assert of.close({}, Future) is None


def test_bytes_are_estimated_by_what_earlier_chunks_became() -> None:
    """A table that compresses well gets more rows into a file; tiny chunks teach nothing."""
    of = chunk(rows=10**9)
    of.announce(1, 4000, 0.0)
    assert of.is_due(0.0) is False
    assert not of.has_room(1, 100)
    of.yields.learn(1000, 1)
    assert not of.has_room(1, 100)
    of.yields.learn(1_000_000, 50_000)
    assert of.has_room(1, 100)


def test_memory_is_bounded_however_well_a_table_compresses() -> None:
    """A chunk holds no more JSON than OPEN_BYTES."""
    of = chunk(rows=10**9, file_bytes=10**9, ratio=0.001)
    of.announce(1, OPEN_BYTES, 0.0)
    assert not of.has_room(1, 1)


def test_age_counts_from_the_first_page() -> None:
    """An old chunk is due though it is small."""
    of = chunk()
    of.announce(1, 1, 100.0)
    assert not of.is_due(159.0)
    assert of.is_due(160.0)


def test_a_chunk_knows_what_was_asked_and_where_each_lane_goes_on() -> None:
    """First and last position, and the next one, by lane."""
    of = chunk()
    for number, lane in ((0, "a"), (7, "b"), (1, "a")):
        of.announce(1, 1, 0.0)
        of.take(page(number, 1, lane), 1)
    of.take(Page(lane="b", position={"page": 8}, next=DONE, records=[], wire_bytes=0, sha256=""), 0)
    ready = of.close({}, Future)
    assert ready is not None
    assert ready.asked.first == {"a": {"page": 0}, "b": {"page": 7}}
    assert ready.asked.last == {"a": {"page": 1}, "b": {"page": 8}}
    assert ready.resume == {"a": {"page": 2}, "b": DONE}
    assert ready.rows == 0


def test_many_small_pages_make_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """However little they hold: the entry of a chunk says for each of them where its lane goes on."""
    monkeypatch.setattr("medallion.bronze.chunk.MOST_PAGES", 3)
    of = chunk()
    for _ in range(3):
        assert not of.is_due(0.0)
        of.announce(0, 0, 0.0)
    assert of.is_due(0.0)
    of.close({}, Future)
    assert not of.is_due(0.0)
