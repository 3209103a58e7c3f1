"""Tables that need more of a key than the table shows: soft deletes, nulls that say nothing, truncates, ties that are set aside.

The journal keeps every event. A batch folds all events of the keys that it touches, compares with the table, and writes what differs.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from medallion.config.silver import DELETED_AT, Entity
from medallion.failpoint import failpoint
from medallion.gate.quarantine import SEQUENCE_TIE
from medallion.layout import quoted
from medallion.silver.clauses import equal, insert_all, set_all
from medallion.silver.events import DELETE, MARKS, POSITION, REASON, SEQUENCE, TRUNCATE, col, ignored_columns, tracked_columns
from medallion.silver.fold import END, LATE, START, TIES
from medallion.silver.models import snapshot
from medallion.silver.models.tables import GONE, Counts, Tables, event_columns, keys_in_table, published, unpublished
from medallion.silver.models.ties import refuse
from medallion.silver.publish import Written
from medallion.silver.quarantine import set_aside
from medallion.silver.refold import FRESH, NEWS, WINS, currents, histories, ranked, said
from medallion.silver.span import ANYTHING, Span
from medallion.spark import held

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def soft(entity: Entity) -> bool:
    """Whether a deleted key keeps its row."""
    return entity.model == "incremental_merge" and entity.deletes in (None, "soft")


def needed(entity: Entity) -> bool:
    """Whether what the entity asks for cannot be told from its table and the events that the table does not show."""
    asked = entity.ignore_null_updates not in (False, ()) or entity.apply_as_truncates is not None
    return soft(entity) or asked or entity.on_sequence_tie == "quarantine"


def apply(events: DataFrame, tables: Tables, entity: Entity, *, span: Span = ANYTHING, whole: bool = False) -> Counts:
    """The table is what all events so far make, these included; quarantine, journal and table in this order, idempotent by meaning.

    *span* has the keys of the events; of a truncate those of the whole table. *whole*: keys that the events do not touch are folded again
    as well, since the journal lost some of theirs. Raises SequenceTieError under ``on_sequence_tie: error``.
    """
    keys = list(entity.keys)
    known = _known(events, tables, keys, truncates=entity.apply_as_truncates is not None, span=span, whole=whole)
    values = [name for name in known.columns if name not in (*MARKS, TRUNCATE, FRESH)]
    with held(ranked(known, keys=keys, values=values, tie=entity.on_sequence_tie)) as told:
        tied = col(TIES) & col(NEWS) & ~col(TRUNCATE)
        flags = (col(FRESH) & ~col(TRUNCATE), col(LATE), tied)
        totals = told.agg(*[F.sum(flag.cast("long")) for flag in flags]).collect()[0]
        fresh, late, in_ties = (int(total or 0) for total in totals)
        ties = told.where(tied).select(*[col(name) for name in (*keys, SEQUENCE)]).distinct().count() if in_ties else 0
        if ties and entity.on_sequence_tie == "error":
            refuse(told.where(tied), keys, ties)
        aside = in_ties if entity.on_sequence_tie == "quarantine" else 0
        counted = said(told.where(WINS), keys=keys, ignored=ignored_columns(values, entity))
        rows = _rows(counted, values, entity)
        there = tables.target.frame()
        if there is not None and len(tables.target.widen(there, rows.schema)) > len(there.columns):
            there = tables.target.frame()
        if aside:
            set_aside(tables.quarantine, told.where(tied).withColumn(REASON, F.lit(SEQUENCE_TIE)))
        if fresh:
            _write_down(told.where(col(FRESH) & ~col(TRUNCATE)), tables)
        if entity.apply_as_truncates is not None:
            _write_down(_fresh_truncates(events, tables), tables)
        failpoint("batch.journal")
        if there is None:  # a MERGE into nothing takes twice as long, for the same rows
            return Counts(ties=ties, late=late, quarantined=aside, written=tables.target.create(rows))
        touched = None if whole else told.select(*published(keys, entity)).distinct()
        written = _publish(rows, touched, there, tables, entity, span)
    return Counts(ties=ties, late=late, quarantined=aside, written=written)


def _write_down(events: DataFrame, tables: Tables) -> None:
    names = [name for name in events.columns if not name.startswith("__")]
    tables.journal.append(events.select(*[col(name) for name in (*names, *MARKS, TRUNCATE)]))


def _fresh_truncates(events: DataFrame, tables: Tables) -> DataFrame:
    """The truncates of the batch that the journal does not have."""
    told, journal = events.where(TRUNCATE), tables.journal.frame()
    return told if journal is None else told.join(journal.where(TRUNCATE), list(POSITION), "left_anti")


def _known(events: DataFrame, tables: Tables, keys: list[str], *, truncates: bool, span: Span, whole: bool) -> DataFrame:
    """All events of the keys that the batch touches, or of all, each once, truncates among those of every key."""
    if not truncates:
        events = events.withColumn(TRUNCATE, F.lit(False))
    journal = tables.journal.frame()
    before = None if journal is None else span.of(journal.where(~col(TRUNCATE)))
    told, cuts = events.where(~col(TRUNCATE)), events.where(TRUNCATE)
    touched = told.select(*[col(name) for name in keys])
    if before is not None and truncates:
        # A truncate changes nothing of a key that has only newer events.
        reach = cuts.agg(F.max(SEQUENCE).alias("__reach"))
        cut = before.join(F.broadcast(reach), col(SEQUENCE) <= col("__reach"))
        touched = touched.unionByName(cut.select(*[col(name) for name in keys]))
    touched = touched.distinct()
    known = told.withColumn(FRESH, F.lit(True))
    if before is not None:
        kept = before if whole else before.join(touched, keys, "left_semi")
        fresh = known.join(kept.select(*[col(name) for name in (*keys, *POSITION)]), [*keys, *POSITION], "left_anti")
        known = fresh.unionByName(kept.withColumn(FRESH, F.lit(False)), allowMissingColumns=True)
    if not truncates:
        return known
    marks = [col(name) for name in (SEQUENCE, *POSITION)]
    all_cuts = cuts.select(*marks, F.lit(True).alias(FRESH))
    if journal is not None:
        told_before = journal.where(TRUNCATE).select(*marks, F.lit(False).alias(FRESH))
        all_cuts = all_cuts.join(told_before, list(POSITION), "left_anti").unionByName(told_before)
    spread = touched.crossJoin(F.broadcast(all_cuts)).withColumns({DELETE: F.lit(True), TRUNCATE: F.lit(True)})
    return known.unionByName(spread, allowMissingColumns=True)


def _rows(told: DataFrame, values: list[str], entity: Entity) -> DataFrame:
    """The table's rows of the keys of *told*, the events that count."""
    keys, names = list(entity.keys), entity.history_columns
    shown = [*published(values, entity), *event_columns(entity)]
    if entity.model == "scd_type_2":
        is_open = [col(END).isNull().alias(names.is_current)] if names.is_current else []
        rows = histories(told, keys=keys, tracked=tracked_columns(values, entity))
        return rows.select(*shown, col(START).alias(names.start_at), col(END).alias(names.end_at), *is_open)
    marked = [col(DELETED_AT)] if soft(entity) else []
    return currents(told, keys=keys, keep_deleted=soft(entity)).select(*shown, *marked)


