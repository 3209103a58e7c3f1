"""How fast a table that is there takes what is new: late events, few keys of many, one chunk of a long log, a snapshot without news."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pyarrow as pa
import pyarrow.compute as pc

from medallion.testing.lake import BronzeTable
from scripts.bench.lake import KEY, SEQUENCE, Lake
from scripts.bench.measure import Bar, Benchmark, Measured, Settings, ratios
from scripts.bench.session import own_session
from scripts.bench.silver import COLUMNS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_BEGINNING = datetime(2026, 1, 1, tzinfo=timezone.utc)
_FILE = 32 * 1024 * 1024
"""Bytes of a file of a table that was optimised."""
_CONF = {"spark.databricks.delta.optimize.maxFileSize": str(_FILE), "spark.databricks.delta.optimize.minFileSize": str(_FILE)}


def drawn(chance: random.Random, below: int, count: int, *, first: int = 0) -> pa.Array:
    """*count* numbers from *first* on, all below *first* + *below*, drawn evenly."""
    bits = pa.Array.from_buffers(pa.uint32(), count, [None, pa.py_buffer(chance.randbytes(4 * count))])
    share = pc.multiply(pc.cast(bits, pa.float64()), below / 2**32)
    return pc.add(pc.cast(pc.floor(share), pa.int64()), first)


def events(keys: pa.Array, first: int, *, seed: int, late: float = 0.0) -> pa.Table:
    """An event for each of *keys*, in order from the event number *first* on; a share *late* of them at some time before that."""
    chance = random.Random(seed)
    count = len(keys)
    number = pa.array(range(first, first + count), pa.int64())
    if late:
        number = pc.if_else(pc.less(drawn(chance, 10_000, count), int(10_000 * late)), drawn(chance, first, count), number)
    micros = pc.add(pc.multiply(number, 100_000), int(_BEGINNING.timestamp() * 1_000_000))

    def chosen(pool: Sequence[Any], kind: pa.DataType) -> pa.Array:
        return pc.take(pa.array(pool, kind), drawn(chance, len(pool), count))

    return pa.table(
        {
            KEY: keys,
            SEQUENCE: pc.cast(micros, pa.timestamp("us", tz="UTC")),
            "status": chosen(("scheduled", "departed", "arrived", "cancelled"), pa.string()),
            "carrier": chosen(("UA", "B6", "EV", "DL", "AA", "MQ"), pa.string()),
            "origin": chosen(("JFK", "LGA", "EWR"), pa.string()),
            "dest": chosen([f"D{place:02}" for place in range(100)], pa.string()),
            "delay": chosen(range(-20, 300), pa.float64()),
            "distance": drawn(chance, 4900, count, first=100),
        }
    )


def _lake(
    settings: Settings, folder: str, model: str, *, load_pattern: Any = "cdc", spark: SparkSession | None = None, **options: Any
) -> Lake:
    spark = spark or own_session(conf=_CONF)
    bronze = BronzeTable(root=Path(folder) / "bronze", columns=dict(COLUMNS), load_pattern=load_pattern)
    return Lake(spark=spark, clock=settings.clock, bronze=bronze, folder=Path(folder), model=model, options=tuple(options.items()))


def _after(lake: Lake, news: pa.Table) -> Callable[[], float]:
    """A side of a comparison: a copy of the lake takes *news*."""

    def run() -> float:
        with tempfile.TemporaryDirectory(prefix="medallion-bench-") as folder:
            mine = lake.copied(Path(folder))
            mine.bronze.run(news)
            return mine.took(len(news))

    return run


def late(settings: Settings) -> Sequence[Measured]:
    """Half a million events in order and half a million of which 1 % are late, into a history of half a million."""
    count = 500_000
    with tempfile.TemporaryDirectory(prefix="medallion-bench-") as folder:
        lake = _lake(settings, folder, "scd_type_2")
        chance = random.Random(0)
        lake.bronze.run(events(drawn(chance, count, count), 0, seed=1))
        settings.progress("the history before")
        lake.promote()
        keys = drawn(chance, count, count)
        sides = {"1 % late": _after(lake, events(keys, count, seed=2, late=0.01)), "in order": _after(lake, events(keys, count, seed=2))}
        found = settings.in_turn(sides, turns=3)
    bar = Bar(name="late", says=f"scd_type_2: {count} events of which 1 % are late, against all in order", limit=1.5)
    return [Measured(bar=bar, values=ratios(found["1 % late"], found["in order"]), parts=found)]


def few_keys(settings: Settings) -> Sequence[Measured]:
    """10,000 events into 5 million keys: keys of 1 % of the range against the load of all, and how many files had to be written."""
    count, chunks, news = 5_000_000, 10, 10_000
    chance = random.Random(0)
    with tempfile.TemporaryDirectory(prefix="medallion-bench-") as folder:
        lake = _lake(settings, folder, "scd_type_1", cluster_by=[KEY])
        keys = pa.array([number * 2_654_435_761 % count for number in range(count)])  # each once, in no order
        each = count // chunks
        settings.progress("the load of all keys")
        lake.bronze.run(*[events(keys.slice(each * part, each), each * part, seed=part) for part in range(chunks)])
        whole = lake.took(count)
        lake.spark.sql(f"OPTIMIZE delta.`{next((lake.folder / 'silver').glob('domain=*/entity=*/v1'))}`")
        near, far = drawn(chance, count // 100, news, first=count // 2), drawn(chance, count, news)
        sides = {name: _after(lake, events(some, count, seed=99)) for name, some in (("1 % of the range", near), ("anywhere", far))}
        found = settings.in_turn(sides, turns=3)
    load = tuple(whole for _ in found["anywhere"])
    bar = Bar(
        name="few-keys", says=f"scd_type_1: {news} events with keys in 1 % of the range of {count}, against the load of all", limit=0.25
    )
    return [Measured(bar=bar, values=ratios(found["1 % of the range"], load), parts=found | {"load of all": (whole,)})]


def long_log(settings: Settings) -> Sequence[Measured]:
    """One new chunk where the log has 10,000 entries, against one where it has 10."""
    lakes, spark = {}, own_session(conf=_CONF)
    with tempfile.TemporaryDirectory(prefix="medallion-bench-") as folder:
        for name, entries in (("10 entries", 10), ("10,000 entries", 10_000)):
            lakes[name] = _lake(settings, f"{folder}/{entries}", "scd_type_1", spark=spark)
            lakes[name].bronze.run(events(pa.array(range(1000)), 0, seed=0))
            while lakes[name].bronze.version < entries - 1:
                lakes[name].bronze.run()
            settings.progress(f"a table after {name}")
            lakes[name].promote()

        def side(name: str) -> Callable[[], float]:
            def run() -> float:
                bronze = lakes[name].bronze
                bronze.run(events(pa.array(range(1000)), bronze.version * 1000, seed=bronze.version))
                return lakes[name].took(1000)

            return run

        found = settings.in_turn({name: side(name) for name in reversed(list(lakes))}, turns=7)
    bar = Bar(name="long-log", says="one new chunk of 1,000 events: a log of 10,000 entries against one of 10", limit=1.3)
    return [Measured(bar=bar, values=ratios(found["10,000 entries"], found["10 entries"]), parts=found)]


def ten_million(settings: Settings) -> Sequence[Measured]:
    """10 million events, one batch, a heap of 4 GB: the peak of the JVM's resident memory."""
    count, chunks = 10_000_000, 20
    each = count // chunks
    chance = random.Random(0)
    with tempfile.TemporaryDirectory(prefix="medallion-bench-") as folder:
        lake = _lake(settings, folder, "scd_type_1")
        settings.progress("making ten million events")
        lake.bronze.run(*[events(drawn(chance, count // 2, each), each * part, seed=part) for part in range(chunks)])
        settings.progress("one batch")
        took = lake.took(count)
    bar = Bar(name="ten-million", says=f"{count} events in one batch with a heap of 4 GB, peak memory of the JVM", limit=6000, unit="MB")
    return [Measured(bar=bar, values=(_peak_of_jvm(),), parts={"seconds": (took,)})]


def _peak_of_jvm() -> float:
    """Megabytes, as the kernel saw them at most."""
    (java,) = [child for child in psutil.Process().children(recursive=True) if child.name() == "java"]
    status = Path(f"/proc/{java.pid}/status").read_text("ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024


def unchanged(settings: Settings) -> Sequence[Measured]:
    """A snapshot of a million rows that is the one before: data files that are written."""
    count = 1_000_000
    with tempfile.TemporaryDirectory(prefix="medallion-bench-") as folder:
        lake = _lake(settings, folder, "full_merge_dedupe", load_pattern="full")
        rows = events(pa.array(range(count)), 0, seed=0)
        spent = []
        for day in range(2):
            lake.bronze.run(rows, logical=_BEGINNING + timedelta(days=day))
            before = lake.files()
            settings.progress(f"snapshot {day + 1}")
            spent.append(lake.took(count))
        written = len(lake.files() - before)
    bar = Bar(name="unchanged", says=f"full_merge_dedupe: files written for a snapshot of {count} rows without news", limit=0, unit="files")
    return [Measured(bar=bar, values=(float(written),), parts={"first, seconds": (spent[0],), "again, seconds": (spent[1],)})]


BENCHMARKS = (
    Benchmark(name="late", says="a million events of history, 1 % of the second half late", measure=late),
    Benchmark(name="few-keys", says="10,000 events into a table of 5 million keys", measure=few_keys),
    Benchmark(name="long-log", says="one new chunk where the log has 10,000 entries", measure=long_log),
    Benchmark(name="ten-million", says="10 million events with a heap of 4 GB", measure=ten_million),
    Benchmark(name="unchanged", says="a snapshot of a million rows that brings nothing", measure=unchanged),
)
