"""Snapshots: a completed full run says what is there, and by silence what is not."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pyspark.sql import Column
from pyspark.sql import functions as F

from medallion.config.expectation import Threshold
from medallion.config.silver import Entity
from medallion.errors import SnapshotError
from medallion.layout import quoted
from medallion.silver.clauses import equal, insert_all, set_all
from medallion.silver.events import MARKS, SEQUENCE, col, tracked_columns
from medallion.silver.fold import newest
from medallion.silver.models.tables import GONE, OF_EVENT, Counts, Tables, event_columns, keys_in_table, published
from medallion.silver.span import ordered, span
from medallion.spark import held

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def one_row_a_key(events: DataFrame, entity: Entity, logical: datetime) -> tuple[DataFrame, list[str]]:
    """The snapshot's rows, one a key (highest sequence, then position), each an event at the logical time; and its value columns."""
    values = [name for name in events.columns if name not in MARKS]
    rows = newest(events, keys=entity.keys, tie="last_wins")
    return rows.withColumn(SEQUENCE, F.lit(logical).cast("timestamp")), values


def apply_current(events: DataFrame, tables: Tables, entity: Entity, logical: datetime, unsure: DataFrame | None = None) -> Counts:
    """The table is the snapshot, one row a key; rows that did not change are not rewritten, keys that it lacks are gone.

    Keys of *unsure* rows, which were set aside, are not absent: what the table has of them stays.
    """
    snapshot, values = one_row_a_key(events, entity, logical)
    keys = keys_in_table(entity)
    source = snapshot.select(*published(values, entity), *event_columns(entity))
    there = tables.target.frame()
    if there is None:  # a MERGE into nothing takes twice as long, for the same rows
        return Counts(written=tables.target.create(source))
    schema = tables.target.widen(there, source.schema)
    if len(schema) > len(there.columns):
        there = tables.target.frame()
        assert there is not None, "it was there"
    columns = [field.name for field in schema.fields if field.name in source.columns]
    content = [name for name in columns if name not in (*keys, *OF_EVENT)]
    # What differs is found first, so that the MERGE sees nothing else and rewrites no file without a change.
    before = there.select(*[col(name) for name in keys], F.struct(F.lit(1), *[col(name) for name in content]).alias("__old"))
    both = source.withColumn("__new", F.struct(F.lit(1), *[col(name) for name in content])).join(before, keys, "full_outer")
    changed = both.where(~col("__new").eqNullSafe(col("__old"))).withColumn(GONE, col("__new").isNull())
    if unsure is not None:
        changed = _without(changed.where(col(GONE)), unsure, entity).unionByName(changed.where(~col(GONE)))
    if entity.deletes == "ignore":
        changed = changed.where(~col(GONE))
    with held(changed.select(*[col(name) for name in columns], col(GONE))) as changes:
        told = ordered(keys, changes.schema)
        spans = [one(col(name)).cast("string") for name in told for one in (F.min, F.max)]
        count, gone, *ends = changes.agg(F.count("*"), F.sum(col(GONE).cast("long")), *spans).collect()[0]
        refuse_too_many(there, int(gone or 0), entity.max_deleted)
        if not count:
            return Counts()
        within = span(dict(zip(told, zip(ends[::2], ends[1::2], strict=True), strict=True)), changes.schema)
        written = tables.target.merge(
            changes,
            on=f"{equal(keys)} AND {within.sql(alias='t')}",
            clauses=[
                f"WHEN MATCHED AND s.{GONE} THEN DELETE",
                f"WHEN MATCHED THEN {set_all(columns)}",
                f"WHEN NOT MATCHED AND NOT s.{GONE} THEN {insert_all(columns)}",
            ],
        )
    return Counts(written=written)


