"""How fast Bronze becomes Silver: ours, gate and state included, against a hand-written MERGE in the same warm session."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medallion.clock import Clock
from medallion.testing.lake import BronzeTable
from scripts import baselines
from scripts.bench.lake import KEY, SEQUENCE, Lake
from scripts.bench.measure import Bar, Benchmark, Measured, Settings, ratios, seconds
from scripts.bench.session import own_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

EVENTS, CHUNKS, KEY_SPACE = 1_000_000, 10, 500_000
"""A million events of 500,000 keys, drawn evenly: about 432,000 different ones."""
TURNS = 11
WARM_UP = 5
"""So many turns both sides go on becoming faster: each runs code that Java has not compiled yet, and ours more of it."""
VALUES = {"status": "string", "carrier": "string", "origin": "string", "dest": "string", "delay": "double", "distance": "bigint"}
COLUMNS = {KEY: "bigint", SEQUENCE: "timestamp", **VALUES}
LIMITS = {"scd_type_1": 1.25, "scd_type_2": 1.5}
_BEGINNING = datetime(2026, 1, 1, tzinfo=timezone.utc)


class _Events(Sequence[dict[str, Any]]):
    """The events of one chunk, made when they are looked at: a million dictionaries at once would be half a gigabyte."""

    def __init__(self, chunk: int, events: int) -> None:
        self._chunk, self._events = chunk, events

    def __len__(self) -> int:
        return self._events

    def __iter__(self) -> Iterator[dict[str, Any]]:
        chance = random.Random(self._chunk)
        first = self._chunk * self._events
        for number in range(first, first + self._events):
            yield {
                KEY: chance.randrange(KEY_SPACE),
                SEQUENCE: _BEGINNING + timedelta(milliseconds=100 * number),
                "status": chance.choice(("scheduled", "departed", "arrived", "cancelled")),
                "carrier": chance.choice(("UA", "B6", "EV", "DL", "AA", "MQ")),
                "origin": chance.choice(("JFK", "LGA", "EWR")),
                "dest": f"D{chance.randrange(100):02}",
                "delay": float(chance.randrange(-20, 300)),
                "distance": chance.randrange(100, 5000),
            }

    def __getitem__(self, index: Any) -> Any:
        return list(self)[index]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One Bronze table, and both sides' way from it to a new table; each says its seconds."""

    spark: SparkSession
    clock: Clock
    bronze: BronzeTable
    events: int

    def ours(self, model: str) -> Callable[[], float]:
        """A promotion as ``medallion promote`` does it: log, checksums, one batch, MERGE, `applied`, receipt."""

        def run() -> float:
            with tempfile.TemporaryDirectory(prefix="medallion-bench-") as folder:
                lake = Lake(spark=self.spark, clock=self.clock, bronze=self.bronze, folder=Path(folder), model=model)
                return lake.took(self.events)

        return run

    def by_hand(self, model: str) -> Callable[[], float]:
        """The MERGE that people write, from the same files."""
        files = [str(path) for path in sorted(self.bronze.folder.rglob("*.parquet"))]

        def run() -> float:
            with tempfile.TemporaryDirectory(prefix="medallion-bench-") as folder:
                target = f"{folder}/table"
                if model == "scd_type_1":
                    return seconds(self.clock, lambda: baselines.scd_type_1(self.spark, files, target, key=KEY, sequence=SEQUENCE))
                return seconds(
                    self.clock,
                    lambda: baselines.scd_type_2(self.spark, files, target, key=KEY, sequence=SEQUENCE, tracked=list(VALUES)),
                )

        return run


def bronze(folder: Path, *, events: int = EVENTS, chunks: int = CHUNKS) -> BronzeTable:
    """A Bronze table of events in order."""
    made = BronzeTable(root=folder, columns=dict(COLUMNS))
    made.run(*[_Events(chunk, events // chunks) for chunk in range(chunks)])
    return made


def compare(settings: Settings, model: str) -> Sequence[Measured]:
    """One model against its baseline."""
    with tempfile.TemporaryDirectory(prefix="medallion-bench-") as folder:
        settings.progress("making a million events")
        comparison = Comparison(spark=own_session(), clock=settings.clock, bronze=bronze(Path(folder)), events=EVENTS)
        found = settings.in_turn({"ours": comparison.ours(model), "by hand": comparison.by_hand(model)}, turns=TURNS, warm_up=WARM_UP)
    says = f"{model}: {EVENTS} events in order, {CHUNKS} chunks, one batch into a new table, against a MERGE by hand"
    bar = Bar(name=model, says=says, limit=LIMITS[model])
    return [Measured(bar=bar, values=ratios(found["ours"], found["by hand"]), parts=found)]


BENCHMARKS = (
    Benchmark(name="scd_type_1", says="promotion of a million events", measure=partial(compare, model="scd_type_1")),
    Benchmark(name="scd_type_2", says="promotion of a million events, with history", measure=partial(compare, model="scd_type_2")),
)
