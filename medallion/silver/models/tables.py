"""What a model works on: the table, its state, and the names between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyspark.sql import Column
from pyspark.sql import functions as F

from medallion.config.silver import LINEAGE, Entity
from medallion.silver.events import DELETE, POSITION, SEQUENCE, col
from medallion.silver.publish import DeltaTable, Written

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

EVENT = "__event"
"""Struct (sequence, version, chunk, row): which event a row's values come from; it orders as the events do."""
OF_EVENT = (EVENT, *LINEAGE)
"""The columns that say which event a row shows, and nothing of what it says."""

GONE = "__gone"
"""Of a row that is merged: whether the table shall lose it."""


@dataclass(frozen=True, kw_only=True)
class Tables:
    """The Delta tables of one entity. Journal and tombstones are state: never in the user's table."""

    target: DeltaTable
    journal: DeltaTable
    tombstones: DeltaTable
    quarantine: DeltaTable
    resolved: DeltaTable
    applied: DeltaTable


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What a batch did: sequences that were contested, events that came late or were set aside, rows of the table that were written."""

    ties: int = 0
    late: int = 0
    quarantined: int = 0
    written: Written = field(default_factory=Written)


def event_column() -> Column:
    """``__event`` of a frame that has the marks of an event."""
    return F.struct(col(SEQUENCE).alias("sequence"), *[col(name).alias(name.strip("_")) for name in POSITION]).alias(EVENT)


def event_columns(entity: Entity) -> list[Column]:
    """:func:`event_column`, and what of it the table shows in columns of their own."""
    shown = [col(name).alias(told) for name, told in zip(POSITION, LINEAGE, strict=True)] if entity.lineage else []
    return [event_column(), *shown]


def published(columns: Sequence[str], entity: Entity) -> list[Column]:
    """The value columns under the names that the table shows."""
    return [col(name).alias(entity.rename.get(name, name)) for name in columns]


def keys_in_table(entity: Entity) -> list[str]:
    """The key columns under the names that the table shows."""
    return [entity.rename.get(name, name) for name in entity.keys]


def unpublished(table: DataFrame, entity: Entity) -> DataFrame:
    """The table's rows under the names that Bronze has, with the marks of an upsert event in place of what says which event it was."""
    back = {shown: name for name, shown in entity.rename.items()}
    values = [name for name in table.columns if name not in OF_EVENT]
    return table.select(
        *[col(name).alias(back.get(name, name)) for name in values],
        F.col(f"{EVENT}.sequence").alias(SEQUENCE),
        F.lit(False).alias(DELETE),
        *[F.col(f"{EVENT}.{name.strip('_')}").alias(name) for name in POSITION],
    )
