"""All events of a key, folded: what a table says of them, for every option. Pure functions of frames, as in `medallion.silver.fold`.

Events have value columns, :data:`medallion.silver.events.MARKS`, ``__truncate`` and :data:`FRESH`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyspark.sql import Column, Window
from pyspark.sql import functions as F

from medallion.config.silver import DELETED_AT
from medallion.silver.events import DELETE, SEQUENCE, TRUNCATE, col
from medallion.silver.fold import LATE, SHOWN, TIES, Tie, content, ranges, rank

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, WindowSpec

FRESH, NEWS, WINS = "__fresh", "__news", "__wins"
"""Whether the batch tells an event for the first time; whether it tells one at this sequence; whether an event counts."""


def ranked(events: DataFrame, *, keys: Sequence[str], values: Sequence[str], tie: Tie) -> DataFrame:
    """All events, with

    - ``__wins`` (boolean): it is the one that counts at its sequence; under ``quarantine`` no contested one does;
    - ``__ties`` (boolean): its sequence is contested by events of different content;
    - ``__news`` (boolean): an event of its sequence is fresh;
    - ``__late`` (boolean): it is fresh and does not come after all that was known of its key.
    """
    key = [col(name) for name in keys]
    at_once = Window.partitionBy(*key, col(SEQUENCE))
    last = F.lead(F.lit(1)).over(at_once.orderBy(*rank(tie)[1:])).isNull()
    known_until = F.max(F.when(~col(FRESH) & ~col(TRUNCATE), col(SEQUENCE))).over(Window.partitionBy(*key))
    seen = events.withColumns(
        {
            TIES: _contested(values, at_once),
            NEWS: F.max(FRESH).over(at_once),
            LATE: col(FRESH) & ~col(TRUNCATE) & F.coalesce(col(SEQUENCE) <= known_until, F.lit(False)),
            WINS: last,
        }
    )
    return seen.withColumn(WINS, col(WINS) & ~col(TIES)) if tie == "quarantine" else seen


def _contested(values: Sequence[str], at_once: WindowSpec) -> Column:
    """Whether the events of one sequence differ; a truncate says what any delete says."""
    told = F.when(~col(TRUNCATE), content(values))
    differ = F.coalesce(F.min(told).over(at_once) != F.max(told).over(at_once), F.lit(False))
    return differ | (F.max(TRUNCATE).over(at_once) & F.max(~col(DELETE)).over(at_once))


def said(won: DataFrame, *, keys: Sequence[str], ignored: Sequence[str]) -> DataFrame:
    """The events that count, where a null of an *ignored* column is what the nearest earlier event of the same life said."""
    if not ignored:
        return won
    key = [col(name) for name in keys]
    lives = won.withColumn("__life", F.sum(col(DELETE).cast("int")).over(_so_far(Window.partitionBy(*key).orderBy(SEQUENCE))))
    in_life = _so_far(Window.partitionBy(*key, col("__life")).orderBy(SEQUENCE))
    filled = {name: F.last(F.when(~col(DELETE), col(name)), ignorenulls=True).over(in_life) for name in ignored}
    return lives.withColumns(filled).drop("__life")


def _so_far(window: WindowSpec) -> WindowSpec:
    return window.rowsBetween(Window.unboundedPreceding, Window.currentRow)


def histories(told: DataFrame, *, keys: Sequence[str], tracked: Sequence[str]) -> DataFrame:
    """One event for each row of each history, with ``__start`` and ``__end``."""
    return ranges(told, keys=keys, tracked=tracked).where(SHOWN)


def currents(told: DataFrame, *, keys: Sequence[str], keep_deleted: bool) -> DataFrame:
    """The last upsert of each key, with ``_deleted_at``: the latest delete that is newer. Without *keep_deleted* those have no row."""
    whole = Window.partitionBy(*[col(name) for name in keys])
    last = told.withColumns(
        {
            "__upsert": F.max(F.when(~col(DELETE), col(SEQUENCE))).over(whole),
            "__deleted": F.max(F.when(col(DELETE), col(SEQUENCE))).over(whole),
        }
    ).where(~col(DELETE) & (col(SEQUENCE) == col("__upsert")))
    rows = last.withColumn(DELETED_AT, F.when(col("__deleted") > col(SEQUENCE), col("__deleted"))).drop("__upsert", "__deleted")
    return rows if keep_deleted else rows.where(col(DELETED_AT).isNull()).drop(DELETED_AT)
