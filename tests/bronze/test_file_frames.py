"""Files in Bronze: read by Spark, each taken once, what is no row kept with its file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bronze_fakes import LAYOUT
from file_inbox import Inbox
from frame_fakes import FrameLake

from medallion.bronze.entry import ChunkEntry, FilesEntry, RunStarted
from medallion.errors import SourceError, SourceUnavailable
from medallion.failpoint import VARIABLE
from medallion.source.files import FileFrames
from medallion.verify import check_log

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


@pytest.fixture
def inbox(spark: SparkSession, tmp_path: Path) -> Inbox:
    (tmp_path / "in").mkdir()
    return Inbox(folder=tmp_path / "in", lake=FrameLake.of(spark, tmp_path / "lake"))


def test_csv_is_taken_once_by_name_whatever_the_order_of_its_columns(inbox: Inbox) -> None:
    """Columns go by the header of each file; a new file and a changed one are read, the others not; a refresh reads them all."""
    inbox.schema = "id BIGINT, at TIMESTAMP"
    inbox.files |= {"file_column": "source_file", "glob": "**/*.csv"}
    inbox.put("a b+c%20é[1]{x,y}.csv", 'id,at,name\n1,2026-01-01T00:00:00Z,"x, ""y"""\n2,,\n')
    inbox.put("sub/b.csv", 'name,id\n"",3\n')
    inbox.put("empty.csv", "")
    inbox.put("no.txt", "id\n9\n")
    first = inbox.extract()
    at = datetime(2026, 1, 1, tzinfo=timezone.utc)
    odd = "a b+c%20é[1]{x,y}.csv"
    assert inbox.rows() == [
        {"id": 1, "at": at, "name": 'x, "y"', "source_file": odd, "_rescued": None},
        {"id": 2, "at": None, "name": None, "source_file": odd, "_rescued": None},
        {"id": 3, "at": None, "name": "", "source_file": "sub/b.csv", "_rescued": None},
    ]
    assert (first.rows, check_log(inbox.lake.fs, LAYOUT)[1]) == (3, first.chunks)
    nothing = inbox.extract()
    assert (nothing.rows, nothing.chunks) == (0, 0)
    inbox.put("sub/b.csv", "name,id\nnew,3\n")
    inbox.put("c.csv", "id,extra\n4,z\n")
    second = inbox.extract()
    assert [(row["id"], row["name"], row.get("extra")) for row in inbox.rows(second.run_id)] == [(3, "new", None), (4, None, "z")]
    entry = next(one.entry for one in reversed(inbox.lake.log()) if isinstance(one.entry, ChunkEntry))
    assert [(one.path, one.size) for one in entry.taken] == [("sub/b.csv", 14), ("c.csv", 13)]
    again = inbox.extract(full_refresh=True)
    assert sorted(row["id"] for row in inbox.rows(again.run_id)) == [1, 2, 3, 4]
    assert inbox.extract().rows == 0


def test_what_is_no_row_is_kept_with_its_file(inbox: Inbox) -> None:
    """A line with too many or too few fields has no values, its text and file stand in _rescued; a value that does not fit does, too."""
    inbox.schema = "id BIGINT"
    inbox.put("a.csv", "id,name\n1,x\n2\n3,y,z\nfour,v\n")
    inbox.extract()
    told = [(row["id"], row["name"], row["_rescued"] and json.loads(row["_rescued"])) for row in inbox.rows()]
    assert told == [
        (1, "x", None),
        (None, "v", {"id": "four"}),
        (None, None, {"file": "a.csv", "text": "2"}),
        (None, None, {"file": "a.csv", "text": "3,y,z"}),
    ]


def test_dialects(inbox: Inbox) -> None:
    """Delimiter, quote, escape, encoding, a text for null, no header, lines within fields."""
    inbox.files |= {"header": False, "columns": ["a", "b"], "delimiter": ";", "quote": "'", "escape": "\\", "encoding": "iso-8859-1"}
    inbox.files |= {"null_value": "NA", "multiline": True}
    inbox.put("a.csv", "é;'it\\'s\nhere'\nNA;''\n".encode("iso-8859-1"))
    inbox.extract()
    assert [(row["a"], row["b"]) for row in inbox.rows()] == [("é", "it's\nhere"), (None, "")]


def test_json_lines_keep_their_types_and_text_stays_text(inbox: Inbox) -> None:
    """Numbers, lists and objects are inferred, a declared decimal has every digit, a line that is none is kept."""
    inbox.files = {"format": "jsonl", "file_column": "file"}
    inbox.schema = "price DECIMAL(20,4)"
    inbox.put(
        "a.jsonl",
        '{"id": 1, "price": 1234567890123456.1234, "at": "2026-01-01", "tags": ["x"], "who": {"n": 1.5}}\n'
        '{"id": \n\n{"id": 2, "ok": true}\n',
    )
    inbox.extract()
    rows = inbox.rows()
    assert [(row["id"], row["price"], row["at"], row["tags"], row["who"], row["ok"], row["file"]) for row in rows if row["id"]] == [
        (1, Decimal("1234567890123456.1234"), "2026-01-01", ["x"], {"n": 1.5}, None, "a.jsonl"),
        (2, None, None, None, None, True, "a.jsonl"),
    ]
    assert json.loads(rows[-1]["_rescued"]) == {"file": "a.jsonl", "text": '{"id": '}


