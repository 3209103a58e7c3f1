"""Two drivers of one table on a store: one of them loses, is told so, and nothing is lost."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from medallion.bronze.entry import ChunkEntry, RunCompleted, decode
from medallion.storage.filesystem import FileSystem
from medallion.storage.location import Location
from medallion.storage.registry import provider_for
from medallion.testing.commandline import CommandLine
from medallion.testing.server import Reply, Seen, json_reply, serve
from medallion.testing.services import Service

MEDALLION = Path(sys.executable).with_name("medallion")
PAGES, SIZE, STOPPED_AT = 30, 2, 12


def pipeline(path: Path, service: Service, url: str) -> str:
    """A source of thirty pages, two rows each, of which two pages are a chunk."""
    told = {
        "config_version": 1,
        "platform": {
            "bronze": {"root": f"{service.root}/{path.parent.name}", "max_rows_per_file": 2 * SIZE},
            "connection": service.connection,
        },
        "source": {
            "name": "rows",
            "system": "s",
            "table": "rows",
            "load_pattern": "full",
            "api": {
                "base_url": url,
                "endpoint": "/rows",
                "records_path": "data",
                "concurrency": 1,
                "pagination": {"type": "page", "size": SIZE, "total_pages_path": "pages"},
            },
        },
    }
    path.write_text(json.dumps(told))
    return str(path)


def landed(fs: FileSystem) -> tuple[Counter[int], int]:
    """How often each row is in the files that the log lists, and how many runs are complete."""
    logged = sorted(file.path for file in fs.files("system=s/table=rows/_log") if file.path.endswith(".json"))
    entries = [decode(fs.read(path), name=path) for path in logged]
    files = [file.path for entry in entries if isinstance(entry, ChunkEntry) for chunk in entry.chunks for file in chunk.files]
    ids: Counter[int] = Counter()
    for file in files:
        ids.update(pq.read_table(io.BytesIO(fs.read(f"system=s/table=rows/{file}")))["id"].to_pylist())
    return ids, sum(isinstance(entry, RunCompleted) for entry in entries)


@pytest.mark.store
@pytest.mark.slow
@pytest.mark.parametrize("store", ["s3", "azure"])
def test_of_two_drivers_on_a_store_one_loses_and_nothing_is_lost(request: pytest.FixtureRequest, tmp_path: Path, store: str) -> None:
    """The first is stopped in mid-run, the second takes over and completes the run; the first wakes up and is refused, exit 7."""
    service: Service = request.getfixturevalue(f"{store}_service")
    first: list[subprocess.Popen[str]] = []
    asked = 0

    def answer(seen: Seen) -> Reply:
        nonlocal asked
        asked += 1
        if asked == STOPPED_AT:
            first[0].send_signal(signal.SIGSTOP)
        page = int(seen.query["page"])
        return json_reply({"data": [{"id": SIZE * (page - 1) + number} for number in range(SIZE)], "pages": PAGES})

    with serve(answer) as server:
        config = pipeline(tmp_path / "rows.yaml", service, server.url)
        command = [str(MEDALLION), "extract", config, "--quiet"]
        first.append(subprocess.Popen(command, env={**os.environ, **service.environ}, stderr=subprocess.PIPE, text=True))
        with first[0] as slow:
            try:
                os.waitid(os.P_PID, slow.pid, os.WSTOPPED | os.WNOWAIT)
                second = CommandLine(environ=service.environ)("extract", config, "--quiet", "--take-over")
                slow.send_signal(signal.SIGCONT)
                said = slow.communicate(timeout=60)[1]
            finally:
                slow.kill()
    root = Location.parse(f"{service.root}/{tmp_path.name}")
    rows, completed = landed(provider_for(root).open(root, service.access))
    assert (second.status, second.err) == (0, "")
    assert slow.returncode == 7, said
    assert "[CON002]" in said
    assert "has taken over" in said
    assert rows == Counter(range(PAGES * SIZE))
    assert completed == 1
