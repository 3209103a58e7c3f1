"""A thousand pages by the real command, killed and stopped at random, with each way of going on; and two drivers of one table at once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest

from medallion.bronze.entry import ChunkEntry, RunCompleted, decode
from medallion.testing.server import FaultServer, Reply, Seen, json_reply, serve

MEDALLION = Path(sys.executable).with_name("medallion")
PAGES, SIZE = 1_000, 2
DAY = datetime(2013, 1, 1, tzinfo=timezone.utc)
CONCURRENCY, CHUNK = 4, 20
"""Requests at once, and pages of a chunk."""

PAGED = {"type": "page", "size": SIZE, "total_pages_path": "pages"}
WINDOWED = {"cursor_field": "at", "initial_value": "2013-01-01", "end_value": "2013-04-11", "start_param": "since", "end_param": "until"}
SOURCES: Mapping[str, Mapping[str, Any]] = {
    "page": {"load_pattern": "full", "api": {"endpoint": "/rows", "pagination": PAGED}},
    "cursor": {"load_pattern": "full", "api": {"endpoint": "/rows", "pagination": {"type": "cursor", "cursor_path": "next"}}},
    "windows": {"load_pattern": "cdc", "api": {"endpoint": "/rows", "pagination": PAGED, "incremental": WINDOWED | {"window": "1d"}}},
    "children": {
        "load_pattern": "full",
        "parent": {"source": "parents", "fields": ["day"]},
        "api": {"endpoint": "/days/{parent.day}", "pagination": PAGED},
    },
}
"""A thousand pages in one lane by number, in one by cursor, in a hundred windows, for a hundred parents."""


def rows(seen: Seen) -> list[dict[str, Any]]:
    """The rows that a request is about: twenty a day, all of them, or those of its window or parent."""
    days = range(100)
    if "since" in seen.query:
        since = (datetime.fromisoformat(seen.query["since"].replace("Z", "+00:00")) - DAY).days
        days = range(since, since + 1)
    elif seen.path.startswith("/days/"):
        days = range(int(seen.path[6:]), int(seen.path[6:]) + 1)
    return [{"id": day * 20 + n, "at": (DAY + timedelta(days=day, minutes=n)).isoformat()} for day in days for n in range(20)]


def answer(seen: Seen) -> Reply:
    """A page, by number or by cursor."""
    if seen.path == "/parents":
        return json_reply({"data": [{"day": day} for day in range(100)]})
    found = rows(seen)
    number = int(seen.query.get("page", seen.query.get("cursor", "1")))
    pages = len(found) // SIZE
    return json_reply(
        {"data": found[(number - 1) * SIZE : number * SIZE], "pages": pages, "next": None if number >= pages else str(number + 1)}
    )


@dataclass
class Job:
    """Extractions of one source into one lake; a signal is sent when the server is asked a certain number of times."""

    lake: Path
    server: FaultServer
    config: Path
    at: int | None = None
    send: int = signal.SIGKILL
    asked: Counter[str] = field(default_factory=Counter)
    running: subprocess.Popen[str] | None = None

    def start(self, *more: str) -> subprocess.Popen[str]:
        """The real command, in a process of its own."""
        command = [str(MEDALLION), "extract", str(self.config), "--quiet", *more]
        environment = os.environ | {"LAKE": str(self.lake), "URL": self.server.url}
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def run(self, *more: str) -> tuple[int, str]:
        """Its exit status, and what it says."""
        self.running = self.start(*more)
        _, said = self.running.communicate(timeout=120)
        return self.running.returncode, said

    def note(self, seen: Seen) -> None:
        """Counts a request, and sends the signal with the one that it is meant for."""
        if seen.path == "/parents":
            return
        self.asked[json.dumps([seen.path, dict(seen.query)], sort_keys=True)] += 1
        if self.at is not None and self.asked.total() >= self.at and self.running is not None:
            self.at = None
            self.running.send_signal(self.send)

    def landed(self) -> tuple[Counter[int], int]:
        """How often each row is in the files that the log lists, and how many runs are complete."""
        table = self.lake / "bronze/system=s/table=rows"
        entries = [decode(file.read_bytes(), name=file.name) for file in sorted((table / "_log").glob("*.json"))]
        files = [
            str(table / file.path) for entry in entries if isinstance(entry, ChunkEntry) for chunk in entry.chunks for file in chunk.files
        ]
        ids = ds.dataset(files).to_table(columns=["id"])["id"].to_pylist() if files else []
        return Counter(ids), sum(isinstance(entry, RunCompleted) for entry in entries)


@contextmanager
def job(kind: str, folder: Path) -> Iterator[Job]:
    """A server of a thousand pages, and what extracts them."""
    jobs: list[Job] = []

    def noted(seen: Seen) -> Reply:
        jobs[0].note(seen)
        return answer(seen)

    source = {"name": "rows", "system": "s", "table": "rows", **SOURCES[kind]}
    parents = {"name": "parents", "system": "s", "table": "parents", "load_pattern": "full", "api": {"endpoint": "/parents"}}
    config = {
        "config_version": 1,
        "platform": {"bronze": {"root": "${LAKE}/bronze", "max_rows_per_file": CHUNK * SIZE}},
        "defaults": {"api": {"base_url": "${URL}", "records_path": "data", "concurrency": CONCURRENCY}},
        "sources": [source, parents] if kind == "children" else [source],
    }
    (folder / "rows.yaml").write_text(json.dumps(config))
    with serve(noted) as server:
        jobs.append(Job(folder / "lake", server, folder / "rows.yaml"))
        yield jobs[0]


@pytest.mark.slow
@pytest.mark.parametrize("kind", SOURCES)
def test_a_thousand_pages_survive_whatever_ends_the_driver(kind: str, tmp_path: Path) -> None:
    """Two kills and a SIGTERM: each row once, and asked again only what was in flight, waiting, or in a chunk that was not committed."""
    moments = random.Random(kind)
    with job(kind, tmp_path) as jobs:
        for number, kind_of_end in enumerate((signal.SIGKILL, signal.SIGTERM, signal.SIGKILL)):
            jobs.at, jobs.send = jobs.asked.total() + moments.randint(60, 280), kind_of_end
            status, said = jobs.run()
            assert status == (3 if kind_of_end == signal.SIGTERM else -signal.SIGKILL), (number, said)
        before = sum(jobs.landed()[0].values())
        status, said = jobs.run()
        assert status == 0, said
        landed, completed = jobs.landed()
    assert 0 < before < PAGES * SIZE
    assert landed == Counter(range(PAGES * SIZE))
    assert completed == 1
    in_flight, waiting, uncommitted = CONCURRENCY, 4 * CONCURRENCY, 4 * CHUNK  # open, being written, and two that wait to be entered
    assert 0 <= jobs.asked.total() - PAGES <= 3 * (2 * in_flight + waiting + uncommitted)
    assert len(jobs.asked) == PAGES


@pytest.mark.slow
def test_of_two_drivers_of_one_table_one_loses_and_nothing_is_lost(tmp_path: Path) -> None:
    """One is stopped in mid-run; another is told to wait, then to take over, and completes the run; the first wakes up, exit 7."""
    with job("page", tmp_path) as jobs:
        slow = jobs.running = jobs.start()
        jobs.at, jobs.send = 300, signal.SIGSTOP
        os.waitid(os.P_PID, slow.pid, os.WSTOPPED | os.WNOWAIT)
        polite = jobs.start()
        assert "[CON003]" in polite.communicate(timeout=60)[1]
        assert polite.returncode == 7
        taker = jobs.start("--take-over")
        said = taker.communicate(timeout=60)[1]
        assert taker.returncode == 0, said
        slow.send_signal(signal.SIGCONT)
        said = slow.communicate(timeout=60)[1]
        landed, completed = jobs.landed()
    assert slow.returncode == 7
    assert "[CON002]" in said
    assert "has taken over" in said
    assert landed == Counter(range(PAGES * SIZE))
    assert completed == 1


@pytest.mark.slow
def test_two_drivers_that_start_at_once_do_not_both_win(tmp_path: Path) -> None:
    """One table, two processes, no order: each row once, and a loser, if there is one, knows it."""
    with job("page", tmp_path) as jobs:
        both = [jobs.start("--take-over") for _ in range(2)]
        said = [one.communicate(timeout=120)[1] for one in both]
        statuses = sorted(one.returncode for one in both)
        landed, completed = jobs.landed()
    assert statuses in ([0, 7], [0, 0]), said
    assert all("[CON002]" in text for one, text in zip(both, said, strict=True) if one.returncode == 7)
    assert completed == statuses.count(0)
    assert all(times in (1, completed) for times in landed.values())
    assert set(landed) == set(range(PAGES * SIZE))
