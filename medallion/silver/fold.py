"""Events folded by key: pure functions of frames that say what `medallion.testing.fold` says, for millions of keys at once.

The history sorts the events of a key by their rank once; all that follows are windows over that order.
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


def content(values: Sequence[str]) -> Column:
    """What an event says, as one number: whether it deletes, its values, and where they are null, which a hash passes over."""
    return F.xxhash64(col(DELETE), *[col(name) for name in values], *[col(name).isNull() for name in values])


def contested(values: Sequence[str], so_far: WindowSpec) -> Column:
    """Whether the events of one sequence differ in content, as far as *so_far* goes; its last event knows of all."""
    return F.min(content(values)).over(so_far) != F.max(content(values)).over(so_far)


def _so_far(window: WindowSpec) -> WindowSpec:
    return window.rowsBetween(Window.unboundedPreceding, Window.currentRow)


def newest(events: DataFrame, *, keys: Sequence[str], tie: Tie) -> DataFrame:
    """The event of highest rank of each key."""
    # In this form Spark drops what is outranked before the shuffle and after it, which takes a third of the time of any other.
    falling = Window.partitionBy(*[col(name) for name in keys]).orderBy(*[column.desc() for column in rank(tie)])
    return events.withColumn("__rank", F.row_number().over(falling)).where("__rank = 1").drop("__rank")


def sequences(events: DataFrame, *, keys: Sequence[str], values: Sequence[str]) -> DataFrame:
    """One row a key and sequence: the keys, and ``__ties`` (1 where its events differ in content, else 0)."""
    said = content([name for name in values if name not in keys])
    return events.groupBy(*[col(name) for name in keys], col(SEQUENCE)).agg((F.min(said) != F.max(said)).cast("int").alias(TIES))


def history(events: DataFrame, *, keys: Sequence[str], values: Sequence[str], tracked: Sequence[str], tie: Tie) -> DataFrame:
    """The winning event of each sequence of a key, with what it means for the key's history.

    *events* have ``__origin`` and ``__old_end`` too. Added:

    - ``__shown`` (boolean): a row of the history shows this event's values; then ``[__start, __end)`` is that row's range;
    - ``__exact`` (boolean): and the row starts with this very event, so the table alone remembers it;
    - ``__late`` (boolean): an event of the batch is among those of this sequence that does not come after all that was known of its key;
    - ``__ties`` (int): 1 where the sequence is contested by events of different content.
    """
    key = [col(name) for name in keys]
    order = [*rank(tie), col(ORIGIN)]
    by_sequence = Window.partitionBy(*key, col(SEQUENCE)).orderBy(*order[1:])
    by_key = Window.partitionBy(*key).orderBy(*order)
    before, after = F.lag(ORIGIN).over(by_key), F.lead(ORIGIN).over(by_key)
    same_as_before = F.lag(SEQUENCE).over(by_key).eqNullSafe(col(SEQUENCE))
    passed = F.coalesce(after != BATCH, F.lit(False)) | F.coalesce((before != BATCH) & same_as_before, F.lit(False))
    seen = events.withColumn("__passed", (col(ORIGIN) == BATCH) & passed)
    won = seen.withColumns(
        {
            "__wins": F.lead(F.lit(1)).over(by_sequence).isNull(),
            TIES: contested(values, _so_far(by_sequence)).cast("int"),
            LATE: F.max("__passed").over(_so_far(by_sequence)),
        }
    )
    return ranges(won.where("__wins").drop("__wins", "__passed"), keys=keys, tracked=tracked)


def ranges(won: DataFrame, *, keys: Sequence[str], tracked: Sequence[str]) -> DataFrame:
    """The events, one a sequence, with ``__shown``, ``__exact``, ``__start`` and ``__end`` as :func:`history` says."""
    key = [col(name) for name in keys]
    in_order = Window.partitionBy(*key).orderBy(col(SEQUENCE))
    state = F.struct(*[col(name) for name in tracked]) if tracked else F.lit(1)
    first = F.lag(DELETE).over(in_order).isNull()
    opens = ~col(DELETE) & (first | F.lag(DELETE).over(in_order) | ~F.lag(state).over(in_order).eqNullSafe(state))
    opened = won.withColumn("__opens", opens)
    next_sequence = F.lead(SEQUENCE).over(in_order)
    ends_here = F.coalesce(F.lead("__opens").over(in_order) | F.lead(DELETE).over(in_order), F.lit(True))
    return opened.withColumns(
        {
            SHOWN: ~col(DELETE) & ends_here,
            EXACT: col("__opens") & ends_here,
            START: F.last(F.when(col("__opens"), col(SEQUENCE)), ignorenulls=True).over(_so_far(in_order)),
            END: next_sequence,
        }
    ).drop("__opens")
