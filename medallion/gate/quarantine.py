"""Rows that are no events are set aside with their reason and position, and counted; nothing vanishes that no rule drops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyspark.sql import Column
from pyspark.sql import functions as F

from medallion.bronze.typed import INSTANT_FORMAT
from medallion.layout import quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

NULL_KEY = "NULL_KEY"
NULL_SEQUENCE = "NULL_SEQUENCE"
SEQUENCE_TIE = "SEQUENCE_TIE"
EXPECTATION = "EXPECTATION"
DROPPED = "DROPPED"
"""Of rows that an expectation leaves out: they are counted, and kept nowhere but in Bronze."""

_AS_TEXT = {"timestampFormat": INSTANT_FORMAT}


def reason(keys: Sequence[Column], sequence: Sequence[Column], *, quarantined_by: Column, dropped_by: Column) -> Column:
    """Why a row is no event (string), or null where it is one; what *quarantined_by* and *dropped_by* name are rules it does not meet.

    A row that one rule sets aside and another leaves out is set aside.
    """
    null_key = F.lit(False)
    for column in keys:
        null_key = null_key | column.isNull()
    null_sequence = F.lit(False)
    for column in sequence:
        null_sequence = null_sequence | column.isNull()
    by_rule = F.when(quarantined_by.isNotNull(), EXPECTATION).when(dropped_by.isNotNull(), DROPPED)
    return by_rule.when(null_key, NULL_KEY).when(null_sequence, NULL_SEQUENCE)


def rows(refused: DataFrame) -> DataFrame:
    """The quarantine's rows: reason, rule, position (``version``, ``chunk``, ``row``) and the row itself as JSON text.

    *refused* has the Bronze columns, ``__reason``, ``__version``, ``__chunk``, ``__row`` and, where a rule is the reason, ``__rule``.
    """
    columns = [name for name in refused.columns if not name.startswith("__")]
    rule = F.col("__rule") if "__rule" in refused.columns else F.lit(None).cast("string")
    return refused.select(
        F.col("__reason").alias("reason"),
        rule.alias("rule"),
        F.col("__version").alias("version"),
        F.col("__chunk").alias("chunk"),
        F.col("__row").alias("row"),
        F.to_json(F.struct(*[F.col(quoted(name)) for name in columns]), _AS_TEXT).alias("record"),
    )
