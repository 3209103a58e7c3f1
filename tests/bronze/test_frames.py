"""Frames of Spark in Bronze: the same log and the same rules as pages."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from bronze_fakes import DAY, LAYOUT
from bronze_fakes import source as api_source
from frame_fakes import FrameLake, Queries
from frame_kill_driver import FRAMES

from medallion.bronze.entry import ChunkEntry, RunStarted, SchemaEntry
from medallion.bronze.log import LogReader
from medallion.bronze.stored import blocks
from medallion.config.platform import Bronze
from medallion.config.source import Source
from medallion.errors import QualityError, SourceUnavailable, TerminatedError
from medallion.events import Noticed
from medallion.failpoint import VARIABLE
from medallion.stop import StopFlag
from medallion.verify import check_log

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

BOUNDED = (
    "SELECT * FROM VALUES (1, TIMESTAMP '2013-01-01 00:00:00'), (2, TIMESTAMP '2013-01-01 05:00:00') t(id, at) WHERE at < TIMESTAMP '{end}'"
)


def source(load_pattern: str = "full", **more: Any) -> Source:
    """A source that lands rows as they are asked for."""
    return api_source(load_pattern, incremental={"end_param": "until"} if load_pattern != "full" else None, **more)


def test_frames_land_as_checksummed_chunks_of_one_entry_each(spark: SparkSession, tmp_path: Path) -> None:
    """A frame is one entry with many files; rows have their number in their file, and their types those of the table."""
    lake = FrameLake.of(spark, tmp_path)
    done = lake.extract(
        Queries(["SELECT id, CAST(id AS SHORT) n, map('a', id) m FROM range(0, 10, 1, 2)", "SELECT id FROM range(10, 12)"]), source()
    )
    assert (done.rows, done.pages, done.same_as) == (12, 2, None)
    assert lake.kinds() == ["RunStarted", "SchemaEntry", "ChunkEntry", "ChunkEntry", "RunCompleted"]
    log = [stored.entry for stored in lake.log()]
    assert isinstance(log[1], SchemaEntry)
    assert log[1].columns == [("id", "bigint"), ("n", "bigint"), ("m", "string")]
    assert isinstance(log[2], ChunkEntry)
    assert [chunk.rows for chunk in log[2].chunks] == [4, 1, 4, 1]
    assert len({chunk.files[0].path for chunk in log[2].chunks}) == 4
    rows = lake.landed()
    assert sorted(row["id"] for row in rows) == list(range(12))
    assert [row["_row"] for row in rows] == [0, 1, 2, 3, 0, 0, 1, 2, 3, 0, *[row["_row"] for row in rows[10:]]]
    assert rows[1] == {"id": 1, "n": 1, "m": '{"a":1}', "_rescued": None, "_row": 1}
    assert check_log(lake.fs, LAYOUT)[1] == done.chunks


@pytest.mark.parametrize("formats", [("csv",), ("csv", "parquet")])
def test_frames_land_as_csv_too(spark: SparkSession, tmp_path: Path, formats: tuple[Any, ...]) -> None:
    """Alone or beside Parquet: one file a format for each chunk with the same rows, each hashed; a repetition keeps neither."""
    lake = FrameLake.of(spark, tmp_path)
    lake.bronze = Bronze(formats=formats, max_rows_per_file=4)
    rows = [
        "SELECT id, concat('\\\\N', IF(id = 3, '', CAST(id AS STRING))) t, named_struct('at', TIMESTAMP '2013-01-01 00:00:00.000001') s "
        "FROM range(0, 10, 1, 2)"
    ]
    done = lake.extract(Queries(rows), source())
    entry = lake.log()[2].entry
    assert isinstance(entry, ChunkEntry)
    assert [chunk.rows for chunk in entry.chunks] == [4, 1, 4, 1]
    assert [{file.format for file in chunk.files} for chunk in entry.chunks] == [set(formats)] * 4
    assert {chunk.file.format for chunk in entry.chunks} == {"parquet" if "parquet" in formats else "csv"}
    assert check_log(lake.fs, LAYOUT)[1] == 4 * len(formats)
    expected = [("\\N" if id_ == 3 else f"\\N{id_}", DAY + timedelta(microseconds=1)) for id_ in range(10)]
    assert [(row["t"], row["s"]["at"]) for row in sorted(lake.landed(), key=lambda row: row["id"])] == expected
    for chunk in entry.chunks:  # the file that is not read has the rows of the one that is
        text = next(file for file in chunk.files if file.format == "csv")
        alone = msgspec.structs.replace(chunk, files=[text])
        both = [
            [row for block in blocks(lake.fs, LogReader(lake.fs, LAYOUT), one, ["id", "_row"]) for row in block.to_pylist()]
            for one in (chunk, alone)
        ]
        assert sorted(both[0], key=str) == sorted(both[1], key=str)
    again = lake.extract(Queries(rows), source())
    assert again.same_as == done.run_id
    assert not [file for file in lake.fs.files() if f"run={again.run_id}" in file.path and file.path.endswith(("csv", "parquet"))]


def test_an_unchanged_snapshot_keeps_no_files_whatever_the_order_of_its_rows(spark: SparkSession, tmp_path: Path) -> None:
    """The content's hash does not depend on order or partitions, but on which value is null."""
    lake = FrameLake.of(spark, tmp_path)
    first = lake.extract(Queries(["SELECT * FROM VALUES (1, 'x', NULL), (2, NULL, 'x') t(id, a, b)"]), source())
    again = lake.extract(
        Queries(["SELECT * FROM VALUES (2, NULL, 'x') t(id, a, b)", "SELECT * FROM VALUES (1, 'x', NULL) t(id, a, b)"]), source()
    )
    assert (again.same_as, again.rows, again.chunks) == (first.run_id, 2, 0)
    assert not [
        file for file in lake.fs.files() if f"run={again.run_id}" in file.path and file.path.endswith(".parquet") and "/." not in file.path
    ]
    other = lake.extract(Queries(["SELECT * FROM VALUES (1, 'x', NULL), (2, 'x', NULL) t(id, a, b)"]), source())
    assert other.same_as is None


