"""scd_type_2 of events: every row that was ever current, as ``[start, end)``; late events land where they belong.

The table shows most events exactly: an opener whose row shows its own values. All others (deletes, events that continued a row,
openers whose values were overtaken) are kept in the journal. So the events of a key can always be had again, and a batch folds the
events of the keys that it touches, from table, journal and batch together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from medallion.config.silver import Entity
from medallion.failpoint import failpoint
from medallion.layout import quoted
from medallion.silver.clauses import equal, insert_all, set_all
from medallion.silver.events import MARKS, SEQUENCE, col, tracked_columns
from medallion.silver.fold import BATCH, END, EXACT, JOURNAL, LATE, OLD_END, ORIGIN, SHOWN, START, TABLE, TIES, history
from medallion.silver.models.tables import EVENT, GONE, Counts, Tables, event_columns, keys_in_table, published, unpublished
from medallion.silver.models.ties import refuse
from medallion.silver.span import ANYTHING, Span
from medallion.spark import held

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def apply(events: DataFrame, tables: Tables, entity: Entity, *, span: Span = ANYTHING) -> Counts:
    """The table shows ``history(key)`` of all events so far, these included; journal before table, both idempotent by meaning.

    *span* has the keys of the events. Raises SequenceTieError under ``on_sequence_tie: error``.
    """
    names = entity.history_columns
    values = [name for name in events.columns if name not in MARKS]
    keys = list(entity.keys)
    touched = events.select(*[col(name) for name in keys])
    end_type = events.schema[SEQUENCE].dataType
    known = events.withColumns({ORIGIN: F.lit(BATCH), OLD_END: F.lit(None).cast(end_type)})

    table, journal = tables.target.frame(), tables.journal.frame()
    rows = None
    if table is not None:
        rows = span.of(unpublished(table, entity)).join(touched, keys, "left_semi")
        exact = rows.where(col(SEQUENCE) == col(names.start_at)).withColumns({ORIGIN: F.lit(TABLE), OLD_END: col(names.end_at)})
        known = known.unionByName(exact.drop(*_history_names(entity)), allowMissingColumns=True)
    if journal is not None:
        kept = span.of(journal).join(touched, keys, "left_semi").withColumns({ORIGIN: F.lit(JOURNAL), OLD_END: F.lit(None).cast(end_type)})
        known = known.unionByName(kept, allowMissingColumns=True)

    folded = history(known, keys=keys, values=values, tracked=tracked_columns(values, entity), tie=entity.on_sequence_tie)
    with held(folded) as fold:
        remembered = ~col(EXACT) & (col(ORIGIN) != JOURNAL)
        totals = fold.agg(*[F.sum(flag.cast("long")) for flag in (col(LATE), remembered, col(TIES) > 0)]).collect()[0]
        late, to_remember, ties = (int(total or 0) for total in totals)
        if ties and entity.on_sequence_tie == "error":
            refuse(fold.where(col(TIES) > 0), keys, ties)
        if to_remember:
            tables.journal.append(fold.where(remembered).select(*[col(name) for name in values], *[col(name) for name in MARKS]))
        failpoint("batch.journal")

        unchanged = (col(ORIGIN) == TABLE) & col(EXACT) & col(END).eqNullSafe(col(OLD_END))
        current = [col(END).isNull().alias(names.is_current)] if names.is_current else []
        source = fold.where(col(SHOWN) & ~unchanged).select(
            *published(values, entity),
            col(START).alias(names.start_at),
            col(END).alias(names.end_at),
            *current,
            *event_columns(entity),
            F.lit(False).alias(GONE),
        )
        if table is None:  # a MERGE into nothing takes twice as long, for the same rows
            return Counts(ties=ties, late=late, written=tables.target.create(source.drop(GONE)))
        schema = tables.target.widen(table, source.drop(GONE).schema)
        if late and rows is not None:
            starts = fold.where(col(SHOWN)).select(*[col(name) for name in keys], col(START).alias(names.start_at))
            left = rows.join(starts, [*keys, names.start_at], "left_anti")
            source = source.unionByName(
                left.select(*[col(n).alias(entity.rename.get(n, n)) for n in keys], col(names.start_at), F.lit(True).alias(GONE)),
                allowMissingColumns=True,
            )
        columns = [field.name for field in schema.fields if field.name in source.columns]
        end = quoted(names.end_at)
        written = tables.target.merge(
            source,
            on=f"{equal([*keys_in_table(entity), names.start_at])} AND {span.sql(alias='t', rename=entity.rename)}",
            clauses=[
                f"WHEN MATCHED AND s.{GONE} THEN DELETE",
                f"WHEN MATCHED AND NOT (struct(t.{end}, t.{EVENT}) <=> struct(s.{end}, s.{EVENT})) THEN {set_all(columns)}",
                f"WHEN NOT MATCHED AND NOT s.{GONE} THEN {insert_all(columns)}",
            ],
        )
    return Counts(ties=ties, late=late, written=written)


def _history_names(entity: Entity) -> list[str]:
    names = entity.history_columns
    return [names.start_at, names.end_at, *([names.is_current] if names.is_current else [])]
