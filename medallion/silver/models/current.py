"""scd_type_1 of events: one row a key, the newest event's; a deleted key is remembered in the tombstones, for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from medallion.config.silver import Entity
from medallion.failpoint import failpoint
from medallion.silver.clauses import equal, insert_all, set_all
from medallion.silver.events import DELETE, MARKS, POSITION, SEQUENCE, col
from medallion.silver.fold import TIES, newest, sequences
from medallion.silver.models.tables import EVENT, OF_EVENT, Counts, Tables, event_columns, keys_in_table, published
from medallion.silver.models.ties import refuse
from medallion.silver.publish import Written
from medallion.silver.span import ANYTHING, Span
from medallion.spark import held

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_GRAVE, _TOLD = "__grave", "__told"


def apply(events: DataFrame, tables: Tables, entity: Entity, *, ties: int, deletes: int, span: Span = ANYTHING) -> Counts:
    """The table shows ``current(key)`` of all events so far, these included.

    A row gives way only to an event of higher rank, and so does a tombstone; both are written in an order in which a crash between
    them leaves nothing that the same batch does not complete. *ties* are the sequences that differ in content, *deletes* the events that
    delete, and *span* has all their keys. Raises SequenceTieError under ``on_sequence_tie: error``.
    """
    values = [name for name in events.columns if name not in MARKS]
    won = newest(events, keys=entity.keys, tie=entity.on_sequence_tie).withColumn(_TOLD, F.lit(False))
    buried = tables.tombstones.frame()
    if buried is not None:
        won = _not_buried(won, span.of(_graves(buried, entity)), entity)
    shown = [*published(values, entity), *event_columns(entity), col(DELETE)]
    if entity.on_sequence_tie == "error":
        told = sequences(events, keys=entity.keys, values=values)
        _refuse_ties(told, won.select(*shown), tables, entity, ties)
    if not deletes:  # one use of the source alone: Delta holds it itself where it must
        failpoint("batch.journal")
        return Counts(ties=ties, written=_publish(won.select(*shown), tables, entity, span))
    with held(won.select(*shown, col(_TOLD))) as batch:
        # A delete that outranks the grave of its key is added beside it, and the latest counts: a MERGE would take longer than the table's.
        graves = batch.where(col(DELETE) & ~col(_TOLD)).select(*[col(name) for name in keys_in_table(entity)], col(EVENT))
        if buried is not None:
            tables.tombstones.widen(buried, graves.schema)  # nothing to add; a type that has changed is refused
        tables.tombstones.append(graves)
        failpoint("batch.journal")
        return Counts(ties=ties, written=_publish(batch.drop(_TOLD), tables, entity, span))


def _publish(source: DataFrame, tables: Tables, entity: Entity, span: Span) -> Written:
    there = tables.target.frame()
    if there is None:  # a MERGE into nothing takes twice as long, for the same rows
        return tables.target.create(source.where(~col(DELETE)).drop(DELETE))
    schema = tables.target.widen(there, source.drop(DELETE).schema)
    columns = [field.name for field in schema.fields if field.name in source.columns]
    newer = _outranks(entity)
    return tables.target.merge(
        source,
        on=f"{equal(keys_in_table(entity))} AND {span.sql(alias='t', rename=entity.rename)}",
        clauses=[
            f"WHEN MATCHED AND {newer} AND s.{DELETE} THEN DELETE",
            f"WHEN MATCHED AND {newer} THEN {set_all(columns)}",
            f"WHEN NOT MATCHED AND NOT s.{DELETE} THEN {insert_all(columns)}",
        ],
    )


def _outranks(entity: Entity) -> str:
    """SQL: the event s ranks above the row t, which is always an upsert."""
    if entity.on_sequence_tie != "delete_wins":
        return f"s.{EVENT} > t.{EVENT}"

    def ranked(alias: str, delete: str) -> str:
        return f"struct({alias}.{EVENT}.sequence, {delete}, {alias}.{EVENT}.version, {alias}.{EVENT}.chunk, {alias}.{EVENT}.row)"

    return f"{ranked('s', f's.{DELETE}')} > {ranked('t', 'false')}"


def _graves(tombstones: DataFrame, entity: Entity) -> DataFrame:
    """Each key that was deleted, as Bronze calls it, with its latest delete."""
    keys = [col(shown).alias(name) for name, shown in zip(entity.keys, keys_in_table(entity), strict=True)]
    return tombstones.select(*keys, col(EVENT).alias(_GRAVE))


def _not_buried(won: DataFrame, graves: DataFrame, entity: Entity) -> DataFrame:
    """The winning events that no grave outranks; ``__told`` is true of those that a grave is of."""
    position = [col(name) for name in POSITION]
    latest = graves.groupBy(*[col(name) for name in entity.keys]).agg(F.max(_GRAVE).alias(_GRAVE))
    deleted = [F.col(f"{_GRAVE}.{name}") for name in ("version", "chunk", "row")]
    event = F.struct(col(SEQUENCE), *position)
    grave = F.struct(F.col(f"{_GRAVE}.sequence"), *deleted)
    beaten = grave > event
    if entity.on_sequence_tie == "delete_wins":
        beaten = F.struct(F.col(f"{_GRAVE}.sequence"), F.lit(True), *deleted) > F.struct(col(SEQUENCE), col(DELETE), *position)
    both = won.join(latest, list(entity.keys), "left").where(F.coalesce(~beaten, F.lit(True)))
    return both.withColumn(_TOLD, F.coalesce(grave == event, F.lit(False))).drop(_GRAVE)


def _refuse_ties(told: DataFrame, batch: DataFrame, tables: Tables, entity: Entity, ties: int) -> None:
    """Raises SequenceTieError if events of the batch, or the batch and the table, contest a sequence."""
    keys = keys_in_table(entity)
    contested = told.where(col(TIES) > 0).select(*published(entity.keys, entity))
    table = tables.target.frame()
    if table is not None:
        values = [name for name in batch.columns if name in table.columns and name not in (*keys, *OF_EVENT)]
        there = table.select(
            *[col(name) for name in keys],
            F.col(f"{EVENT}.sequence").alias("__at"),
            F.struct(*[col(name) for name in values]).alias("__was"),
        )
        both = batch.join(there, keys).where(
            (F.col(f"{EVENT}.sequence") == F.col("__at"))
            & (col(DELETE) | ~F.struct(*[col(name) for name in values]).eqNullSafe(F.col("__was")))
        )
        contested = contested.unionByName(both.select(*[col(name) for name in keys]))
    refuse(contested, keys, ties)