def test_parquet_of_different_files_goes_together(inbox: Inbox) -> None:
    """Types as they are, a column that one file has alone; types that do not go together are one sentence, and so is no Parquet at all."""
    inbox.files = {"format": "parquet", "file_column": "file"}

    def put(name: str, **columns: Any) -> None:
        pq.write_table(pa.table(columns), inbox.folder / name)

    put("a.parquet", id=pa.array([1], pa.int32()), price=pa.array([Decimal("1.50")], pa.decimal128(8, 2)))
    put("b.parquet", id=pa.array([2], pa.int32()), more=pa.array([["x"]]))
    inbox.extract()
    assert inbox.rows() == [
        {"id": 1, "price": Decimal("1.50"), "more": None, "file": "a.parquet", "_rescued": None},
        {"id": 2, "price": None, "more": ["x"], "file": "b.parquet", "_rescued": None},
    ]
    put("c.parquet", id=pa.array(["x"]))
    put("d.parquet", id=pa.array([3], pa.int32()))
    with pytest.raises(SourceError, match="do not go together"):
        inbox.extract()
    put("c.parquet", id=pa.array([4], pa.int32()))
    inbox.put("e.parquet", b"PAR1 and no more")
    with pytest.raises(SourceError, match=r"e\.parquet cannot be read as parquet"):
        inbox.extract()


def test_a_snapshot_is_every_file_each_time(inbox: Inbox) -> None:
    """Unchanged it keeps no files; a file that is gone is gone; none at all is refused."""
    inbox.load_pattern = "full"
    inbox.put("a.csv", "id\n1\n")
    path = inbox.put("b.csv", "id\n2\n")
    first = inbox.extract()
    again = inbox.extract()
    assert (first.rows, again.same_as) == (2, first.run_id)
    path.unlink()
    assert [row["id"] for row in inbox.rows(inbox.extract().run_id)] == ["1"]
    (inbox.folder / "a.csv").unlink()
    with pytest.raises(SourceError, match="empty snapshot"):
        inbox.extract()


def test_a_run_goes_on_with_the_files_it_did_not_take(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two files a job: what was committed before the source failed is not read again; what came meanwhile is; then all is in one part."""
    inbox.files |= {"max_files_per_job": 2}
    for number in range(5):
        inbox.put(f"{number}.csv", f"id\n{number}\n")
    read, jobs = FileFrames._read, list[int]()

    def failing(self: FileFrames, *arguments: Any, **named: Any) -> Any:
        jobs.append(1)
        if len(jobs) == 2:
            raise SourceUnavailable("the disk went away")
        return read(self, *arguments, **named)

    monkeypatch.setattr(FileFrames, "_read", failing)
    with pytest.raises(SourceUnavailable):
        inbox.extract()
    inbox.put("late.csv", "id\n9\n")
    done = inbox.extract()
    assert (done.resumed, done.rows, len(jobs)) == (True, 6, 4)
    assert [row["id"] for row in inbox.rows()] == ["0", "1", "2", "3", "4", "9"]
    entries = [one.entry for one in inbox.lake.log()]
    (part,) = [entry for entry in entries if isinstance(entry, FilesEntry)]
    assert len(part.keys) == 6 * 12
    assert inbox.extract().rows == 0
    started = [one.entry for one in inbox.lake.log() if isinstance(one.entry, RunStarted)]
    assert [entry.taken for entry in started] == [[], [entries.index(part)]]


def test_a_file_that_changes_while_it_is_read_stops_the_job(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the job lands; the next run reads the file as it is then."""
    path = inbox.put("a.csv", "id\n1\n")
    frame = FileFrames._frame

    def writing(self: FileFrames, *arguments: Any, **named: Any) -> Any:
        found = frame(self, *arguments, **named)
        path.write_text("id\n1\n2\n")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(FileFrames, "_frame", writing)
        with pytest.raises(SourceError, match="changed while it was read"):
            inbox.extract()
    assert inbox.rows() == []
    assert inbox.extract().rows == 2


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda inbox: inbox.files.update(file_column="ID"), "have a column ID themselves"),
        (lambda inbox: (inbox.folder / "a.csv").write_bytes(b"x" * 5_000_000), "no end of its first line"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(inbox: Inbox, spoil: Callable[[Inbox], object], sentence: str) -> None:
    """A name that is taken, a file that is none of its format."""
    inbox.put("a.csv", "id\n1\n")
    spoil(inbox)
    with pytest.raises(SourceError, match=sentence):
        inbox.extract()


@pytest.mark.thorough
@pytest.mark.slow
def test_a_killed_run_takes_each_file_once(inbox: Inbox, tmp_path: Path) -> None:
    """SIGKILL before the first job's entry, behind the second's, and behind the list of files: no row is lost or doubled."""
    inbox.files |= {"max_files_per_job": 2}
    for number in range(5):
        inbox.put(f"{number}.csv", f"id\n{number}\n")
    here = Path(__file__).parent
    for place, landed in (("chunk.uploaded:1", 0), ("entry.after:3", 4), ("entry.after:3", 5)):
        environment = os.environ | {VARIABLE: place, "PYTHONPATH": f"{here}{os.pathsep}{here.parent.parent}"}
        command = [sys.executable, str(here / "file_kill_driver.py"), str(tmp_path)]
        killed = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, start_new_session=True)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert [row["id"] for row in inbox.rows()] == [str(number) for number in range(landed)]
    assert inbox.lake.kinds()[-1] == "FilesEntry"
    done = inbox.extract()
    assert (done.resumed, done.rows) == (True, 5)
    assert [row["id"] for row in inbox.rows()] == ["0", "1", "2", "3", "4"]
    assert inbox.extract().rows == 0