def test_a_run_goes_on_behind_its_last_committed_frame_within_its_frozen_end(spark: SparkSession, tmp_path: Path) -> None:
    """What was landed is committed when the source goes away; the end that was taken before reading stays."""
    lake = FrameLake.of(spark, tmp_path)
    queries = [BOUNDED, BOUNDED.replace("(1,", "(3,").replace("(2,", "(4,")]
    top = DAY + timedelta(hours=3)
    with pytest.raises(SourceUnavailable):
        lake.extract(Queries(queries, top=top, fail_after=1), source("cdc"))
    assert lake.ids() == [1]
    going_on = Queries(queries, top=datetime(2030, 1, 1, tzinfo=timezone.utc))
    done = lake.extract(going_on, source("cdc"))
    assert (done.resumed, len(going_on.asked), lake.ids()) == (True, 1, [1, 3])
    assert (lake.completed().watermark, lake.completed().end) == ("2013-01-01T00:00:00Z", "2013-01-01T03:00:00Z")


@pytest.mark.parametrize("kind", ["BIGINT", "DECIMAL(12,2)", "DOUBLE", "STRING"])
def test_a_cursor_that_counts_up_moves_by_what_is_before_the_end(spark: SparkSession, tmp_path: Path, kind: str) -> None:
    """In whatever type numbers come; what is none is left to the remarks, and the next run begins at the highest one."""
    lake = FrameLake.of(spark, tmp_path)
    counted = Source.model_validate(
        {
            "name": "s",
            "system": LAYOUT.system,
            "table": LAYOUT.table,
            "load_pattern": "cdc",
            "type": "db",
            "db": {
                "url": "jdbc:postgresql://h/d",
                "table": "t",
                "incremental": {"cursor_field": "n", "initial_value": 3, "lookback": 2},
            },
        }
    )
    odd = "'x'" if kind == "STRING" else "NULL"
    query = f"SELECT id, CAST(n AS {kind}) AS n FROM VALUES (1, '5'), (2, '12'), (3, '9'), (4, '10'), (5, {odd}) t(id, n)"
    first = Queries([f"{query} WHERE {{start}} = 3 AND {{end}} = 10"], top=Decimal(10))
    lake.extract(first, counted)
    assert lake.completed().watermark == "9"
    remarks = [event.sentence for event in lake.events if isinstance(event, Noticed)]
    assert [sentence for sentence in remarks if "1 rows have nothing in n that the cursor could be" in sentence] == (
        remarks if kind == "STRING" else []
    )
    again = Queries([query], top=Decimal("10.5"))
    lake.extract(again, counted)
    started = [stored.entry for stored in lake.log() if isinstance(stored.entry, RunStarted)]
    assert [(run.start, run.end) for run in started] == [("3", "10"), ("7", "10.5")]
    assert lake.completed().watermark == "10"


