"""Hold a table of kept runs against its log: for each date, or each run, the rows that the oracle says and no others."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from medallion.config.silver import Entity
from medallion.silver.applied import Ruled
from medallion.silver.earlier import known
from medallion.silver.events import POSITION, col, events, value_columns
from medallion.silver.landed import Delivery, Landed
from medallion.silver.models.periodic import DATE, RUN, kept_by, slice_of
from medallion.silver.models.tables import published
from medallion.testing.periodic import CompletedRun, Place, periodic

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

LIMIT = 1000
"""Rows that are told of all that differ, at most, on either side."""


def compare(
    landed: Landed,
    deliveries: Sequence[Delivery],
    entity: Entity,
    load_pattern: str,
    target: DataFrame,
    *,
    ruled: Sequence[Ruled],
    sample: int,
    seed: int,
) -> tuple[int, list[tuple[Place, list[tuple[Any, ...]], list[tuple[Any, ...]]]]]:
    """How many dates (or runs) were looked at, and of those that differ: the place, rows that it lacks, rows that it has in excess.

    At most *sample* are looked at, *seed* says which; what the table has of a place that no run ever wrote is found always.
    """
    by = kept_by(entity, load_pattern)
    shown = periodic(_completed(deliveries), by=by)
    picked = sorted(shown, key=lambda place: sha256(repr((seed, place)).encode()).digest())[:sample]
    names = [DATE] if by == "date" else [DATE, RUN]
    kinds = ", ".join(f"{name} {'date' if name == DATE else 'string'}" for name in names)
    spark = landed.spark
    chunks = {(placed.version, placed.chunk.ordinal): placed for place in picked for placed in shown[place].rows}
    expected = target.limit(0)
    columns = [name for name in target.columns if not name.startswith("__event")]
    if chunks:
        listed = spark.createDataFrame(
            [(placed.version, placed.chunk.ordinal, *place) for place in picked for placed in shown[place].rows],
            f"{POSITION[0]} bigint, {POSITION[1]} int, {kinds}",
        )
        rows = known(landed, list(chunks.values()), entity, ruled)
        kept = events(rows, entity).join(F.broadcast(listed), list(POSITION[:2]))
        values = published(value_columns(rows.columns, entity), entity)
        expected = kept.select(*values, *[col(name) for name in names])
        columns = [name for name in columns if name in expected.columns]
    expected = expected.select(*[col(name) for name in columns])
    every = spark.createDataFrame([tuple(place) for place in shown] or [(None,) * len(names)], kinds)
    mine = spark.createDataFrame([tuple(place) for place in picked] or [(None,) * len(names)], kinds)
    found = target.join(F.broadcast(mine), names, "left_semi").unionByName(target.join(F.broadcast(every), names, "left_anti"))
    found = found.select(*[col(name) for name in columns])
    differ: dict[Place, tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]] = {}
    for side, wrong in enumerate((expected.exceptAll(found), found.exceptAll(expected))):
        for row in wrong.limit(LIMIT).collect():
            place = tuple(row[name] for name in names)
            differ.setdefault(place, ([], []))[side].append(tuple(row))
    return len(picked), [(place, lacks, has) for place, (lacks, has) in sorted(differ.items(), key=str)]


def _completed(deliveries: Sequence[Delivery]) -> list[CompletedRun]:
    """The runs with their chunks in place of rows."""
    runs = []
    for delivery in deliveries:
        run, version = delivery.snapshot, delivery.snapshot_version
        if run is not None and version is not None:
            day = slice_of(run, version, by="date").day
            runs.append(CompletedRun(run_id=run.run_id, day=day, version=version, rows=delivery.chunks))
    return runs
