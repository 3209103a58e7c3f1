"""How fast a table of PostgreSQL becomes Bronze: read in four ranges against one query, and whether both cores work."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medallion.bronze.opening import ExtractOptions
from medallion.clock import Clock
from medallion.config.platform import Bronze
from medallion.config.secret import Secrets
from medallion.config.source import Source
from medallion.errors import MedallionError
from medallion.events import nobody
from medallion.jars import Needs
from medallion.source.frames import open_frames
from medallion.spark import POSTGRESQL
from medallion.stop import StopFlag
from medallion.storage.registry import open_filesystem
from medallion.testing.postgres import PASSWORD, USER, Postgres, postgres
from scripts.bench.measure import Bar, Benchmark, Measured, Settings, ratios, seconds
from scripts.bench.session import CORES, own_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROWS, PARTITIONS, TURNS = 5_000_000, 4, 3
TABLE = """
CREATE TABLE orders AS SELECT g AS id, timestamptz '2020-01-01' + g * interval '1 second' AS at, 'customer ' || g % 10007 AS customer,
    (g % 100000)::numeric(12,2) / 100 AS price, g % 7 AS state, g % 2 = 0 AS paid, md5(g::text) AS reference
FROM generate_series(1, {rows}) g;
ALTER TABLE orders ADD PRIMARY KEY (id);
ANALYZE orders;
"""


@dataclass(frozen=True, kw_only=True)
class Extraction:
    """The table, the session that reads it, and where that writes down what its tasks did."""

    server: Postgres
    spark: SparkSession
    clock: Clock
    events: Path
    rows: int = ROWS

    def into(self, partitions: int, busy: list[float]) -> Callable[[], float]:
        """A full extraction into a new lake, in so many ranges; the share of the cores that its tasks kept busy goes to *busy*."""
        from medallion.bronze.frames import extract_frames

        source = self._source(partitions)

        def run() -> float:
            with tempfile.TemporaryDirectory(prefix="medallion-bench-") as folder:
                fs = open_filesystem(folder, clock=self.clock)
                frames = open_frames(source, resolver=Secrets(environ={"PASSWORD": PASSWORD}), listener=nobody)
                before = len(list(tasks(self.events)))
                landed: list[int] = []
                took = seconds(
                    self.clock,
                    lambda: landed.append(
                        extract_frames(
                            source,
                            frames,
                            fs,
                            self.spark,
                            bronze=Bronze(),
                            options=ExtractOptions(),
                            clock=self.clock,
                            listener=nobody,
                            stop=StopFlag(),
                        ).rows
                    ),
                )
                if landed != [self.rows]:
                    raise MedallionError(f"{landed} rows were landed instead of {self.rows}")
                busy.append(100 * sum(list(tasks(self.events))[before:]) / (took * CORES))
                return took

        return run

    def _source(self, partitions: int) -> Source:
        db: dict[str, Any] = {"url": self.server.url, "user": USER, "password": "secret:env:PASSWORD", "table": "orders"}
        db["partition"] = {"num_partitions": partitions}
        return Source.model_validate({"name": "orders", "system": "b", "table": "orders", "load_pattern": "full", "type": "db", "db": db})


def tasks(folder: Path) -> Iterator[float]:
    """The seconds that each finished task ran, from Spark's event log."""
    for file in sorted(folder.iterdir()):
        for line in file.read_text("utf-8").splitlines():
            if '"SparkListenerTaskEnd"' in line and line.endswith("}"):
                yield json.loads(line)["Task Metrics"]["Executor Run Time"] / 1000


@contextmanager
def extraction(clock: Clock, *, rows: int = ROWS) -> Iterator[Extraction]:
    """A server with *rows* orders and a session, there while inside."""
    with tempfile.TemporaryDirectory(prefix="medallion-events-") as folder, postgres() as server:
        server.sql(TABLE.format(rows=rows))
        logged = {"enabled": "true", "dir": Path(folder).as_uri(), "compress": "false", "rolling.enabled": "false"}
        conf = {f"spark.eventLog.{name}": value for name, value in logged.items()}
        spark = own_session(needs=Needs(packages=(POSTGRESQL.package,)), conf=conf)
        try:
            yield Extraction(server=server, spark=spark, clock=clock, events=Path(folder), rows=rows)
        finally:
            spark.stop()


def measure(settings: Settings) -> Sequence[Measured]:
    """Four ranges against one query; by how much depends on what the server leaves of the cores."""
    settings.progress(f"making {ROWS} rows in PostgreSQL")
    busy: dict[str, list[float]] = {"ranges": [], "one": []}
    with extraction(settings.clock) as made:
        sides = {"ranges": made.into(PARTITIONS, busy["ranges"]), "one": made.into(1, busy["one"])}
        found = settings.in_turn(sides, turns=TURNS)
    says = f"{ROWS} rows of PostgreSQL into Bronze in {PARTITIONS} ranges on {CORES} cores, against one query"
    turns = len(found["one"])
    parts = {**found, **{f"{name}: % of the cores in tasks": tuple(values[-turns:]) for name, values in busy.items()}}
    return [Measured(bar=Bar(name="jdbc", says=says, limit=0.9), values=ratios(found["ranges"], found["one"]), parts=parts)]


BENCHMARKS = (Benchmark(name="jdbc", says="five million rows of PostgreSQL in four ranges against one (minutes)", measure=measure),)
