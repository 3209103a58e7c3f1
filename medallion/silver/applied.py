"""What was applied to a table: one row a micro-batch, written last; `status` reads it, and the next promotion starts from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from medallion.errors import ChangedTableError, Problem, TableRolledBackError
from medallion.silver.publish import SAME_ROWS, DeltaTable

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row

SCHEMA = """first_version bigint, last_version bigint, sha256 string, snapshot_logical_date timestamp, snapshot_version bigint,
rows bigint, quarantined bigint, ties bigint, late bigint, files bigint, bytes bigint, started_at timestamp, seconds double,
table_id string, table_version bigint, inserted bigint, updated bigint, deleted bigint, identity string, runtime string, attempt string,
dropped bigint, rules map<string, bigint>, accepted boolean"""


@dataclass(frozen=True, kw_only=True)
class Applied:
    """One micro-batch: the range of log versions, what it did, and the table's version after it.

    *rules* has the number of rows that do not meet it for each expectation. Tables of older versions lack the columns that have defaults.
    *identity* is what the table's content depends on, as JSON; *attempt* names the promotion's claim.
    """

    first_version: int
    last_version: int
    sha256: str
    snapshot_logical_date: datetime | None
    snapshot_version: int | None
    rows: int
    quarantined: int
    ties: int
    late: int
    files: int
    bytes: int
    started_at: datetime
    seconds: float
    table_id: str
    table_version: int
    inserted: int
    updated: int
    deleted: int
    identity: str
    runtime: str
    attempt: str
    dropped: int = 0
    """Rows that an expectation left out."""
    rules: Mapping[str, int] = field(default_factory=dict)
    accepted: bool = False
    """Whether more rows were set aside than max_quarantined allows, and the promotion was told to accept that."""


NAMES = tuple(field.name for field in fields(Applied))

_DEFAULT = ("dropped", "rules", "accepted")


def write(table: DeltaTable, row: Applied) -> None:
    """The row is in the table, whether or not the same range was applied before."""
    table.append(table.spark.createDataFrame([tuple(getattr(row, name) for name in NAMES)], SCHEMA))


def newest(table: DeltaTable) -> Applied | None:
    """The row that goes furthest in the log (of several the latest); None where nothing was applied."""
    frame = table.frame()
    return None if frame is None else _first(frame.orderBy(F.desc("last_version"), F.desc("started_at")))


def newest_snapshot(table: DeltaTable, *, table_id: str) -> Applied | None:
    """The row of the newest snapshot that is in the table of this id: highest version of its ``run_completed``; None: there is none."""
    frame = table.frame()
    if frame is None:
        return None
    mine = frame.where(F.col("snapshot_version").isNotNull() & (F.col("table_id") == table_id))
    return _first(mine.orderBy(F.desc("snapshot_version"), F.desc("started_at")))


def since(table: DeltaTable, started_at: datetime) -> list[Applied]:
    """The rows written from an instant on, in order of the log."""
    frame = table.frame()
    if frame is None:
        return []
    rows = frame.where(F.col("started_at") >= F.lit(started_at)).collect()
    return sorted(map(_row, rows), key=lambda row: row.started_at)


def quarantined_by(table: DeltaTable, attempt: str) -> tuple[int, int]:
    """Rows that the batches of a promotion took so far, and those of them that they set aside."""
    frame = table.frame()
    if frame is None:
        return 0, 0
    totals = frame.where(F.col("attempt") == attempt).agg(F.sum("rows"), F.sum("quarantined")).collect()[0]
    return int(totals[0] or 0), int(totals[1] or 0)


def _first(frame: DataFrame) -> Applied | None:
    rows = frame.limit(1).collect()
    return _row(rows[0]) if rows else None


def _row(row: Row) -> Applied:
    """The row; what an older version did not write is as its default, what a newer one adds is not looked at."""
    return Applied(**{name: value for name, value in row.asDict().items() if name in NAMES and (value is not None or name not in _DEFAULT)})


HARMLESS = SAME_ROWS | {"ADD COLUMNS", "MERGE"}
"""Operations that do not change a table's content, or that a promotion does itself."""


def check_table(target: DeltaTable, last: Applied, identity: str) -> list[str]:
    """Raises if the table is not the one that *last* left; returns sentences about what others did to it.

    TableRolledBackError: it is older, another, or was restored. ChangedTableError: the configuration now describes another table.
    """
    if last.identity != identity:
        raise ChangedTableError(
            [
                Problem(
                    path=target.path,
                    message=f"was built with {last.identity}, the configuration now says {identity}; nothing was changed: "
                    "give the entity a new `version` to build a new table beside this one",
                )
            ]
        )
    advice = "run promote with --replay, which reads Bronze again into this table"
    if target.frame() is None:
        raise TableRolledBackError(f"{target.path} is gone, though log versions up to {last.last_version} were applied to it; {advice}")
    version, table_id = target.version(), target.table_id()
    if table_id != last.table_id or version < last.table_version:
        raise TableRolledBackError(
            f"{target.path} is at version {version} (table {table_id[:8]}), but {last.table_version} (table {last.table_id[:8]}) was "
            f"applied up to log version {last.last_version}; {advice}"
        )
    later = target.operations_since(last.table_version) if version > last.table_version else []
    if any(operation == "RESTORE" for _, operation in later):
        raise TableRolledBackError(f"{target.path} was restored after log version {last.last_version} was applied; {advice}")
    return [f"{target.path} was changed by others: {operation} at version {at}" for at, operation in later if operation not in HARMLESS]
