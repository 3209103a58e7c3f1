"""A table whose columns have become narrower than what Bronze has: the same rows, in types that hold both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from medallion.bronze.widen import joined
from medallion.config.silver import Entity
from medallion.schema import Type, parse_type
from medallion.silver.events import MARKS, col
from medallion.silver.kinds import as_type, spelled
from medallion.silver.models.tables import Tables
from medallion.silver.publish import DeltaTable

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def widen(events: DataFrame, tables: Tables, entity: Entity) -> None:
    """What the table and its journal show of a value column has a type that holds the values of *events*, if there is such a type.

    Each is written again, by one commit, where a column has become wider in Bronze. Keys and sequences stay as they are, and so does a
    column whose values would not come through: what writes the events refuses them.
    """
    bound = {*entity.keys, *entity.sequence_by}
    wanted = {field.name: spelled(field.dataType) for field in events.schema.fields if field.name not in bound and field.name not in MARKS}
    _fit(tables.journal, wanted)
    _fit(tables.target, {entity.rename.get(name, name): kind for name, kind in wanted.items()})


def _fit(table: DeltaTable, wanted: Mapping[str, str]) -> None:
    there = table.frame()
    if there is None:
        return
    wider = {
        field.name: kinds
        for field in there.schema.fields
        if field.name in wanted and (kinds := _wider(spelled(field.dataType), wanted[field.name])) is not None
    }
    if wider:
        columns = [as_type(col(name), *wider[name]).alias(name) if name in wider else col(name) for name in there.columns]
        table.rewrite(there.select(*columns))


def _wider(old: str, new: str) -> tuple[Type, Type] | None:
    """Both types, if the second is another and holds every value of the first."""
    if old == new:
        return None
    try:
        before, after = parse_type(old), parse_type(new)
    except ValueError:  # none that Bronze has: somebody else gave it to the table
        return None
    return (before, after) if before != after and joined(before, after) == after else None
