"""The quarantine of an entity: rows that were set aside, each once, with its reason and its position."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medallion.gate import quarantine as gate
from medallion.silver.events import POSITION
from medallion.silver.publish import DeltaTable, equal

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

PLACE = tuple(name.strip("_") for name in POSITION)
"""The columns that tell rows of a quarantine apart."""


def set_aside(table: DeltaTable, refused: DataFrame) -> None:
    """The rows of *refused* are in the quarantine *table*, each once however often this is done; it is made if it is missing.

    They have their columns under the names that Bronze has, ``__reason`` and :data:`medallion.silver.events.POSITION`.
    """
    aside = gate.rows(refused)
    table.ensure(aside.schema)
    table.merge(aside, on=equal(PLACE), clauses=["WHEN NOT MATCHED THEN INSERT *"])
