"""Whole runs as processes: how long the quickstart takes, and how much memory the Python driver needs for January and for the year."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from medallion.clock import Clock
from medallion.demo.process import started
from medallion.errors import MedallionError
from scripts.bench.extraction import PIPELINE
from scripts.bench.measure import Bar, Benchmark, Measured, Settings, seconds
from scripts.quickstart import END_OF_JANUARY, END_OF_YEAR, MEDALLION

ROOT = PIPELINE.parent.parent.parent
TURNS = 3
"""Each takes minutes."""
_LOOK_EVERY = 0.02
_SHOWN = 8000


def quickstart(settings: Settings) -> Sequence[Measured]:
    """The quickstart into a new lake, and once more; what ``make setup`` does is done before."""
    first: list[float] = []
    second: list[float] = []
    for turn in range(settings.turns or TURNS):
        with tempfile.TemporaryDirectory(prefix="medallion-bench-") as folder:
            for name, found in (("first run", first), ("second run", second)):
                settings.progress(f"{turn + 1}: {name}")
                found.append(seconds(settings.clock, lambda: _quickstart(Path(folder))))
    return [
        Measured(bar=Bar(name="quickstart", says="make quickstart after setup, new lake", limit=120, unit="s"), values=tuple(first)),
        Measured(bar=Bar(name="quickstart-again", says="its second run, nothing new", limit=40, unit="s"), values=tuple(second)),
    ]


def _quickstart(folder: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("YEAR", "FLIGHTS_UNTIL", "LATENCY", "TROUBLE")}
    done = subprocess.run(
        [sys.executable, "-m", "scripts.quickstart"],
        cwd=ROOT,
        env=environment | {"LAKE": str(folder / "lake")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode != 0:
        raise MedallionError(f"the quickstart ended with status {done.returncode}: {done.stdout[-_SHOWN:].decode('utf-8', 'replace')}")


def year(settings: Settings) -> Sequence[Measured]:
    """The peak of the Python driver's resident memory in ``medallion run``: the year's over January's."""
    peaks: dict[str, list[float]] = {"January": [], "year": []}
    times: dict[str, list[float]] = {"January": [], "year": []}
    ends = {"January": END_OF_JANUARY, "year": END_OF_YEAR}
    with started("--months", ",".join(map(str, range(1, 14)))) as api:
        for turn in range(settings.turns or TURNS):
            for name, until in ends.items():
                settings.progress(f"{turn + 1}: {name}")
                peak, took = one_run(os.environ | api.environment | {"FLIGHTS_UNTIL": until}, settings.clock)
                peaks[name].append(peak)
                times[name].append(took)
    values = tuple(year - january for january, year in zip(peaks["January"], peaks["year"], strict=True))
    parts = {f"{name} MB": tuple(found) for name, found in peaks.items()} | {f"{name} s": tuple(found) for name, found in times.items()}
    bar = Bar(name="year", says="peak RSS of the Python driver, a million changes over January's", limit=150, unit="MB")
    return [Measured(bar=bar, values=values, parts=parts)]


def one_run(environment: Mapping[str, str], clock: Clock, command: Sequence[str] = ("run", str(PIPELINE))) -> tuple[float, float]:
    """One ``medallion run`` into a new lake: the peak resident memory in MB of its Python process alone, and its seconds.

    The JVM and Spark's workers are other processes, with limits of their own. *command* is what ``medallion`` is told; the lake is where
    ``LAKE`` says.
    """
    with tempfile.TemporaryDirectory(prefix="medallion-bench-") as folder:
        output = Path(folder) / "output.txt"
        began = clock.monotonic()
        with (
            output.open("wb") as sink,
            subprocess.Popen(
                [str(MEDALLION), *command],
                env={**environment, "LAKE": str(Path(folder) / "lake")},
                stdout=sink,
                stderr=sink,
            ) as run,
        ):
            resident = _resident(run.pid)
            peak = 0.0
            try:
                while run.poll() is None:
                    peak = max(peak, resident())
                    clock.sleep(_LOOK_EVERY)
            finally:
                if run.poll() is None:
                    run.terminate()
        took = clock.monotonic() - began
        if run.returncode != 0:
            said = output.read_bytes()[-_SHOWN:].decode("utf-8", "replace")
            raise MedallionError(f"medallion run ended with status {run.returncode}: {said}")
    return peak, took


def _resident(pid: int) -> Callable[[], float]:
    """Reads a process's memory in MB: the kernel's own high-water mark where there is one, so that no peak falls between two looks."""
    status = Path(f"/proc/{pid}/status")
    process = psutil.Process(pid)

    def read() -> float:
        try:
            if status.exists():
                marks = [line for line in status.read_text("ascii", "replace").splitlines() if line.startswith("VmHWM:")]
                return int(marks[0].split()[1]) / 1024 if marks else 0.0
            return float(process.memory_info().rss) / 1024**2
        except (OSError, psutil.NoSuchProcess, psutil.ZombieProcess):  # it has just ended
            return 0.0

    return read


BENCHMARKS = (
    Benchmark(name="quickstart", says="make quickstart, first and second run (minutes)", measure=quickstart),
    Benchmark(name="year", says="memory of the year over January (minutes)", measure=year),
)
