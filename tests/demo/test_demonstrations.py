"""The scripts around a run: they kill where they say, compare what they say, and hand the exit status on."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from medallion.bronze.entry import Asked, Chunk, ChunkEntry, RunCompleted, encode
from medallion.demo.process import RunningApi
from scripts import lake_compare, pull_the_plug, quickstart

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

API = RunningApi(url="http://127.0.0.1:1", token="t0ken", pid=0)


def program(path: Path, text: str) -> Path:
    """An executable shell script that stands for the job."""
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)
    return path


def chunk(rows: int) -> bytes:
    """A log entry with one chunk."""
    asked = Asked(pages=1, first={}, last={})
    chunks = [Chunk(ordinal=0, rows=rows, schema_id=1, files=[])]
    return encode(
        ChunkEntry(
            prev_sha256="",
            run_id="r",
            attempt="a",
            at="2026-11-23T08:00:00Z",
            started=0,
            load_pattern="cdc",
            chunks=chunks,
            resume={},
            watermark=None,
            watermark_final=False,
            asked=asked,
        )
    )


def end() -> bytes:
    """The log entry that completes a run."""
    return encode(
        RunCompleted(
            prev_sha256="",
            run_id="r",
            attempt="a",
            at="2026-11-23T08:00:00Z",
            first_version=0,
            load_pattern="cdc",
            logical_date="2026-11-23T08:00:00Z",
            fingerprint="f",
            chunks=1,
            rows=1,
            end=None,
            backfill=False,
            watermark=None,
            schema_id=1,
            content_sha256=None,
            same_as=None,
        )
    )


@pytest.fixture
def signals() -> Iterator[None]:
    """Signal handlers are as they were afterwards."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_bronze_rows_are_those_of_chunk_entries(tmp_path: Path) -> None:
    """Rows are counted from the log, and its last entry says whether a run is complete."""
    for version, entry in enumerate((chunk(4), chunk(7))):
        (tmp_path / f"{version:020d}.json").write_bytes(entry)
    assert (lake_compare.bronze_rows(tmp_path), lake_compare.completed(tmp_path)) == (11, False)
    (tmp_path / f"{2:020d}.json").write_bytes(end())
    assert (lake_compare.bronze_rows(tmp_path), lake_compare.completed(tmp_path)) == (11, True)


def test_uncommitted_are_the_files_that_no_version_names(tmp_path: Path) -> None:
    """A data file counts until a version of the table names it; a table that is not there has none."""
    assert lake_compare.uncommitted(tmp_path / "none") == 0
    (tmp_path / "_delta_log").mkdir()
    for name in ("part-0.parquet", "part 1.parquet", "part-2.parquet"):
        (tmp_path / name).touch()
    lines = [{"commitInfo": {}}, {"add": {"path": "part-0.parquet"}}, {"add": {"path": "part%201.parquet"}}]
    (tmp_path / "_delta_log" / f"{0:020d}.json").write_text("\n".join(map(json.dumps, lines)))
    assert lake_compare.uncommitted(tmp_path) == 1


def test_extraction_is_killed_after_a_few_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job and its children are gone as soon as the log has the entries, long before the job would have ended."""
    log = tmp_path / "lake" / pull_the_plug.LOG
    log.mkdir(parents=True)
    (tmp_path / "entry").write_bytes(chunk(1))
    text = f"""
cd "$LAKE/{pull_the_plug.LOG}"; for n in 0 1 2 3 4 5 6 7; do cp {tmp_path}/entry $n.part; mv $n.part $n.json; done  # whole at once
sleep 300 & echo $! >{tmp_path}/child; wait"""
    monkeypatch.setattr(pull_the_plug, "MEDALLION", program(tmp_path / "job", text))
    killed = pull_the_plug.kill_in_extraction(API, tmp_path / "lake", tmp_path / "output")
    assert killed.seen.endswith("log entries")
    if (tmp_path / "child").exists():
        child = int((tmp_path / "child").read_text() or 0)
        assert child == 0 or not Path(f"/proc/{child}/cmdline").exists() or b"sleep" not in Path(f"/proc/{child}/cmdline").read_bytes()


def test_a_merge_is_killed_while_its_files_are_in_no_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kill names the table and the files that the killed MERGE leaves behind."""
    table = tmp_path / "lake" / "silver" / "domain=travel" / "entity=flights" / "v1"
    monkeypatch.setattr(pull_the_plug, "MEDALLION", program(tmp_path / "job", f"mkdir -p {table}; touch {table}/part-0.parquet; sleep 300"))
    killed = pull_the_plug.kill_in_merge(API, tmp_path / "lake", tmp_path / "output")
    assert (killed.where, killed.seen) == ("in the middle of a MERGE into flights", "1 uncommitted files")


