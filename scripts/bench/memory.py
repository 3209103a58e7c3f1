"""How much memory extraction takes, whatever there is to read: five million rows beside fifty thousand."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scripts.bench import server
from scripts.bench.extraction import paged
from scripts.bench.measure import Bar, Benchmark, Measured, Settings
from scripts.bench.runs import one_run

FEW, MANY = 50_000, 5_000_000
TURNS = 3
"""Each takes half a minute or more."""


def pipeline(url: str, rows: int) -> str:
    """A pipeline that lands *rows* rows of the page server and promotes nothing."""
    source = paged(url, latency_ms=0, pages=rows // server.ROWS).model_dump(mode="json", by_alias=True, exclude_unset=True)
    roots = {"bronze": {"root": "${LAKE}/bronze"}, "silver": {"root": "${LAKE}/silver"}, "state": {"root": "${LAKE}/state"}}
    return json.dumps({"config_version": 1, "platform": roots, "sources": [source], "silver": []})


def memory(settings: Settings) -> Sequence[Measured]:
    """The peak of the Python process in ``medallion extract``: of many rows over that of few."""
    peaks: dict[int, list[float]] = {FEW: [], MANY: []}
    times: dict[int, list[float]] = {FEW: [], MANY: []}
    with server.started() as url, tempfile.TemporaryDirectory(prefix="medallion-bench-") as folder:
        for turn in range(settings.turns or TURNS):
            for rows in (FEW, MANY):
                settings.progress(f"{turn + 1}: {rows:,} rows")
                config = Path(folder) / f"rows_{rows}.yaml"
                config.write_text(pipeline(url, rows), "utf-8")
                peak, took = one_run(os.environ, settings.clock, ("extract", str(config)))
                peaks[rows].append(peak)
                times[rows].append(took)
    values = tuple(many - few for few, many in zip(peaks[FEW], peaks[MANY], strict=True))
    parts = {f"{rows} rows MB": tuple(found) for rows, found in peaks.items()} | {
        f"{rows} rows s": tuple(found) for rows, found in times.items()
    }
    says = f"peak RSS of the Python process in medallion extract, {MANY:,} rows over {FEW:,}"
    return [Measured(bar=Bar(name="memory", says=says, limit=150, unit="MB"), values=values, parts=parts)]


BENCHMARKS = (Benchmark(name="memory", says="memory of five million rows over fifty thousand (minutes)", measure=memory),)
