"""The quarantine of an entity: rows that were set aside, each once, with its reason and its position; and what became of them.

What became of a row stands in a table of its own, so that rows are only ever added to the quarantine itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pyspark.sql import functions as F

from medallion.gate import quarantine as gate
from medallion.silver.clauses import equal
from medallion.silver.events import POSITION
from medallion.silver.publish import DeltaTable

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

PLACE = tuple(name.strip("_") for name in POSITION)
"""The columns that tell rows of a quarantine apart."""

State = Literal["open", "landing", "replayed", "discarded"]
"""What became of a row: nothing yet; it is being landed again, or was when a process ended; it is in the log again; nobody wants it."""

_RESOLVED = (
    "version bigint, chunk int, row bigint, state string, run_id string, landed_version bigint, who string, why string, at timestamp"
)


def set_aside(table: DeltaTable, refused: DataFrame) -> None:
    """The rows of *refused* are in the quarantine *table*, each once however often this is done; it is made if it is missing.

    They have their columns under the names that Bronze has, ``__reason`` and :data:`medallion.silver.events.POSITION`.
    """
    aside = gate.rows(refused)
    table.ensure(aside.schema)
    table.merge(aside, on=equal(PLACE), clauses=["WHEN NOT MATCHED THEN INSERT *"])


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Which rows of a quarantine are meant; an empty tuple does not choose by that."""

    reasons: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    positions: tuple[tuple[int, int, int], ...] = ()

    @property
    def everything(self) -> bool:
        """Whether nothing was said, so that all rows are meant."""
        return not (self.reasons or self.rules or self.positions)


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Rows of one reason and rule, by what became of them; *first_version* is the log version of the oldest."""

    reason: str
    rule: str | None
    rows: int
    open: int
    replayed: int
    discarded: int
    first_version: int


@dataclass(frozen=True, kw_only=True)
class Aside:
    """A row of a quarantine and what became of it. *record* is the row as JSON; *version*, *chunk* and *row* are its position."""

    version: int
    chunk: int
    row: int
    reason: str
    rule: str | None
    record: str
    state: State
    run_id: str | None = None
    """The run in which it lands again."""
    landed_version: int | None = None
    """The log version of the chunk in which it landed again; while it lands, the newest version before."""
    who: str | None = None
    why: str | None = None
    at: datetime | None = None

    @property
    def position(self) -> tuple[int, int, int]:
        """Where the row stands in Bronze."""
        return self.version, self.chunk, self.row


def counted(quarantine: DeltaTable, resolved: DeltaTable) -> list[Counted]:
    """All rows, counted by reason and rule."""
    rows = _joined(quarantine, resolved)
    if rows is None:
        return []
    states = {state: F.count(F.when(F.col("state") == state, 1)) for state in ("replayed", "discarded")}
    still = F.count(F.when(F.col("state").isin("open", "landing"), 1))
    grouped = rows.groupBy("reason", "rule").agg(
        F.count("*").alias("rows"),
        still.alias("open"),
        *[one.alias(name) for name, one in states.items()],
        F.min("version").alias("first_version"),
    )
    return [Counted(**row.asDict()) for row in grouped.orderBy("reason", "rule").collect()]


def asides(quarantine: DeltaTable, resolved: DeltaTable, chosen: Chosen, *, limit: int | None = None) -> list[Aside]:
    """The chosen rows, by position."""
    rows = _joined(quarantine, resolved)
    if rows is None:
        return []
    if chosen.reasons:
        rows = rows.where(F.col("reason").isin(*chosen.reasons))
    if chosen.rules:
        rows = rows.where(F.col("rule").isin(*chosen.rules))
    if chosen.positions:
        named = quarantine.spark.createDataFrame(list(chosen.positions), "version bigint, chunk int, row bigint")
        rows = rows.join(F.broadcast(named), list(PLACE), "left_semi")
    rows = rows.orderBy(*PLACE)
    return [Aside(**row.asDict()) for row in (rows if limit is None else rows.limit(limit)).collect()]


def resolve(
    resolved: DeltaTable,
    rows: Sequence[Aside],
    state: State,
    *,
    run_id: str | None = None,
    landed_version: int | None = None,
    who: str,
    why: str | None,
    at: datetime,
) -> None:
    """*state* is what became of *rows*, and who did it; it stands however often it is said."""
    told = resolved.spark.createDataFrame([(*row.position, state, run_id, landed_version, who, why, at) for row in rows], _RESOLVED)
    resolved.ensure(told.schema)
    resolved.merge(told, on=equal(PLACE), clauses=["WHEN MATCHED THEN UPDATE SET *", "WHEN NOT MATCHED THEN INSERT *"])


def _joined(quarantine: DeltaTable, resolved: DeltaTable) -> DataFrame | None:
    """The quarantine's rows with what became of them."""
    rows, done = quarantine.frame(), resolved.frame()
    if rows is None:
        return None
    if "rule" not in rows.columns:  # a table of an older version
        rows = rows.withColumn("rule", F.lit(None).cast("string"))
    rows = rows.select("reason", "rule", *PLACE, "record")
    if done is None:
        done = quarantine.spark.createDataFrame([], _RESOLVED)
    joined = rows.join(done, list(PLACE), "left")
    return joined.withColumn("state", F.coalesce(F.col("state"), F.lit("open")))
