"""Rows that landed once, with the values that a person put in their place; and how a run of their own brings them into the log."""

from __future__ import annotations

import io
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medallion.bronze.again import LANE, land, landed_at
from medallion.bronze.entry import ChunkEntry, RunAbandoned, RunCompleted
from medallion.bronze.log import LogReader
from medallion.bronze.mend import Mended, Position, mended, read_mended
from medallion.bronze.state import open_state
from medallion.config.platform import Bronze
from medallion.errors import BusyError, ChecksumError, ConfigError, FencedError
from medallion.events import nobody
from medallion.layout import BronzeLayout
from medallion.storage.local import LocalFileSystem
from medallion.storage.location import Location
from medallion.testing.clock import FakeClock
from medallion.testing.lake import BronzeTable

LAYOUT = BronzeLayout(system="s", table="t")
EXACT = datetime(2026, 1, 1, 12, 30, 0, 123457, tzinfo=timezone.utc)


class Table:
    """A Bronze table with two rows in one chunk and one in another, which has a column more."""

    def __init__(self, root: Path) -> None:
        self.lake = BronzeTable(root=root, columns={"id": "bigint", "at": "timestamp"})
        self.lake.run([{"id": 1, "at": EXACT}, {"id": 2, "at": None}])
        self.first = self.lake.version - 1
        self.lake.evolve({"id": "double", "at": "timestamp", "v": "string"})
        self.lake.run([{"id": 3.5, "at": EXACT, "v": "x"}])
        self.second = self.lake.version - 1
        self.fs = LocalFileSystem(Location.parse(str(root)))
        self.reader = LogReader(self.fs, LAYOUT)

    def mended(self, **changes: dict[str, Any]) -> pa.Table:
        """The rows a, b (of the first chunk) and c (of the second), changed."""
        places = {"a": (self.first, 0, 0), "b": (self.first, 0, 1), "c": (self.second, 0, 0)}
        return mended(self.fs, LAYOUT, [Mended(position=places[name], changes=told, label=name) for name, told in changes.items()])

    def land(self, rows: pa.Table, positions: list[Position], run_id: str = "again-1") -> int:
        return land(
            self.fs,
            LAYOUT,
            rows,
            positions,
            run_id=run_id,
            entity="e",
            source="s",
            load_pattern="cdc",
            bronze=Bronze(),
            clock=FakeClock(),
            listener=nobody,
        )


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path)


def test_what_is_not_changed_is_as_it_landed(table: Table) -> None:
    """Microseconds and nulls stay, older rows are in the newest columns, in the order asked for."""
    rows = table.mended(c={"v": None}, a={}, b={"at": "2026-02-03T04:05:06.000007Z", "v": "new", "_rescued": '{"x":1}'})
    assert rows.to_pylist() == [
        {"id": 3.5, "at": EXACT, "v": None, "_rescued": None},
        {"id": 1.0, "at": EXACT, "v": None, "_rescued": None},
        {"id": 2.0, "at": datetime(2026, 2, 3, 4, 5, 6, 7, tzinfo=timezone.utc), "v": "new", "_rescued": '{"x":1}'},
    ]


def test_a_value_that_does_not_fit_is_named_and_nothing_is_rescued(table: Table) -> None:
    """Each of them is a problem of its own; so is a column that is not there."""
    with pytest.raises(ConfigError) as wrong:
        table.mended(a={"id": "many", "at": "soon"})
    assert [str(problem.message) for problem in wrong.value.problems] == [
        'id is double, which "many" is not',
        'at is timestamp, which "soon" is not',
    ]
    with pytest.raises(ConfigError, match="no column 'w'; it has id, at, v, _rescued"):
        table.mended(a={"w": 1})
    chunk = next(path for path in table.lake.folder.rglob("*.parquet"))
    chunk.write_bytes(chunk.read_bytes()[:-1])
    with pytest.raises(ChecksumError):
        table.mended(a={}, c={})