def _publish(rows: DataFrame, touched: DataFrame | None, table: DataFrame, tables: Tables, entity: Entity, span: Span) -> Written:
    """The table has *rows*, and no others of the *touched* keys (None: at all); what it has already is not written."""
    by = keys_in_table(entity)
    within = table.where(span.sql(rename=entity.rename))
    there = within if touched is None else within.join(touched, by, "left_semi")
    if entity.model == "scd_type_2":
        by = [*by, entity.history_columns.start_at]
    rest = [name for name in rows.columns if name not in by]
    content = F.struct(*[col(name) for name in rest])
    old = there.select(*[col(name) for name in by], content.alias("__old"))
    both = rows.select(*[col(name) for name in by], content.alias("__new")).join(old, by, "full_outer")
    changed = both.where(~col("__new").eqNullSafe(col("__old")))
    source = changed.select(
        *[col(name) for name in by],
        *[F.col("__new").getField(name).alias(name) for name in rest],
        col("__new").isNull().alias(GONE),
    )
    with held(source) as changes:
        if changes.isEmpty():
            return Written()
        return tables.target.merge(
            changes,
            on=f"{equal(by)} AND {span.sql(alias='t', rename=entity.rename)}",
            clauses=[
                f"WHEN MATCHED AND s.{GONE} THEN DELETE",
                f"WHEN MATCHED THEN {set_all(rows.columns)}",
                f"WHEN NOT MATCHED AND NOT s.{GONE} THEN {insert_all(rows.columns)}",
            ],
        )


