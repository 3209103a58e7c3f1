"""Events folded by key: pure functions of frames that say what `medallion.testing.fold` says, for millions of keys at once.

Both folds sort the events of a key by their rank once; all that follows are windows over that order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pyspark.sql import Column, Window
from pyspark.sql import functions as F

from medallion.silver.events import DELETE, POSITION, SEQUENCE, col

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, WindowSpec

Tie = Literal["last_wins", "delete_wins", "quarantine", "error"]

ORIGIN, BATCH, TABLE, JOURNAL = "__origin", 0, 1, 2
"""Where an event comes from. At the same position the journal's copy wins over the table's over the batch's: they are one event."""
OLD_END = "__old_end"
"""Of an event that the table shows: the end of the row that shows it."""
START, END, EXACT, SHOWN, LATE, TIES = "__start", "__end", "__exact", "__shown", "__late", "__ties"


def rank(tie: Tie) -> list[Column]:
    """What events of one key are ordered by; the highest of a sequence wins."""
    return [col(SEQUENCE), *([col(DELETE)] if tie == "delete_wins" else []), *[col(name) for name in POSITION]]


def _tied(values: Sequence[str], same_sequence: WindowSpec) -> Column:
    """Whether the events of one sequence differ in content."""
    content = F.xxhash64(col(DELETE), *[col(name) for name in values])
    whole = same_sequence.orderBy().rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    return F.min(content).over(whole) != F.max(content).over(whole)


def newest(events: DataFrame, *, keys: Sequence[str], values: Sequence[str], tie: Tie) -> DataFrame:
    """The event of highest rank of each key, with ``__ties``: how many sequences of the key are contested."""
    key = [col(name) for name in keys]
    by_sequence = Window.partitionBy(*key, col(SEQUENCE)).orderBy(*rank(tie)[1:])
    by_key = Window.partitionBy(*key).orderBy(*rank(tie))
    # Named so that one sort by (key, rank) serves all windows: the sequence is in the partition or in the order, never in both.
    seen = events.withColumns(
        {
            "__contested": (F.lead(F.lit(1)).over(by_sequence).isNull() & _tied(values, by_sequence)).cast("int"),
            "__last": F.lead(F.lit(1)).over(by_key).isNull(),
        }
    )
    whole = by_key.orderBy().rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    return seen.withColumn(TIES, F.sum("__contested").over(whole)).where("__last").drop("__last", "__contested")


def history(events: DataFrame, *, keys: Sequence[str], values: Sequence[str], tracked: Sequence[str], tie: Tie) -> DataFrame:
    """The winning event of each sequence of a key, with what it means for the key's history.

    *events* have ``__origin`` and ``__old_end`` too. Added:

    - ``__shown`` (boolean): a row of the history shows this event's values; then ``[__start, __end)`` is that row's range;
    - ``__exact`` (boolean): and the row starts with this very event, so the table alone remembers it;
    - ``__late`` (boolean): an event of the batch that does not come after all that was known of its key;
    - ``__ties`` (int): 1 where the sequence is contested by events of different content.
    """
    key = [col(name) for name in keys]
    order = [*rank(tie), col(ORIGIN)]
    by_sequence = Window.partitionBy(*key, col(SEQUENCE)).orderBy(*order[1:])
    by_key = Window.partitionBy(*key).orderBy(*order)
    before, after = F.lag(ORIGIN).over(by_key), F.lead(ORIGIN).over(by_key)
    same_as_before = F.lag(SEQUENCE).over(by_key).eqNullSafe(col(SEQUENCE))
    seen = events.withColumns(
        {
            "__wins": F.lead(F.lit(1)).over(by_sequence).isNull(),
            TIES: _tied(values, by_sequence).cast("int"),
            LATE: (col(ORIGIN) == BATCH)
            & (F.coalesce(after != BATCH, F.lit(False)) | F.coalesce((before != BATCH) & same_as_before, F.lit(False))),
        }
    )
    seen = seen.withColumn(LATE, F.max(LATE).over(by_sequence.orderBy().rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)))
    won = seen.where("__wins").drop("__wins")

    in_order = Window.partitionBy(*key).orderBy(col(SEQUENCE))
    state = F.struct(*[col(name) for name in tracked]) if tracked else F.lit(1)
    first = F.lag(DELETE).over(in_order).isNull()
    opens = ~col(DELETE) & (first | F.lag(DELETE).over(in_order) | ~F.lag(state).over(in_order).eqNullSafe(state))
    opened = won.withColumn("__opens", opens)
    next_sequence = F.lead(SEQUENCE).over(in_order)
    ends_here = F.coalesce(F.lead("__opens").over(in_order) | F.lead(DELETE).over(in_order), F.lit(True))
    running = in_order.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    return opened.withColumns(
        {
            SHOWN: ~col(DELETE) & ends_here,
            EXACT: col("__opens") & ends_here,
            START: F.last(F.when(col("__opens"), col(SEQUENCE)), ignorenulls=True).over(running),
            END: next_sequence,
        }
    ).drop("__opens")
