"""Every event of a key has one sentence, and it is that of the oracle."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Literal

from medallion.config.silver import Entity
from medallion.gate.quarantine import DROPPED, EXPECTATION
from medallion.silver.narrate import of_events, of_kept, of_runs
from medallion.silver.recall import IGNORED, Recalled


def recalled(version: int, sequence: Any, value: str | None, *, delete: bool = False, reason: str | None = None, row: int = 0) -> Recalled:
    rule = "rule" if reason else None
    return Recalled(
        key=(1,),
        sequence=sequence,
        delete=delete,
        values={"id": 1, "v": value},
        position=(version, 0, row),
        reason=reason,
        rule=rule,
    )


def entity(model: Literal["scd_type_1", "scd_type_2", "full_merge_dedupe", "incremental_merge"], **options: Any) -> Entity:
    return Entity(entity="e", model=model, keys=("id",), sequence_by=("s",), **options)


def test_a_history_is_told_event_by_event() -> None:
    """Opened, continued, repeated, lost a tie, closed, closed nothing, late; then what is no event, and what is not promoted yet."""
    rows = [
        recalled(1, 10, "a"),
        recalled(2, 20, "a"),
        recalled(3, 30, None, delete=True),
        recalled(4, 40, None, delete=True),
        recalled(5, 15, "b"),
        recalled(6, 10, "a"),
        recalled(7, 20, "x"),
        recalled(8, 50, "y", reason=EXPECTATION),
        recalled(9, 60, "z", reason=DROPPED),
        recalled(10, 70, "w"),
    ]
    told = of_events(rows, entity("scd_type_2"), last_version=9)
    assert [(one.sequence, one.position[0], one.kind, one.what, one.late) for one in told] == [
        (10, 1, "upsert", "repeated", False),
        (10, 6, "upsert", "opened", True),
        (15, 5, "upsert", "opened", True),
        (20, 2, "upsert", "lost", False),
        (20, 7, "upsert", "opened", True),
        (30, 3, "delete", "closed", False),
        (40, 4, "delete", "nothing", False),
        (50, 8, "row", "aside", False),
        (60, 9, "row", "aside", False),
        (70, 10, "upsert", "waits", False),
    ]
    assert told[0].why == "the same event again: log version 6, chunk 0, row 0"
    assert told[2].why == "closed the row open since 10: v changed"
    assert told[3].why == "a tie of sequence 20, on_sequence_tie is last_wins: log version 7, chunk 0, row 0 counts"
    assert told[5].why == "a delete: closed the row open since 20 at 30"
    assert told[7].why == "in the quarantine by the expectation rule: EXPECTATION"
    assert told[8].why == "left out by the expectation rule"


def test_a_table_of_current_rows_shows_the_newest_event() -> None:
    """All others are overtaken, deletes too; under delete_wins a delete wins its tie."""
    rows = [recalled(1, 10, "a"), recalled(2, 20, None, delete=True), recalled(3, 20, "b")]
    assert [one.what for one in of_events(rows, entity("scd_type_1"), last_version=3)] == ["overtaken", "lost", "opened"]
    told = of_events(rows, entity("scd_type_1", on_sequence_tie="delete_wins"), last_version=3)
    assert [(one.position[0], one.what) for one in told] == [(1, "overtaken"), (3, "lost"), (2, "closed")]


def snapshot(version: int, day: int) -> Any:
    run = SimpleNamespace(logical_date=f"2026-01-0{day}T00:00:00+00:00")
    return SimpleNamespace(last_version=version, snapshot=run, chunks=[SimpleNamespace(version=version - 1)])


def test_snapshots_say_what_is_there_and_what_is_absent() -> None:
    """Absence closes, a row that was set aside does not, an older row loses, a second snapshot of a day replaces the first."""
    rows = [
        recalled(1, 1, "a"),
        recalled(1, 2, "b", row=1),
        recalled(3, 1, "q", reason=EXPECTATION),
        recalled(7, 1, "b"),
        recalled(9, 1, "c"),
    ]
    told = of_runs(
        rows, [snapshot(2, 1), snapshot(4, 2), snapshot(6, 3), snapshot(8, 4), snapshot(10, 4)], entity("scd_type_2"), last_version=10
    )
    assert [(one.sequence.day, one.kind, one.what) for one in told if isinstance(one.sequence, datetime)] == [
        (1, "upsert", "opened"),
        (1, "upsert", "lost"),
        (2, "absent", "unsure"),
        (3, "absent", "closed"),
        (4, "row", "lost"),
        (4, "upsert", "opened"),
    ]
    assert told[3].why == "the snapshot lacks it: closed the row open since 2026-01-01 00:00:00 at 2026-01-03 00:00:00"
    assert [(one.what, one.position) for one in told if not isinstance(one.sequence, datetime)] == [("aside", (3, 0, 0))]


def test_what_the_options_of_a_table_say() -> None:
    """Truncates, marked rows, nulls that say nothing, contested sequences, deletes that are ignored: each has its sentence."""
    cut = replace(recalled(3, 30, None, delete=True), key=(), truncate=True, values={})
    rows = [recalled(1, 10, "a"), recalled(2, 20, None), cut]
    told = of_events([*rows, recalled(4, 40, "b")], entity("scd_type_2", apply_as_truncates="t", ignore_null_updates=True), last_version=4)
    assert [(one.kind, one.what) for one in told] == [
        ("upsert", "opened"),
        ("upsert", "continued"),
        ("truncate", "closed"),
        ("upsert", "opened"),
    ]
    assert told[1].why == "no tracked column differs from the row open since 10; v said by an earlier event"
    assert told[2].why == "a truncate: closed the row open since 10 at 30"
    assert of_events([cut], entity("scd_type_2", apply_as_truncates="t"), last_version=4) == []

    told = of_events(rows, entity("incremental_merge", apply_as_truncates="t", ignore_null_updates=("v",)), last_version=4)
    assert [(one.what, one.why) for one in told] == [
        ("overtaken", "an event of sequence 20 follows; the table still shows its v"),
        ("opened", "the newest upsert: the table shows it; v said by an earlier event; a later delete marks it in _deleted_at"),
        ("closed", "the newest event is a truncate: it marks the row in _deleted_at"),
    ]
    told = of_events([*rows[:1], recalled(2, 20, "b")], entity("scd_type_1", ignore_null_updates=True), last_version=4)
    assert told[0].why == "an event of sequence 20 follows"
    told = of_events(
        [recalled(1, 10, "a"), recalled(2, 10, "b"), recalled(3, 5, "c")],
        entity("scd_type_1", on_sequence_tie="quarantine"),
        last_version=3,
    )
    assert [(one.sequence, one.what) for one in told] == [(5, "opened"), (10, "aside"), (10, "aside")]
    told = of_events(
        [recalled(1, 10, "a"), recalled(2, 20, None, delete=True, reason=IGNORED)], entity("scd_type_1", deletes="ignore"), last_version=3
    )
    assert [(one.kind, one.what) for one in told] == [("upsert", "opened"), ("delete", "nothing")]


def test_kept_runs_say_where_a_row_is_shown() -> None:
    """By date the last completed run of the day shows its row; a row whose run is not promoted waits."""
    runs = [snapshot(2, 1), snapshot(4, 1), snapshot(6, 2)]
    told = of_kept([recalled(1, 1, "a"), recalled(3, 1, "b"), recalled(5, 1, "c")], runs, by="date", last_version=4)
    assert [(one.position[0], one.what, one.why) for one in told] == [
        (1, "lost", "the run that log version 4 completes replaced snapshot_date 2026-01-01"),
        (3, "opened", "the table keeps it under snapshot_date 2026-01-01"),
        (5, "waits", "its run is not promoted yet"),
    ]
