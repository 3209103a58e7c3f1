"""How fast sources are read: ours up to the last commit on the local disk, against the plan's time and the fetch-and-decode floor."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from medallion.bronze.extract import ExtractResult, extract
from medallion.bronze.opening import ExtractOptions
from medallion.clock import Clock
from medallion.config.load import load
from medallion.config.platform import Bronze
from medallion.config.secret import Secrets
from medallion.config.source import Source
from medallion.config.values import show_instant
from medallion.demo.process import RunningApi
from medallion.demo.process import started as demo_started
from medallion.errors import MedallionError
from medallion.events import nobody
from medallion.prefetch.hosts import Hosts
from medallion.prefetch.open import open_pages
from medallion.stop import StopFlag
from medallion.storage.registry import open_filesystem
from scripts.baselines import Fetched, fetch_pages, fetch_windows
from scripts.bench import server
from scripts.bench.measure import Bar, Benchmark, Measured, Settings, ratios, seconds

PIPELINE = Path(__file__).resolve().parent.parent.parent / "conf" / "pipelines" / "quickstart.yaml"
DEPTH = 16
TURNS = 7
JANUARY = (datetime(2013, 1, 1, tzinfo=timezone.utc), datetime(2013, 2, 1, tzinfo=timezone.utc))
DAY = timedelta(days=1)


def paged(
    url: str, *, latency_ms: int, pagination: str = "page", side_by_side: bool = True, depth: int = DEPTH, pages: int | None = None
) -> Source:
    """A source over the page server: pages by number, without a known total, or by cursor; *pages* of them instead of its own number."""
    by = {
        "page": {"type": "page", "size_param": None},
        "cursor": {"type": "cursor", "cursor_path": "next", "cursor_param": "cursor"},
    }
    api = {
        "base_url": f"{url}/{latency_ms}",
        "endpoint": "/pages" if pages is None else f"/pages/{pages}",
        "records_path": "data",
        "pagination": by[pagination],
        "concurrency": depth,
        "async": side_by_side,
    }
    return Source.model_validate({"name": "pages", "system": "bench", "table": "pages", "load_pattern": "cdc", "api": api})


def extracted(source: Source, environ: dict[str, str], clock: Clock, folder: Path) -> ExtractResult:
    """The source is read into a new lake in *folder*, from opening the log to ``run_completed``."""
    fs = open_filesystem(str(folder / "bronze"), clock=clock)
    stop = StopFlag()
    pages = open_pages(
        source,
        resolver=Secrets(environ=environ),
        hosts=Hosts(clock=clock),
        clock=clock,
        listener=nobody,
        stop=stop,
        logical_date=clock.now(),
    )
    return extract(source, pages, fs, bronze=Bronze(), options=ExtractOptions(), clock=clock, listener=nobody, stop=stop, spool=folder)


@dataclass(frozen=True, kw_only=True)
class Sides:
    """The two sides of a comparison; each says its seconds, and fails where it did not read *rows* rows."""

    clock: Clock
    rows: int

    def ours(self, source: Source, environ: dict[str, str] | None = None) -> Callable[[], float]:
        """Extraction into a lake of its own, which is gone afterwards."""

        def run() -> float:
            found: list[ExtractResult] = []
            with tempfile.TemporaryDirectory(prefix="medallion-bench-") as folder:
                # A root is raced for once, at its first use, which is no part of an extraction.
                open_filesystem(str(Path(folder, "bronze")), clock=self.clock).put_if_absent("used", b"")
                took = seconds(self.clock, lambda: found.append(extracted(source, environ or {}, self.clock, Path(folder))))
            self._check(found[0].rows)
            return took

        return run

    def floor(self, fetch: Callable[[], Coroutine[Any, Any, Fetched]]) -> Callable[[], float]:
        """Fetch and decode, nothing kept."""

        def run() -> float:
            found: list[Fetched] = []
            took = seconds(self.clock, lambda: found.append(asyncio.run(fetch())))
            self._check(found[0].rows)
            return took

        return run

    def _check(self, rows: int) -> None:
        if rows != self.rows:
            raise MedallionError(f"{rows} rows were read instead of {self.rows}: the sides did not do the same work")


def january(settings: Settings) -> Sequence[Measured]:
    """January's changes by cursor in windows of a day."""
    days = [(JANUARY[0] + number * DAY, JANUARY[0] + (number + 1) * DAY) for number in range((JANUARY[1] - JANUARY[0]) // DAY)]
    windows = [(show_instant(start), show_instant(end)) for start, end in days]
    latency = 25
    with demo_started("--latency", str(latency)) as slow, demo_started() as fast:
        source = next(one for one in _quickstart(slow) if one.name == "changes")

        def bare(api: RunningApi) -> Callable[[], Coroutine[Any, Any, Fetched]]:
            headers = {"Authorization": f"Bearer {api.token}"}
            return lambda: fetch_windows(f"{api.url}/flights/changes", windows=windows, size=1000, depth=DEPTH, headers=headers)

        plan = asyncio.run(bare(fast)())
        sides = Sides(clock=settings.clock, rows=plan.rows)
        found = settings.in_turn(
            {
                "ours": sides.ours(source, slow.environment),
                "floor": sides.floor(bare(fast)),
                "by hand at 25 ms": sides.floor(bare(slow)),
            },
            turns=TURNS,
        )
    ideal = plan.requests / DEPTH * latency / 1000
    bar = Bar(name="january", says=f"extraction of January's changes, {DEPTH} deep, {latency} ms, against the ideal of the plan", limit=1.3)
    note = f"plan {ideal:.3f} for {plan.requests} requests, {plan.rows} rows"
    return [Measured(bar=bar, values=ratios(found["ours"], found["floor"], at_least=ideal), parts=found, note=note)]


def pages(settings: Settings) -> Sequence[Measured]:
    """A page-paginated endpoint at 25 ms."""
    return [_against_plan(settings, name="pages", latency_ms=25, limit=1.3)]


def pages_50(settings: Settings) -> Sequence[Measured]:
    """The same at 50 ms."""
    return [_against_plan(settings, name="pages-50ms", latency_ms=50, limit=1.25)]


def _against_plan(settings: Settings, *, name: str, latency_ms: int, limit: float) -> Measured:
    with server.started() as url:
        found = _paged_sides(settings, url, latency_ms)
    ideal = server.PAGES / DEPTH * latency_ms / 1000
    says = f"{server.PAGES} pages × {server.ROWS} rows by number, {DEPTH} deep, {latency_ms} ms, against the ideal of the plan"
    bar = Bar(name=name, says=says, limit=limit)
    return Measured(bar=bar, values=ratios(found["ours"], found["floor"], at_least=ideal), parts=found, note=f"plan {ideal:.3f}")


def no_latency(settings: Settings) -> Sequence[Measured]:
    """The same without latency: our own work against the floor."""
    with server.started() as url:
        found = _paged_sides(settings, url, 0)
    says = f"{server.PAGES} pages × {server.ROWS} rows, {DEPTH} deep, no latency, against fetch and decode by hand"
    bar = Bar(name="no-latency", says=says, limit=1.4)
    return [Measured(bar=bar, values=ratios(found["ours"], found["floor"]), parts=found)]


def _paged_sides(settings: Settings, url: str, latency_ms: int) -> dict[str, tuple[float, ...]]:
    sides = Sides(clock=settings.clock, rows=server.PAGES * server.ROWS)
    ours = sides.ours(paged(url, latency_ms=latency_ms))
    floor = sides.floor(lambda: fetch_pages(f"{url}/0/pages", pages=server.PAGES, depth=DEPTH))
    return settings.in_turn({"ours": ours, "floor": floor}, turns=TURNS)


def one_deep(settings: Settings) -> Sequence[Measured]:
    """One request at a time: parsing and landing hide behind the fetch."""
    latency_ms = 50
    plan = server.PAGES * latency_ms / 1000
    with server.started() as url:
        sides = Sides(clock=settings.clock, rows=server.PAGES * server.ROWS)
        found = settings.in_turn(
            {
                "cursor": sides.ours(paged(url, latency_ms=latency_ms, pagination="cursor")),
                "sync": sides.ours(paged(url, latency_ms=latency_ms, side_by_side=False)),
            },
            turns=TURNS,
        )
    says = {"cursor": "cursor pagination", "sync": "sync mode (requests)"}
    return [
        Measured(
            bar=Bar(name=f"one-deep-{name}", says=f"{says[name]}, {latency_ms} ms, against pages × latency", limit=1.1),
            values=tuple(took / plan for took in times),
            parts={"ours": times},
            note=f"plan {plan:g}",
        )
        for name, times in found.items()
    ]


def _quickstart(api: RunningApi) -> Sequence[Source]:
    return load(PIPELINE, environ=dict(os.environ) | api.environment | {"FLIGHTS_UNTIL": show_instant(JANUARY[1])}).pipeline.sources


BENCHMARKS = (
    Benchmark(name="january", says="January's changes from the flights API, 25 ms", measure=january),
    Benchmark(name="pages", says="pages by number, 25 ms", measure=pages),
    Benchmark(name="no-latency", says="pages by number, no latency", measure=no_latency),
    Benchmark(name="pages-50ms", says="pages by number, 50 ms", measure=pages_50),
    Benchmark(name="one-deep", says="cursor pagination and sync mode, 50 ms (20 s a turn)", measure=one_deep),
)
