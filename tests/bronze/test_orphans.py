"""What of a Bronze table is an orphan: by the log alone, never by age."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from medallion.bronze.orphans import orphans
from medallion.clock import SystemClock
from medallion.layout import BronzeLayout
from medallion.storage.registry import open_filesystem
from medallion.testing.lake import BronzeTable

LAYOUT = BronzeLayout(system="s", table="t")
AT = datetime(2026, 1, 1, tzinfo=timezone.utc)


def left(table: BronzeTable, run: str) -> str:
    """A file that a killed attempt left in the folder of a run; its path below the table."""
    path = table.folder / f"dt=2026-01-01/run={run}/part-00000-left.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return str(path.relative_to(table.folder))


def found(table: BronzeTable) -> list[str]:
    fs = open_filesystem(str(table.root), clock=SystemClock())
    return [file.path.removeprefix(f"{LAYOUT.folder}/") for file in orphans(fs, LAYOUT)]


def test_files_that_no_entry_of_a_closed_run_lists_are_orphans(tmp_path: Path) -> None:
    """What is listed stays, and so do notes beside the files, runs that are open, and runs that the log does not know."""
    table = BronzeTable(root=tmp_path, columns={"id": "bigint"})
    table.run([{"id": 1}], logical=AT)
    orphan = left(table, "r0")
    (table.folder / "dt=2026-01-01/run=r0/_metadata.json").write_text("{}")
    opened = f"r{table.version + 1}"
    table.run([{"id": 2}], logical=AT, complete=False)
    left(table, opened)
    left(table, "r99")
    assert found(table) == [orphan]


def test_snapshots_that_came_to_nothing_are_orphans_and_events_are_not(tmp_path: Path) -> None:
    """Chunks of a run that repeats another are nobody's; the chunks of completed ones are kept, however old."""
    table = BronzeTable(root=tmp_path, columns={"id": "bigint"}, load_pattern="full")
    table.run([{"id": 1}], logical=AT)
    repeated = f"r{table.version + 1}"
    table.run([{"id": 1}], logical=AT, same_as="r0")
    table.run([{"id": 2}], logical=AT)
    assert [path.split("/")[1] for path in found(table)] == [f"run={repeated}"]
