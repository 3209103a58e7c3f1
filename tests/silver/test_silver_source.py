"""The stream of log versions: where batches end, and that a recorded range is replayed as it was."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

from medallion.bronze.entry import decode, seal
from medallion.bronze.log import Stored
from medallion.silver.source import ends, refolded, snapshots
from medallion.silver.stream import START, LogReader, queries
from medallion.testing.lake import BronzeTable


def stored(table: BronzeTable) -> list[Stored]:
    """The table's log as it is read."""
    files = sorted((table.folder / "_log").glob("*.json"))
    return [Stored(version=n, entry=decode(f.read_bytes(), name=f.name), sha256=seal(f.read_bytes())) for n, f in enumerate(files)]


def rows(count: int) -> list[dict[str, int]]:
    return [{"id": n} for n in range(count)]


def versions(planned: list[dict[str, object]]) -> list[object]:
    return [end["version"] for end in planned]


def test_a_batch_ends_before_the_entry_that_would_be_too_much(tmp_path: Path) -> None:
    """At most max_files chunks a batch, and the last batch goes to the newest entry."""
    table = BronzeTable(root=tmp_path, columns={"id": "bigint"})
    table.run(*[rows(1)] * 5)  # entries: started 0, schema 1, chunks 2 to 6, completed 7
    log = stored(table)
    assert versions(ends(log, max_files=2, max_bytes=10**9)) == [3, 5, 7]
    assert versions(ends(log, max_files=100, max_bytes=1)) == [2, 3, 4, 5, 7]
    assert versions(ends(log, max_files=100, max_bytes=10**9)) == [7]


def test_nothing_to_deliver_means_no_batch(tmp_path: Path) -> None:
    """Empty runs, repeated snapshots and open snapshots start no query."""
    events = BronzeTable(root=tmp_path / "cdc", columns={"id": "bigint"})
    events.run()
    assert ends(stored(events), max_files=1, max_bytes=1) == []
    full = BronzeTable(root=tmp_path / "full", columns={"id": "bigint"}, load_pattern="full")
    full.run(same_as="r0")
    full.run(rows(1), complete=False)
    assert ends(stored(full), max_files=1, max_bytes=1) == []


def test_each_snapshot_has_a_batch_of_its_own(tmp_path: Path) -> None:
    """Two completed full runs are two batches, however small they are."""
    full = BronzeTable(root=tmp_path, columns={"id": "bigint"}, load_pattern="full")
    first = full.run(rows(1), rows(2))
    second = full.run(rows(1))
    assert versions(ends(stored(full), max_files=100, max_bytes=10**9)) == [first, second]


def day(number: int) -> datetime:
    return datetime(2026, 1, number, tzinfo=timezone.utc)


def test_snapshots_count_by_their_logical_time(tmp_path: Path) -> None:
    """One that landed late comes in its place; one that repeats another says something only if it does not follow that one."""
    full = BronzeTable(root=tmp_path, columns={"id": "bigint"}, load_pattern="full")
    second, third, fourth = (full.run(rows(n), logical=day(n)) for n in (2, 3, 4))
    full.run(rows(9), logical=day(5), complete=False)
    repeats = full.run(same_as=_run_id(full, fourth), logical=day(6))
    assert [one.version for one in snapshots(stored(full))] == [second, third, fourth]
    first, late = full.run(rows(1), logical=day(1)), full.run(rows(5), logical=day(5))
    full.run(same_as=_run_id(full, late), logical=day(1))
    assert [one.version for one in snapshots(stored(full))] == [first, second, third, fourth, late, repeats]


def test_snapshots_are_folded_again_each_in_a_batch_that_ends_where_a_run_does(tmp_path: Path) -> None:
    """The batches take them by their logical time, of each the last, and the last batch goes to the newest run."""
    full = BronzeTable(root=tmp_path, columns={"id": "bigint"}, load_pattern="full")
    assert refolded(stored(full)) == []
    full.run(rows(1), logical=day(1))
    third = full.run(rows(3), logical=day(3))
    again, second = full.run(rows(4), logical=day(1)), full.run(rows(2), logical=day(2))
    assert [(end["version"], taken) for end, taken in refolded(stored(full))] == [(third, again), (again, second), (second, third)]


def _run_id(table: BronzeTable, version: int) -> str:
    return stored(table)[version].entry.run_id


def test_the_reader_hands_out_the_planned_ends_and_any_recorded_range() -> None:
    """The next offset is the next planned end; a range that was recorded under another plan is read as it was recorded."""
    planned = [{"version": 4, "sha256": "d"}, {"version": 9, "sha256": "i"}]
    reader = LogReader({"ends": json.dumps(planned)})
    assert reader.initialOffset() == START
    assert reader.latestOffset(START, None) == planned[0]
    assert reader.latestOffset(planned[0], None) == planned[1]
    assert reader.latestOffset(planned[1], None) == planned[1]
    (partition,) = reader.partitions({"version": 2, "sha256": "b"}, {"version": 7, "sha256": "g"})
    assert list(reader.read(partition)) == [(3, 7, "b")]


def test_before_spark_4_2_each_batch_is_a_query_of_its_own() -> None:
    """From 4.2 on one query goes through all ends; a version that says nothing is taken for an old one."""
    planned = [{"version": 4, "sha256": "d"}, {"version": 9, "sha256": "i"}]
    assert queries(planned, "4.2.0") == queries(planned, "5.0.1") == [planned]
    assert queries(planned, "4.1.4") == queries(planned, "4.0.0-preview") == queries(planned, "dev") == [[planned[0]], [planned[1]]]


def test_a_query_of_one_end_reads_nothing_after_a_recorded_range_that_went_further() -> None:
    """Spark 4.0 and 4.1 ask how far to go without saying where they stand: after a replay up to 9 an end of 4 is an empty batch."""
    reader = LogReader({"ends": json.dumps([{"version": 4, "sha256": "d"}])})
    end = reader.latestOffset()
    assert end["version"] == 4
    (part,) = reader.partitions({"version": 9, "sha256": "i"}, end)
    assert list(reader.read(part)) == []
