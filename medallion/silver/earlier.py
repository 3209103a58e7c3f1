"""What the log delivered before, marked as it was when it was taken in: all of it, or what of some keys a table once showed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql import Window
from pyspark.sql import functions as F

from medallion.bronze.entry import ChunkEntry
from medallion.config.silver import Entity
from medallion.config.values import parse_instant
from medallion.silver.applied import Ruled
from medallion.silver.events import POSITION, REASON, SEQUENCE, Refused, col, events, marked, normalized, require_columns
from medallion.silver.fold import newest
from medallion.silver.landed import Delivery, Landed, Placed
from medallion.silver.source import delivers_run, snapshots

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_BACK, _AT, _PASSES, _NTH = "__back", "__at", "__passes", "__nth"
"""How many snapshots before the last one, its logical time; whether a row of the key passed there; the how many-th that has the key."""


def deliveries(landed: Landed, load_pattern: str, last: int, *, by_run: bool = False) -> list[Delivery]:
    """All that the log delivers up to version *last*: the events at once, or (*by_run*) run after run.

    Snapshots come by logical time, then by version; of those of one logical time the last counts.
    """
    stored = landed.entries(0, last)
    read = replace(landed, known={one.version: one for one in stored})
    if by_run:
        return [read.run(one.version) for one in stored if delivers_run(one.entry, by_run=True)]
    if load_pattern == "full":
        return [read.run(one.version) for one in snapshots(stored)]
    placed = [Placed(version=one.version, chunk=chunk) for one in stored if isinstance(one.entry, ChunkEntry) for chunk in one.entry.chunks]
    return [Delivery(first_version=0, last_version=last, sha256=stored[-1].sha256, chunks=tuple(placed))]


def logical_time(delivery: Delivery) -> datetime:
    """Of the run that is delivered, in UTC."""
    assert delivery.snapshot is not None, "only runs were asked for"
    return parse_instant(delivery.snapshot.logical_date)


def counting(told: Sequence[Delivery]) -> list[Delivery]:
    """The snapshots that count: of each logical time the last."""
    return list({logical_time(delivery): delivery for delivery in told}.values())


def chunks_of(told: Sequence[Delivery]) -> list[Placed]:
    """The chunks that are delivered, each once: a run that repeats an earlier one delivers the same."""
    return list({(placed.version, placed.chunk.ordinal): placed for delivery in told for placed in delivery.chunks}.values())


def known(landed: Landed, chunks: Sequence[Placed], entity: Entity, ruled: Sequence[Ruled], *, schema_id: int = -1) -> DataFrame:
    """All rows of some chunks, marked as the promotions marked them that took them: by the rules of *ruled*, the newest last.

    They have the columns of *schema_id*, where that is newer than theirs.
    """
    rows = normalized(landed.rows(chunks, schema_id=schema_id), entity.normalize)
    require_columns(rows, entity)
    return marked(rows, entity, _refused(ruled))


def _refused(ruled: Sequence[Ruled]) -> Refused:
    """A row that one promotion let pass is in the table; of another the newest promotion says why it is not."""
    nobody = F.lit(None).cast("string")
    passed, quarantined_by, dropped_by = F.lit(False), nobody, nobody
    for one in ruled:
        taken = F.lit(False)
        for first, last in one.ranges:
            taken = taken | col(POSITION[0]).between(first, last)
        by = Refused.by(one.expectations)
        passed = passed | (taken & by.quarantined_by.isNull() & by.dropped_by.isNull())
        quarantined_by = F.when(taken, by.quarantined_by).otherwise(quarantined_by)
        dropped_by = F.when(taken, by.dropped_by).otherwise(dropped_by)
    return Refused(quarantined_by=F.when(~passed, quarantined_by), dropped_by=F.when(~passed, dropped_by))


def left_by(
    told: Sequence[Delivery], wanted: DataFrame, landed: Landed, entity: Entity, ruled: Sequence[Ruled], *, schema_id: int
) -> DataFrame | None:
    """What the snapshots *told*, which count, left of the *wanted* keys: events, one a key that had a row, at the snapshot that it is of.

    They have the columns of the schema *schema_id*. A key keeps its row where rows of it were set aside, and under ``deletes: ignore``
    where a snapshot lacks it. None: there is no row.
    """
    rows: DataFrame | None = None
    if wanted.isEmpty():
        return None
    for rest, part in ((told[:-1], told[-1:]), ([], told[:-1])):  # the last of them has nearly every key
        if chunks_of(part):
            found, wanted = _left_by(part, wanted, landed, entity, ruled, schema_id)
            rows = found if rows is None else rows.unionByName(found)
            if not rest or wanted.isEmpty():
                break
        elif entity.deletes != "ignore":  # an empty snapshot: no key was left
            break
    return rows


def _left_by(
    part: Sequence[Delivery], wanted: DataFrame, landed: Landed, entity: Entity, ruled: Sequence[Ruled], schema_id: int
) -> tuple[DataFrame, DataFrame]:
    """What they left of the keys, and the keys of which they say nothing."""
    keys = list(entity.keys)
    places = F.broadcast(landed.spark.createDataFrame(_places(part)))
    rows = known(landed, chunks_of(part), entity, ruled, schema_id=schema_id).join(wanted, keys, "left_semi")
    by_snapshot = rows.join(places, POSITION[0]).groupBy(*[col(name) for name in keys], _BACK)
    said = by_snapshot.agg(F.max(col(REASON).isNull()).alias(_PASSES))
    if entity.deletes != "ignore":  # as far back as each has the key: where one lacks it, it was gone
        in_turn = Window.partitionBy(*[col(name) for name in keys]).orderBy(_BACK)
        said = said.withColumn(_NTH, F.row_number().over(in_turn) - 1).where(col(_NTH) == col(_BACK))
    of_key = said.groupBy(*[col(name) for name in keys])
    last = of_key.agg(F.min(F.when(col(_PASSES), col(_BACK))).alias(_BACK), F.count("*").alias(_NTH))
    there = events(rows, entity).join(places, POSITION[0]).join(last.drop(_NTH), [*keys, _BACK])
    row = newest(there, keys=keys, tie="last_wins").withColumn(SEQUENCE, col(_AT)).drop(_BACK, _AT)
    if entity.deletes == "ignore":
        return row, wanted.join(last.where(col(_BACK).isNotNull()), keys, "left_anti")
    return row, last.where(col(_BACK).isNull() & (col(_NTH) == len(part))).select(*[col(name) for name in keys])


def _places(part: Sequence[Delivery]) -> pa.Table:
    """Of which snapshot a version's rows are; as Arrow, since Spark starts a job, and a Python, to read a list of tuples."""
    told = [
        (version, back, logical_time(delivery))
        for back, delivery in enumerate(reversed(part))
        for version in sorted({placed.version for placed in delivery.chunks})
    ]
    schema = pa.schema([(POSITION[0], pa.int64()), (_BACK, pa.int32()), (_AT, pa.timestamp("us", tz="UTC"))])
    return pa.Table.from_pylist([dict(zip(schema.names, one, strict=True)) for one in told], schema=schema)
