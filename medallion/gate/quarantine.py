"""Rows that are no events are set aside with their reason and position, and counted; nothing vanishes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyspark.sql import Column
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

NULL_KEY = "NULL_KEY"
NULL_SEQUENCE = "NULL_SEQUENCE"
SEQUENCE_TIE = "SEQUENCE_TIE"


def reason(keys: Sequence[Column], sequence: Sequence[Column]) -> Column:
    """Why a row is no event (string), or null where it is one."""
    null_key = F.lit(False)
    for column in keys:
        null_key = null_key | column.isNull()
    null_sequence = F.lit(False)
    for column in sequence:
        null_sequence = null_sequence | column.isNull()
    return F.when(null_key, NULL_KEY).when(null_sequence, NULL_SEQUENCE)


def rows(refused: DataFrame) -> DataFrame:
    """The quarantine's rows: reason, position (``version``, ``chunk``, ``row``) and the row itself as JSON text.

    *refused* has the Bronze columns, ``__reason``, ``__version``, ``__chunk`` and ``__row``.
    """
    columns = [name for name in refused.columns if not name.startswith("__")]
    return refused.select(
        F.col("__reason").alias("reason"),
        F.col("__version").alias("version"),
        F.col("__chunk").alias("chunk"),
        F.col("__row").alias("row"),
        F.to_json(F.struct(*[F.col("`" + name.replace("`", "``") + "`") for name in columns])).alias("record"),
    )