def forget(tables: Tables, logical: datetime, *, before: int) -> None:
    """The journal has no event of *logical* from a log version *before* this one: another snapshot of that time replaces what it said."""
    if tables.journal.frame() is not None:
        # As literals: Delta's DELETE takes no parameters.
        tables.journal.delete(f"{quoted(SEQUENCE)} = TIMESTAMP'{logical.isoformat(' ')}' AND {quoted(POSITION[0])} < {before}")


def as_events(
    rows: DataFrame,
    tables: Tables,
    entity: Entity,
    logical: datetime,
    version: int,
    unsure: DataFrame | None = None,
    *,
    replaces: bool = False,
) -> DataFrame:
    """What a snapshot says that the table does not: upserts of new and changed rows, deletes of absent keys (unless ignored), at *logical*.

    *version* is that of its ``run_completed``: the deletes' position. Keys of *unsure* rows are not absent. *replaces*: the table shows
    another snapshot of that time, so what was before is told by the journal. Raises SnapshotError where it would delete more than
    ``max_deleted``.
    """
    there, values = snapshot.one_row_a_key(rows, entity, logical)
    keys = list(entity.keys)
    live = _before(tables, entity, logical) if replaces else _live(tables, entity)
    if live is None:
        return there
    known = [name for name in values if name in live.columns and name not in keys]
    new = [name for name in values if name not in live.columns]
    old = live.select(*[col(name) for name in keys], F.struct(F.lit(1), *[col(name) for name in known]).alias("__old"))
    said_now = F.struct(F.lit(1), *[col(name) for name in known])
    differs = ~said_now.eqNullSafe(col("__old"))
    for name in new:
        differs = differs | col(name).isNotNull()
    changed = there.join(old, keys, "left").where(differs).select(*[col(name) for name in there.columns])
    if entity.deletes == "ignore":
        return changed
    absent = live.join(there, keys, "left_anti")
    if unsure is not None:
        absent = absent.join(unsure, keys, "left_anti")
    if entity.max_deleted is not None:
        snapshot.refuse_too_many(live, absent.count(), entity.max_deleted)
    at = F.lit(logical).cast("timestamp")
    position = [F.lit(version).cast("long"), F.lit(0).cast("int"), F.lit(0).cast("long")]
    gone = absent.select(
        *[col(name) for name in keys],
        at.alias(SEQUENCE),
        F.lit(True).alias(DELETE),
        *[value.alias(name) for value, name in zip(position, POSITION, strict=True)],
    )
    return changed.unionByName(gone, allowMissingColumns=True)


def _live(tables: Tables, entity: Entity) -> DataFrame | None:
    """The rows that are not deleted, as the table shows them, each an event; None where there is no table."""
    table = tables.target.frame()
    if table is None:
        return None
    live = unpublished(table, entity)
    if entity.model == "scd_type_2":
        return live.where(col(entity.history_columns.end_at).isNull())
    return live.where(col(DELETED_AT).isNull()) if soft(entity) else live


def _before(tables: Tables, entity: Entity, logical: datetime) -> DataFrame | None:
    """The rows that were not deleted before *logical*, by the journal; None where there is none."""
    journal = tables.journal.frame()
    if journal is None:
        return None
    earlier = journal.where(col(SEQUENCE) < F.lit(logical).cast("timestamp")).withColumn(FRESH, F.lit(False))
    values = [name for name in earlier.columns if name not in (*MARKS, TRUNCATE, FRESH)]
    told = ranked(earlier, keys=entity.keys, values=values, tie=entity.on_sequence_tie).where(WINS)
    return currents(said(told, keys=entity.keys, ignored=ignored_columns(values, entity)), keys=entity.keys, keep_deleted=False)
