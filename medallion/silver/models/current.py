"""scd_type_1 of events: one row a key, the newest event's; a deleted key is remembered in the tombstones, for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from medallion.config.silver import Entity
from medallion.failpoint import failpoint
from medallion.silver.events import DELETE, MARKS, POSITION, SEQUENCE, col
from medallion.silver.fold import DELETES, TIES, newest, sequences
from medallion.silver.models.tables import EVENT, OF_EVENT, Counts, Tables, event_columns, keys_in_table, published
from medallion.silver.models.ties import refuse
from medallion.silver.publish import Written, equal, insert_all, set_all
from medallion.spark import held

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def apply(events: DataFrame, tables: Tables, entity: Entity) -> Counts:
    """The table shows ``current(key)`` of all events so far, these included.

    A row gives way only to an event of higher rank, and so does a tombstone; both are written in an order in which a crash between
    them leaves nothing that the same batch does not complete. Raises SequenceTieError under ``on_sequence_tie: error``.
    """
    values = [name for name in events.columns if name not in MARKS]
    told = sequences(events, keys=entity.keys, values=values)
    ties, deletes = (int(total or 0) for total in told.agg(F.sum(TIES), F.sum(DELETES)).collect()[0])
    won = newest(events, keys=entity.keys, tie=entity.on_sequence_tie)
    buried = tables.tombstones.frame()
    if buried is not None:
        won = _not_buried(won, buried, entity)
    source = won.select(*published(values, entity), *event_columns(entity), col(DELETE))
    if entity.on_sequence_tie == "error":
        _refuse_ties(told, source, tables, entity, ties)
    if not deletes:  # one use of the source alone: Delta holds it itself where it must
        failpoint("batch.journal")
        return Counts(ties=ties, written=_publish(source, tables, entity))
    with held(source) as batch:
        graves = batch.where(col(DELETE)).select(*[col(name) for name in keys_in_table(entity)], col(EVENT))
        _bury(graves, tables, entity)
        failpoint("batch.journal")
        return Counts(ties=ties, written=_publish(batch, tables, entity))


def _publish(source: DataFrame, tables: Tables, entity: Entity) -> Written:
    if tables.target.frame() is None:  # a MERGE into nothing takes twice as long, for the same rows
        return tables.target.create(source.where(~col(DELETE)).drop(DELETE))
    schema = tables.target.ensure(source.drop(DELETE).schema)
    columns = [field.name for field in schema.fields if field.name in source.columns]
    newer = _outranks(entity)
    return tables.target.merge(
        source,
        on=equal(keys_in_table(entity)),
        clauses=[
            f"WHEN MATCHED AND {newer} AND s.{DELETE} THEN DELETE",
            f"WHEN MATCHED AND {newer} THEN {set_all(columns)}",
            f"WHEN NOT MATCHED AND NOT s.{DELETE} THEN {insert_all(columns)}",
        ],
    )


def _bury(graves: DataFrame, tables: Tables, entity: Entity) -> None:
    keys = keys_in_table(entity)
    tables.tombstones.ensure(graves.schema)
    tables.tombstones.merge(
        graves,
        on=equal(keys),
        clauses=[
            f"WHEN MATCHED AND s.{EVENT} > t.{EVENT} THEN {set_all([EVENT])}",
            f"WHEN NOT MATCHED THEN {insert_all([*keys, EVENT])}",
        ],
    )


def _outranks(entity: Entity) -> str:
    """SQL: the event s ranks above the row t, which is always an upsert."""
    if entity.on_sequence_tie != "delete_wins":
        return f"s.{EVENT} > t.{EVENT}"

    def ranked(alias: str, delete: str) -> str:
        return f"struct({alias}.{EVENT}.sequence, {delete}, {alias}.{EVENT}.version, {alias}.{EVENT}.chunk, {alias}.{EVENT}.row)"

    return f"{ranked('s', f's.{DELETE}')} > {ranked('t', 'false')}"


def _not_buried(won: DataFrame, tombstones: DataFrame, entity: Entity) -> DataFrame:
    """The winning events that no tombstone outranks."""
    grave = tombstones.select(
        *[col(shown).alias(name) for name, shown in zip(entity.keys, keys_in_table(entity), strict=True)], col(EVENT).alias("__grave")
    )
    position = [col(name) for name in POSITION]
    deleted = [F.col(f"__grave.{name}") for name in ("version", "chunk", "row")]
    if entity.on_sequence_tie == "delete_wins":
        beaten = F.struct(F.col("__grave.sequence"), F.lit(True), *deleted) > F.struct(col(SEQUENCE), col(DELETE), *position)
    else:
        beaten = F.struct(F.col("__grave.sequence"), *deleted) > F.struct(col(SEQUENCE), *position)
    return won.join(grave, list(entity.keys), "left").where(F.coalesce(~beaten, F.lit(True))).drop("__grave")


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