def apply_history(events: DataFrame, tables: Tables, entity: Entity, logical: datetime, unsure: DataFrame | None = None) -> Counts:
    """The table's history goes on at *logical*: changed rows close and open, absent keys close, new keys open.

    It starts from the table as it was before *logical*, so the same snapshot, or another of the same logical time, replaces
    what was done before: rows that opened at it go, rows that closed at it reopen. Keys of *unsure* rows alone stay as they are.
    """
    names = entity.history_columns
    snapshot, values = one_row_a_key(events, entity, logical)
    keys = keys_in_table(entity)
    shown = [entity.rename.get(name, name) for name in values]
    tracked = [entity.rename.get(name, name) for name in tracked_columns(values, entity)]
    at = F.lit(logical).cast("timestamp")
    with held(snapshot.select(*published(values, entity), *event_columns(entity))) as source:
        opened = source.select(
            *[col(name) for name in source.columns], at.alias(names.start_at), F.lit(None).cast("timestamp").alias(names.end_at)
        )
        table = tables.target.frame()
        if table is None:  # a MERGE into nothing takes twice as long, for the same rows
            return Counts(written=tables.target.create(_with_current(opened, entity)))
        if len(tables.target.widen(table, _with_current(opened, entity).schema)) > len(table.columns):
            table = tables.target.frame()
            assert table is not None, "it was there"
        if unsure is not None:
            table = table.join(unsure.select(*published(entity.keys, entity)).join(source, keys, "left_anti"), keys, "left_anti")
        before = table.where((col(names.start_at) < at) & (col(names.end_at).isNull() | (col(names.end_at) == at)))
        if entity.max_deleted is not None:
            refuse_too_many(before, before.join(source, keys, "left_anti").count(), entity.max_deleted)
        told = [name for name in source.columns if name in (*shown, *OF_EVENT)]
        new = source.select(*[col(name) for name in keys], F.struct(*[col(name) for name in told]).alias("__new"))
        both = before.join(new, keys, "left")
        same = F.lit(True)
        for name in tracked:
            same = same & col(name).eqNullSafe(F.col("__new").getField(name))
        goes_on = col("__new").isNotNull() & same
        old = [name for name in before.columns if name != names.is_current]

        def kept(name: str) -> Column:
            return F.when(goes_on, F.col("__new").getField(name)).otherwise(col(name)).alias(name) if name in told else col(name)

        went_on = both.withColumn(names.end_at, F.when(~goes_on, at)).select(*[kept(name) for name in old])
        still = both.where(goes_on).select(*[col(name) for name in keys])
        opens = opened.join(still, keys, "left_anti")
        result = _with_current(went_on.unionByName(opens, allowMissingColumns=True), entity)
        touched_now = table.where(col(names.start_at) == at).select(*[col(name) for name in keys], col(names.start_at))
        gone = touched_now.join(opens, keys, "left_anti").withColumn(GONE, F.lit(True))
        merged = result.withColumn(GONE, F.lit(False)).unionByName(gone, allowMissingColumns=True)
        columns = list(result.columns)
        compared = [name for name in columns if name not in (*keys, names.start_at, *OF_EVENT)]
        written = tables.target.merge(
            merged,
            on=equal([*keys, names.start_at]),
            clauses=[
                f"WHEN MATCHED AND s.{GONE} THEN DELETE",
                f"WHEN MATCHED AND NOT ({_struct('t', compared)} <=> {_struct('s', compared)}) THEN {set_all(columns)}",
                f"WHEN NOT MATCHED AND NOT s.{GONE} THEN {insert_all(columns)}",
            ],
        )
    return Counts(written=written)


def _without(rows: DataFrame, unsure: DataFrame, entity: Entity) -> DataFrame:
    """The rows whose keys no *unsure* row of the snapshot has."""
    return rows.join(unsure.select(*published(entity.keys, entity)), keys_in_table(entity), "left_anti")


def _with_current(rows: DataFrame, entity: Entity) -> DataFrame:
    names = entity.history_columns
    return rows.withColumn(names.is_current, col(names.end_at).isNull()) if names.is_current else rows


def _struct(alias: str, columns: list[str]) -> str:
    return "struct(" + ", ".join(f"{alias}.{quoted(name)}" for name in columns) + ")"


def refuse_too_many(there: DataFrame, absent: int, limit: Threshold | None) -> None:
    """Raises SnapshotError if more keys of the table are *absent* from the snapshot than *limit* allows."""
    if limit is None or not absent:
        return
    total = there.count()
    if limit.is_exceeded(absent, of=total):
        raise SnapshotError(
            f"the snapshot lacks {absent} of {total} keys of the table, more than max_deleted allows; nothing was deleted: "
            "look at the source, then raise max_deleted if it is right"
        )
