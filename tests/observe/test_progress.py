"""Progress for the person who waits."""

from __future__ import annotations

import io

from rich.console import Console

from medallion.events import (
    BatchApplied,
    ChunkCommitted,
    Event,
    Failed,
    Noticed,
    PageFetched,
    PromotionCompleted,
    PromotionOpened,
    RequestRetried,
    RunAbandoned,
    RunCompleted,
    RunOpened,
    SchemaChanged,
    everyone,
)
from medallion.observe.progress import LiveProgress, PlainProgress
from medallion.observe.tally import Tally
from medallion.testing.clock import FakeClock

PAGE = PageFetched(source="changes", bytes=100, records=50, seconds=0.1)
RUN: tuple[Event, ...] = (
    RunAbandoned(source="changes", run_id="r0", why="what is asked has changed"),
    RunOpened(source="changes", run_id="r1", resumed=False),
    SchemaChanged(source="changes", version=1, changes=("a: new", "b: new", "c: new", "d: new")),
    PAGE,
    RequestRetried(source="changes", reason="status 503", attempt=1, wait=0.5),
    RequestRetried(source="changes", reason="status 429", attempt=1, wait=30.0),
    ChunkCommitted(source="changes", version=2, rows=50, bytes=100),
    RunCompleted(source="changes", run_id="r1", rows=50, chunks=1, same_as=None),
    RunOpened(source="airlines", run_id="r2", resumed=True),
    RunCompleted(source="airlines", run_id="r2", rows=16, chunks=0, same_as="r9"),
    RunOpened(source="weather", run_id="r3", resumed=False),
    Failed(subject="weather", code="EXT002", sentence="status 503"),
    PromotionOpened(entity="flights"),
    BatchApplied(entity="flights", first_version=0, last_version=3, rows=50, seconds=2.0),
    PromotionCompleted(entity="flights", rows=50, seconds=3.0),
    PromotionOpened(entity="airlines"),
    PromotionCompleted(entity="airlines", rows=0, seconds=0.5),
    Noticed(subject="flights", sentence="was changed by others: token s3cret"),
)


def test_plain_progress_says_what_matters_and_not_each_page() -> None:
    """One line for what begins and ends; a short wait is told only now and then, a long one at once; failures are told elsewhere."""
    lines: list[str] = []
    clock = FakeClock()
    tally = Tally(clock)
    listener = everyone([tally, PlainProgress(lines.append, tally, clock=clock)])
    for event in RUN:
        listener(event)
    assert lines == [
        "changes: run r0 is abandoned: what is asked has changed",
        "changes: reading (run r1)",
        "changes: schema: a: new; b: new; c: new; and 1 more",
        "changes: attempt 1 failed, again in 30.0 s: status 429",
        "changes: read, 50 rows in 1 chunk, 1 page",
        "airlines: resuming (run r2)",
        "airlines: read, its 16 rows are those of run r9",
        "weather: reading (run r3)",
        "flights: promoting",
        "flights: 50 rows promoted (3.0 s)",
        "airlines: promoting",
        "airlines: nothing new (0.5 s)",
        "flights: was changed by others: token s3cret",
    ]


def test_plain_progress_tells_counters_at_most_every_ten_seconds() -> None:
    """A thousand pages are not a thousand lines."""
    lines: list[str] = []
    clock = FakeClock()
    tally = Tally(clock)
    listener = everyone([tally, PlainProgress(lines.append, tally, clock=clock)])
    for _ in range(200):
        clock.advance(0.125)
        listener(PAGE)
    assert len(lines) == 2
    assert lines[0].startswith("changes: 80 pages  4,000 rows  8 pages/s")


def test_live_progress_keeps_a_line_each_and_takes_them_away_at_the_end() -> None:
    """A source and an entity of one name have their own lines; notices stay above, without secrets."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=140, color_system=None)
    clock = FakeClock()
    tally = Tally(clock)
    live = LiveProgress(console, tally, clock=clock, mask=lambda text: text.replace("s3cret", "***"))
    with live:
        listener = everyone([tally, live])
        for event in RUN:
            listener(event)
    shown = written.getvalue()
    assert "✓ changes  read  1 page  50 rows" in shown
    assert "✗ weather" in shown
    assert "✓ flights  50 rows promoted" in shown
    assert "✓ airlines the same as before" in shown
    assert "✓ airlines nothing new" in shown
    assert "flights: was changed by others: token ***" in shown
    assert "changes: attempt 1 failed, again in 30.0 s: status 429" in shown
    assert "s3cret" not in shown
    assert shown.endswith("\x1b[2K")


def test_live_progress_has_plain_marks_where_the_terminal_knows_no_others() -> None:
    """An ASCII terminal gets ASCII."""
    written = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    console = Console(file=written, force_terminal=True, width=140, color_system=None)
    tally = Tally(FakeClock())
    with LiveProgress(console, tally, clock=FakeClock(), mask=str) as live:
        live(RunOpened(source="a", run_id="r", resumed=False))
        live(RunCompleted(source="a", run_id="r", rows=1, chunks=1, same_as=None))
    written.seek(0)
    assert "* a read" in written.read()
