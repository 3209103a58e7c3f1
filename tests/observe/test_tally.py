"""Counting events."""

from __future__ import annotations

from medallion.events import BatchApplied, ChunkCommitted, PageFetched, RequestRetried, RunOpened
from medallion.observe.tally import Counts, Tally
from medallion.testing.clock import FakeClock


def test_events_are_counted_by_source() -> None:
    """Pages, records, bytes, retries and commits, each for its own source."""
    tally = Tally(FakeClock())
    for _ in range(3):
        tally(PageFetched(source="a", bytes=10, records=4, seconds=0.1))
    tally(RequestRetried(source="a", reason="503", attempt=1, wait=0.5))
    tally(ChunkCommitted(source="b", version=2, rows=7, bytes=100))
    a, b = tally.of(("source", "a")), tally.of(("source", "b"))
    assert (a.pages, a.records, a.bytes, a.retries) == (3, 12, 30, 1)
    assert (b.commits, b.committed_rows, b.pages) == (1, 7, 0)
    assert list(tally.all) == [("source", "a"), ("source", "b")]


def test_a_source_and_an_entity_of_one_name_are_counted_apart() -> None:
    """``airlines`` is read and made: two things."""
    tally = Tally(FakeClock())
    tally(PageFetched(source="airlines", bytes=1, records=16, seconds=0.1))
    tally(BatchApplied(entity="airlines", first_version=0, last_version=3, rows=16, seconds=1.0))
    assert (tally.of(("source", "airlines")).applied_rows, tally.of(("entity", "airlines")).pages) == (0, 0)


def test_the_rate_is_that_of_the_time_in_which_pages_came() -> None:
    """From the first event to the last page; before the first page there is none."""
    clock = FakeClock()
    tally = Tally(clock)
    tally(RunOpened(source="a", run_id="r", resumed=False))
    assert tally.of(("source", "a")).pages_per_second == 0
    for _ in range(10):
        clock.advance(0.1)
        tally(PageFetched(source="a", bytes=1, records=1, seconds=0.1))
    clock.advance(60)
    tally(ChunkCommitted(source="a", version=1, rows=10, bytes=1))
    assert round(tally.of(("source", "a")).pages_per_second) == 10


def test_what_was_never_heard_of_has_no_counts() -> None:
    """Asking is not an error."""
    assert Tally(FakeClock()).of(("source", "x")) == Counts()
