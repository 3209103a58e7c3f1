"""What a table that allows no ties says when it meets one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from medallion.errors import SequenceTieError
from medallion.silver.events import col

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def refuse(contested: DataFrame, keys: Sequence[str], ties: int) -> None:
    """Raises SequenceTieError naming a key of *contested*, if that has a row; *ties* are the sequences known to be contested."""
    first = contested.select(*[col(name) for name in keys]).limit(1).collect()
    if first:
        raise SequenceTieError(
            f"key {first[0].asDict()} has two events of one sequence and different content ({max(ties, 1)} such sequences in this batch); "
            "nothing was published: set on_sequence_tie to last_wins, delete_wins or quarantine, or add a column to sequence_by"
        )
