"""Snapshots: a completed full run says what is there, and by silence what is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from pyspark.sql import Column
from pyspark.sql import functions as F

from medallion.config.expectation import Threshold
from medallion.config.silver import Entity
from medallion.errors import SnapshotError
from medallion.layout import quoted
from medallion.silver.clauses import equal, insert_all, set_all
from medallion.silver.events import MARKS, SEQUENCE, col, tracked_columns
from medallion.silver.fold import newest
from medallion.silver.models.tables import EVENT, GONE, OF_EVENT, Counts, Tables, event_columns, keys_in_table, published
from medallion.silver.span import ordered, span
from medallion.spark import held

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

Before: TypeAlias = "Callable[[DataFrame], DataFrame | None]"
"""What the table had of some keys before the snapshot that is replaced: keys by the names of Bronze; an event each, None: of no key."""

_STAYS, _GOES = "__stays", "__goes"


def one_row_a_key(events: DataFrame, entity: Entity, logical: datetime) -> tuple[DataFrame, list[str]]:
    """The snapshot's rows, one a key (highest sequence, then position), each an event at the logical time; and its value columns."""
    values = [name for name in events.columns if name not in MARKS]
    rows = newest(events, keys=entity.keys, tie="last_wins")
    return rows.withColumn(SEQUENCE, F.lit(logical).cast("timestamp")), values


def apply_current(
    events: DataFrame,
    tables: Tables,
    entity: Entity,
    logical: datetime,
    unsure: DataFrame | None = None,
    *,
    before: Before | None = None,
) -> Counts:
    """The table is the snapshot, one row a key; rows that did not change are not rewritten, keys that it lacks are gone, or ignored.

    Keys of *unsure* rows, which were set aside, are not absent: what the table has of them stays. *before*: it replaces another snapshot
    of its logical time, so keys of which it says nothing are as they were before that one.
    """
    snapshot, _ = one_row_a_key(events, entity, logical)
    keys = keys_in_table(entity)
    source = _shown(snapshot, entity)
    there = tables.target.frame()
    if there is None:  # a MERGE into nothing takes twice as long, for the same rows
        return Counts(written=tables.target.create(source))
    schema = tables.target.widen(there, source.schema)
    if len(schema) > len(there.columns):
        there = tables.target.frame()
        assert there is not None, "it was there"
    unsaid = None if unsure is None else unsure.select(*published(entity.keys, entity)).distinct()
    undone = None if before is None else _undone(source, there, unsaid, entity, logical)
    if before is not None and undone is not None and (again := before(_of_bronze(undone, entity))) is not None:
        source = source.unionByName(_shown(again, entity), allowMissingColumns=True)
    columns = [field.name for field in schema.fields if field.name in source.columns]
    content = [name for name in columns if name not in (*keys, *OF_EVENT)]
    # What differs is found first, so that the MERGE sees nothing else and rewrites no file without a change.
    old = there.select(*[col(name) for name in keys], F.struct(F.lit(1), *[col(name) for name in content]).alias("__old"))
    both = source.withColumn("__new", F.struct(F.lit(1), *[col(name) for name in content])).join(old, keys, "full_outer")
    changed = both.where(~col("__new").eqNullSafe(col("__old"))).withColumn(GONE, col("__new").isNull())
    changed = _without_what_stays(changed, unsaid, undone, entity)
    with held(changed.select(*[col(name) for name in columns], col(GONE))) as changes:
        told = ordered(keys, changes.schema)
        spans = [one(col(name)).cast("string") for name in told for one in (F.min, F.max)]
        count, gone, *ends = changes.agg(F.count("*"), F.sum(col(GONE).cast("long")), *spans).collect()[0]
        if entity.deletes != "ignore":
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


def _undone(source: DataFrame, there: DataFrame, unsaid: DataFrame | None, entity: Entity, logical: datetime) -> DataFrame | None:
    """Keys of which the snapshot says nothing, and which the one that it replaces may have changed; None: there are none."""
    keys, of_it = keys_in_table(entity), F.col(f"{EVENT}.sequence") == F.lit(logical).cast("timestamp")
    if entity.deletes == "ignore":
        touched = there.where(of_it).select(*[col(name) for name in keys])
    elif unsaid is not None:  # a key that has no row may have lost it
        touched = unsaid.join(there.where(~of_it), keys, "left_anti")
    else:
        return None
    return touched.join(source, keys, "left_anti")


