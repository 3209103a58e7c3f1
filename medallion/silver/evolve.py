"""A table whose columns have become narrower than what Bronze has: the same rows, in types that hold both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from medallion.bronze.typed import widens
from medallion.config.silver import Entity
from medallion.schema import Type, parse_type
from medallion.silver.events import MARKS, col
from medallion.silver.kinds import as_type, spelled
from medallion.silver.models.tables import Tables

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def widen(events: DataFrame, tables: Tables, entity: Entity) -> None:
    """What the table and its journal show of a value column has a type that holds the values of *events*, if there is such a type.

    Each is written again, by one commit, where a column has become wider in Bronze. Keys and sequences stay as they are, and so does a
    column whose values would not come through: what writes the events refuses them.
    """
    bound = {*entity.keys, *entity.sequence_by}
    wanted = {field.name: spelled(field.dataType) for field in events.schema.fields if field.name not in bound and field.name not in MARKS}
    there = tables.target.frame()
    shown = {entity.rename.get(name, name): kind for name, kind in wanted.items()}
    narrow = None if there is None else _narrow(there, shown)
    if narrow == {}:  # so is the journal, which becomes wider before
        return
    kept = tables.journal.frame()
    if kept is not None and (behind := _narrow(kept, wanted)):
        tables.journal.rewrite(_widened(kept, behind))
    if there is not None and narrow:
        tables.target.rewrite(_widened(there, narrow))


def _narrow(there: DataFrame, wanted: Mapping[str, str]) -> dict[str, tuple[Type, Type]]:
    """The columns that are to become wider: their type, and the one that holds every value of it."""
    found = {field.name: _wider(spelled(field.dataType), wanted[field.name]) for field in there.schema.fields if field.name in wanted}
    return {name: kinds for name, kinds in found.items() if kinds is not None}


def _widened(there: DataFrame, narrow: Mapping[str, tuple[Type, Type]]) -> DataFrame:
    return there.select(*[as_type(name, *narrow[name]).alias(name) if name in narrow else col(name) for name in there.columns])


def _wider(old: str, new: str) -> tuple[Type, Type] | None:
    """Both types, if the second is another and holds every value of the first."""
    if old == new:
        return None
    try:
        before, after = parse_type(old), parse_type(new)
    except ValueError:  # none that Bronze has: somebody else gave it to the table
        return None
    return (before, after) if before != after and widens(before, after) else None