def test_sigterm_commits_the_frame_that_is_whole(spark: SparkSession, tmp_path: Path) -> None:
    """The frame behind it is not begun."""
    lake, stop = FrameLake.of(spark, tmp_path), StopFlag()
    with pytest.raises(TerminatedError):
        lake.extract(Queries(["SELECT 1 id", "SELECT 2 id"], stop_at=0, stop=stop), source(), stop=stop)
    assert lake.kinds() == ["RunStarted", "SchemaEntry", "ChunkEntry"]


def test_values_that_do_not_fit_are_rescued_or_refused(spark: SparkSession, tmp_path: Path) -> None:
    """By value for text of a declared type, with what the source itself could not read; a frozen contract refuses."""
    lake = FrameLake.of(spark, tmp_path)
    rows = (
        "SELECT * FROM VALUES ('1', '2013-01-01T00:00:00Z', '1.50', NULL), ('x', '12:00', '1.239', NULL), (NULL, NULL, NULL, 'a,b') "
        "t(id, at, price, bad)"
    )
    declared = {"schema": "id BIGINT, at TIMESTAMP, price DECIMAL(5,2)"}
    with pytest.raises(QualityError, match="2 rows hold text"):
        lake.extract(Queries([rows], rescued="bad"), source(**declared, schema_contract={"type_changes": "freeze"}))
    lake.extract(Queries([rows], rescued="bad"), source(**declared, resume_within="24h"))
    landed = sorted(lake.landed(), key=lambda row: (row["id"] is None, row["_rescued"]))
    assert [row["_rescued"] for row in landed] == [None, "a,b", '{"at":"12:00","id":"x","price":"1.239"}']
    assert str(landed[0]["price"]) == "1.50"
    assert landed[0]["at"] == DAY


def test_files_that_grew_too_large_are_cut_again(spark: SparkSession, tmp_path: Path) -> None:
    """Rows are wide, files stay below their size; what was written first is gone."""
    lake = FrameLake.of(spark, tmp_path)
    lake.bronze = Bronze(max_rows_per_file=1000, max_file_size_mb=1)
    noise = "SELECT id, concat_ws('', transform(sequence(1, 160), x -> sha2(concat(id, ' ', x), 256))) wide FROM range(0, 400, 1, 1)"
    lake.extract(Queries([noise]), source())
    sizes = [file.size for file in lake.fs.files() if file.path.endswith(".parquet") and "/." not in file.path]
    assert len(sizes) > 1
    assert max(sizes) <= 1024**2
    assert sorted(lake.ids()) == list(range(400))


def test_no_rows_are_a_result(spark: SparkSession, tmp_path: Path) -> None:
    """An empty snapshot completes, without files, and what Spark says of a failure is told by the source."""
    lake = FrameLake.of(spark, tmp_path)
    done = lake.extract(Queries(["SELECT 1 id WHERE false"]), source())
    assert (done.rows, done.chunks) == (0, 0)
    with pytest.raises(SourceUnavailable, match="the source says no"):
        lake.extract(Queries(["SELECT raise_error('no such source') id"]), source())


@pytest.mark.slow
def test_a_killed_run_and_a_killed_resume_leave_each_row_once(spark: SparkSession, tmp_path: Path) -> None:
    """SIGKILL with the first frame's files written and no entry, then behind its entry: the rest is read, and nothing twice."""
    here = Path(__file__).parent
    for place, landed in (("chunk.uploaded:1", []), ("entry.after:2", list(range(10)))):
        environment = os.environ | {VARIABLE: place, "PYTHONPATH": f"{here}{os.pathsep}{here.parent.parent}"}
        killed = subprocess.run(
            [sys.executable, str(here / "frame_kill_driver.py"), str(tmp_path)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert sorted(FrameLake.of(spark, tmp_path).ids()) == landed
    lake, rest = FrameLake.of(spark, tmp_path), Queries(FRAMES)
    done = lake.extract(rest, source())
    assert (done.resumed, done.rows, rest.asked) == (True, 30, FRAMES[1:])
    assert sorted(lake.ids()) == list(range(30))