def _without_what_stays(changed: DataFrame, unsaid: DataFrame | None, undone: DataFrame | None, entity: Entity) -> DataFrame:
    """The changes without the rows that a snapshot lacks and the table keeps."""
    keys, stays = keys_in_table(entity), F.lit(entity.deletes == "ignore")
    if unsaid is not None and entity.deletes != "ignore":
        changed = changed.join(unsaid.withColumn(_STAYS, F.lit(True)), keys, "left")
        stays = col(_STAYS).isNotNull()
    if undone is not None:
        changed = changed.join(undone.withColumn(_GOES, F.lit(True)), keys, "left")
        stays = stays & col(_GOES).isNull()
    return changed.where(~(col(GONE) & stays))


def apply_history(
    events: DataFrame,
    tables: Tables,
    entity: Entity,
    logical: datetime,
    unsure: DataFrame | None = None,
    *,
    before: Before | None = None,
) -> Counts:
    """The table's history goes on at *logical*: changed rows close and open, absent keys close, new keys open.

    It starts from the table as it was before *logical*, so the same snapshot, or another of the same logical time, replaces
    what was done before: rows that opened at it go, rows that closed at it reopen, and (*before*) values that are not tracked are those
    from before it. Keys of *unsure* rows alone are not absent: what was open stays open.
    """
    names = entity.history_columns
    snapshot, values = one_row_a_key(events, entity, logical)
    keys = keys_in_table(entity)
    shown = [entity.rename.get(name, name) for name in values]
    tracked = [entity.rename.get(name, name) for name in tracked_columns(values, entity)]
    at = F.lit(logical).cast("timestamp")
    with held(_shown(snapshot, entity)) as source:
        opened = source.select(
            *[col(name) for name in source.columns], at.alias(names.start_at), F.lit(None).cast("timestamp").alias(names.end_at)
        )
        table = tables.target.frame()
        if table is None:  # a MERGE into nothing takes twice as long, for the same rows
            return Counts(written=tables.target.create(_with_current(opened, entity)))
        if len(tables.target.widen(table, _with_current(opened, entity).schema)) > len(table.columns):
            table = tables.target.frame()
            assert table is not None, "it was there"
        was = table.where((col(names.start_at) < at) & (col(names.end_at).isNull() | (col(names.end_at) == at)))
        if before is not None and len(tracked) + len(keys) < len(shown):
            was = _restored(was, before, entity, at)
        told = [name for name in source.columns if name in (*shown, *OF_EVENT)]
        new = source.select(*[col(name) for name in keys], F.struct(*[col(name) for name in told]).alias("__new"))
        both = was.join(new, keys, "left")
        stays = F.lit(False)
        if unsure is not None:
            unsaid = unsure.select(*published(entity.keys, entity)).distinct().withColumn(_STAYS, F.lit(True))
            both = both.join(unsaid, keys, "left")
            stays = col(_STAYS).isNotNull() & col("__new").isNull()
        if entity.max_deleted is not None:
            refuse_too_many(was, both.where(col("__new").isNull() & ~stays).count(), entity.max_deleted)
        same = F.lit(True)
        for name in tracked:
            same = same & col(name).eqNullSafe(F.col("__new").getField(name))
        goes_on = col("__new").isNotNull() & same
        old = [name for name in was.columns if name != names.is_current]

        def kept(name: str) -> Column:
            return F.when(goes_on, F.col("__new").getField(name)).otherwise(col(name)).alias(name) if name in told else col(name)

        went_on = both.withColumn(names.end_at, F.when(~goes_on & ~stays, at)).select(*[kept(name) for name in old])
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


def _restored(was: DataFrame, before: Before, entity: Entity, at: Column) -> DataFrame:
    """The rows with the values that they had before the snapshot at *at* where that one continued them."""
    keys, names = keys_in_table(entity), entity.history_columns
    continued = F.col(f"{EVENT}.sequence") == at
    again = before(_of_bronze(was.where(continued), entity))
    if again is None:
        return was
    had = _shown(again, entity)
    both = was.join(had.select(*[col(name) for name in keys], F.struct(*[col(name) for name in had.columns]).alias("__had")), keys, "left")
    stay = (*keys, names.start_at, names.end_at, names.is_current)

    def value(name: str) -> Column:
        value = F.col("__had").getField(name) if name in had.columns else F.lit(None)
        return F.when(continued & col("__had").isNotNull(), value).otherwise(col(name)).alias(name)

    return both.select(*[col(name) if name in stay else value(name) for name in was.columns])


def _shown(snapshot: DataFrame, entity: Entity) -> DataFrame:
    """Events as the table shows them."""
    values = [name for name in snapshot.columns if name not in MARKS]
    return snapshot.select(*published(values, entity), *event_columns(entity))


def _of_bronze(rows: DataFrame, entity: Entity) -> DataFrame:
    """The keys of the table's rows, by the names that Bronze has."""
    return rows.select(*[col(shown).alias(name) for name, shown in zip(entity.keys, keys_in_table(entity), strict=True)])


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