def test_rows_land_again_as_a_completed_run_that_moves_nothing_else(table: Table) -> None:
    """Its chunk says of which rows; watermark and schema stay; it is found by its run."""
    before = open_state(table.reader)
    rows = table.mended(a={"v": "x"}, b={})
    version = table.land(rows, [(table.first, 0, 0), (table.first, 0, 1)])
    chunk, completed = table.reader.one(version).entry, table.reader.one(version + 1).entry
    assert isinstance(chunk, ChunkEntry)
    assert isinstance(completed, RunCompleted)
    assert (chunk.chunks[0].rows, chunk.chunks[0].schema_id) == (2, before.schema_id)
    assert chunk.asked.first[LANE] == {"entity": "e", "rows": [[table.first, 0, 0], [table.first, 0, 1]]}
    assert (completed.rows, completed.backfill, completed.watermark) == (2, True, before.watermark)
    landed = pq.read_table(table.lake.folder / chunk.chunks[0].files[0].path)
    assert landed.drop_columns(["_row"]).to_pylist() == rows.to_pylist()
    assert landed["_row"].to_pylist() == [0, 1]
    assert landed_at(table.reader, "again-1", after=before.newest) == version
    assert landed_at(table.reader, "again-2", after=0) is None


def test_an_open_extraction_is_left_alone_and_a_killed_replay_is_not(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one has resume points to lose; what the other landed stays, and it is abandoned."""
    rows, at = table.mended(a={}), [(table.first, 0, 0)]

    def dies(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr("medallion.bronze.again.close", dies)
        with pytest.raises(KeyboardInterrupt):
            table.land(rows, at)
    landed = landed_at(table.reader, "again-1", after=0)
    assert landed is not None
    table.land(rows, at, "again-2")
    assert isinstance(table.reader.one(landed + 1).entry, RunAbandoned)

    other = Table(table.lake.root / "other")
    other.lake.run([{"id": 9.0, "at": None, "v": None}], complete=False)
    with pytest.raises(BusyError, match="is not complete: run the extraction again"):
        other.land(other.mended(a={}), at)


def test_two_that_land_at_once_have_one_winner(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log fences the slow one: its chunk file is an orphan."""
    rows, at = table.mended(a={}), [(table.first, 0, 0)]
    put = LocalFileSystem.upload

    def slow(fs: LocalFileSystem, *arguments: Any) -> None:
        put(fs, *arguments)
        monkeypatch.setattr(LocalFileSystem, "upload", put)
        monkeypatch.setattr("medallion.bronze.again.admit", lambda *_, **__: None)
        table.land(rows, at, "again-2")

    monkeypatch.setattr(LocalFileSystem, "upload", slow)
    with pytest.raises(FencedError):
        table.land(rows, at)
    assert landed_at(table.reader, "again-1", after=0) is None
    assert landed_at(table.reader, "again-2", after=0) is not None


def test_a_file_of_mended_rows_is_json_lines_or_parquet() -> None:
    """What show --json prints is read back; a record may be text; each wrong line is named."""
    line = {"version": 3, "chunk": 0, "row": 1, "reason": "NULL_KEY", "record": {"id": 1, "n": None}}
    wanted = ((3, 0, 1), {"id": 1, "n": None})
    text = {**line, "record": json.dumps(line["record"])}
    for one in (line, text):
        found = read_mended("a.jsonl", json.dumps(one).encode() + b"\n\n")
        assert [(row.position, dict(row.changes)) for row in found] == [wanted]
    held = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([{**line, "record": {"id": 1, "at": EXACT, "n": None}}]), held)
    found = read_mended("a.parquet", held.getvalue())
    assert dict(found[0].changes) == {"id": 1, "at": EXACT.isoformat(), "n": None}
    wrong = b'{"version": 1}\n[]\n' + json.dumps(line).encode() + b"\n" + json.dumps(line).encode()
    with pytest.raises(ConfigError) as refused:
        read_mended("a.jsonl", wrong)
    assert [problem.path for problem in refused.value.problems] == ["a.jsonl line 1", "a.jsonl line 2", "a.jsonl line 4"]
    assert "names the row of a.jsonl line 3 again" in refused.value.problems[2].message
    with pytest.raises(ConfigError, match="no Parquet file"):
        read_mended("a.parquet", b"x")