def test_a_job_that_ends_before_it_is_killed_shows_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An undisturbed end is reported as missed, never as a demonstration that went well."""
    monkeypatch.setattr(pull_the_plug, "MEDALLION", program(tmp_path / "job", "exit 0"))
    with pytest.raises(pull_the_plug.Missed):
        pull_the_plug.kill_in_merge(API, tmp_path / "lake", tmp_path / "output")


def test_two_lakes_of_old_are_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A LAKE that holds something is refused."""
    (tmp_path / "something").touch()
    monkeypatch.setenv("LAKE", str(tmp_path))
    assert pull_the_plug.main() == 2


def test_year_takes_the_year() -> None:
    """January is the default, YEAR=1 the year, and FLIGHTS_UNTIL wins over both."""
    assert quickstart.until({}) == quickstart.until({"YEAR": ""}) == "2013-02-01T00:00:00Z"
    assert quickstart.until({"YEAR": "1"}) == "2014-01-02T00:00:00Z"
    assert quickstart.until({"YEAR": "1", "FLIGHTS_UNTIL": "2013-03-01"}) == "2013-03-01"


@pytest.mark.slow
@pytest.mark.usefixtures("signals")
def test_quickstart_hands_on_the_status_and_stops_its_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run finds the API by its environment, its exit status is the quickstart's, and the API is gone afterwards."""
    text = f"""
exec 3<>/dev/tcp/127.0.0.1/"${{FLIGHTS_URL##*:}}" || exit 1
echo "$FLIGHTS_UNTIL $FLIGHTS_URL ${{#FLIGHTS_TOKEN}} $1" >{tmp_path}/said
exit 3"""
    monkeypatch.setattr(quickstart, "MEDALLION", program(tmp_path / "job", text))
    assert quickstart.main() == 3
    said = (tmp_path / "said").read_text().split()
    assert (said[0], said[2], said[3]) == ("2013-02-01T00:00:00Z", "32", "run")
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", int(said[1].rpartition(":")[2]))):
        pass


@pytest.mark.spark
@pytest.mark.jvm
def test_tables_are_compared_as_multisets(tmp_path: Path, spark: SparkSession) -> None:
    """Rows that are missing, doubled or changed are counted; which batch wrote a row does not matter, its validity does."""

    def write(root: str, name: str, rows: list[tuple[str, int, int]]) -> None:
        frame = spark.createDataFrame(rows, "id string, __START_AT int, __batch int").coalesce(1)
        frame.write.format("delta").save(str(tmp_path / root / "domain=d" / f"entity={name}" / "v1"))

    write("first", "equal", [("a", 1, 10), ("b", 2, 20)])
    write("second", "equal", [("b", 2, 21), ("a", 1, 11)])
    write("first", "different", [("a", 1, 10), ("b", 2, 20), ("c", 3, 30)])
    write("second", "different", [("a", 1, 10), ("a", 1, 10), ("a", 1, 10), ("b", 9, 20)])
    (tmp_path / "first" / "domain=d" / "entity=lone" / "v1" / "_delta_log").mkdir(parents=True)
    found = {each.name: each for each in lake_compare.differences(tmp_path / "first", tmp_path / "second")}
    assert {name: (each.equal, each.expected, each.actual, each.lost, each.doubled) for name, each in found.items()} == {
        "equal": (True, 2, 2, 0, 0),
        "different": (False, 3, 4, 2, 3),
        "lone": (False, 0, 0, 0, 0),
    }
