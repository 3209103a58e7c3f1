"""Beside dlt, which is what many would take instead: the same pages from the same server into Parquet on the local disk.

dlt is installed by ``make bench`` only. It runs in a process of its own, with its telemetry off: ``python -m scripts.bench.peer URL``
prints its seconds and rows as JSON.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from medallion.clock import Clock, SystemClock
from medallion.errors import MedallionError
from scripts.bench import server
from scripts.bench.extraction import DEPTH, Sides, paged
from scripts.bench.measure import Bar, Benchmark, Measured, Settings, ratios

LATENCY_MS = 50
TURNS = 3
"""dlt takes 15 seconds or more."""


def dlt_default(url: str, clock: Clock) -> tuple[float, int]:
    """Seconds and rows of a REST source as dlt's tutorial has it, all settings its own but the paginator's names."""
    import dlt
    from dlt.sources.rest_api import rest_api_source

    logging.disable(logging.WARNING)
    paginator = {"type": "page_number", "base_page": 1, "page_param": "page", "total_path": None}
    endpoint = {"path": "pages", "data_selector": "data", "paginator": paginator}
    with tempfile.TemporaryDirectory(prefix="medallion-bench-") as folder:
        source = rest_api_source({"client": {"base_url": url}, "resources": [{"name": "pages", "endpoint": endpoint}]})
        lake = dlt.destinations.filesystem(bucket_url=Path(folder, "lake").as_uri())
        pipeline = dlt.pipeline("bench", pipelines_dir=str(Path(folder, "work")), destination=lake, dataset_name="bench")
        began = clock.monotonic()
        pipeline.run(source, loader_file_format="parquet")
        took = clock.monotonic() - began
        return took, pipeline.last_trace.last_normalize_info.row_counts["pages"]


def _in_its_process(url: str) -> float:
    with tempfile.TemporaryDirectory(prefix="medallion-bench-") as home:
        environment = {**os.environ, "RUNTIME__DLTHUB_TELEMETRY": "false", "DLT_DATA_DIR": home}
        done = subprocess.run(
            [sys.executable, "-m", "scripts.bench.peer", url], env=environment, capture_output=True, text=True, check=False
        )
    if done.returncode != 0:
        raise MedallionError(f"dlt ended with status {done.returncode}: {done.stderr[-2000:]}")
    took, rows = json.loads(done.stdout.splitlines()[-1])
    if rows != server.PAGES * server.ROWS:
        raise MedallionError(f"dlt read {rows} rows instead of {server.PAGES * server.ROWS}: the sides did not do the same work")
    return float(took)


def peer(settings: Settings) -> Sequence[Measured]:
    """dlt as it comes, ours one request at a time, ours many at a time."""
    if importlib.util.find_spec("dlt") is None:
        raise MedallionError("dlt is not installed: make bench installs it")
    with server.started() as url:
        sides = Sides(clock=settings.clock, rows=server.PAGES * server.ROWS)
        found = settings.in_turn(
            {
                "dlt default": lambda: _in_its_process(f"{url}/{LATENCY_MS}"),
                "ours 1 deep": sides.ours(paged(url, latency_ms=LATENCY_MS, depth=1)),
                f"ours {DEPTH} deep": sides.ours(paged(url, latency_ms=LATENCY_MS)),
            },
            turns=TURNS,
            warm_up=0,
        )
    says = f"time of dlt as it comes over ours {DEPTH} deep, {server.PAGES} pages × {server.ROWS} rows, {LATENCY_MS} ms"
    bar = Bar(name="dlt", says=says, limit=10, at_least=True)
    return [Measured(bar=bar, values=ratios(found["dlt default"], found[f"ours {DEPTH} deep"]), parts=found)]


BENCHMARKS = (Benchmark(name="dlt", says="pages by number beside dlt, 50 ms (half a minute a turn)", measure=peer),)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(dlt_default(sys.argv[1], SystemClock())) + "\n")
