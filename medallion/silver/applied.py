"""What was applied to a table: one row a micro-batch, written last; `status` reads it, and the next promotion starts from it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql import functions as F

from medallion.config.expectation import Expectation
from medallion.errors import TableRolledBackError
from medallion.silver.publish import SAME_ROWS, DeltaTable

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row

_TYPES: Mapping[str, pa.DataType] = {"int": pa.int64(), "float": pa.float64(), "str": pa.string(), "bool": pa.bool_()} | {
    "datetime": pa.timestamp("us", tz="UTC"),
    "Mapping[str, int]": pa.map_(pa.string(), pa.int64()),
}
"""The columns' types, by what a row is here."""


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
    expectations: str | None = None
    """The rules by which rows were left out or set aside, as JSON; None: no row was looked at."""


NAMES = tuple(field.name for field in fields(Applied))
SCHEMA = pa.schema([(field.name, _TYPES[str(field.type).removesuffix(" | None")]) for field in fields(Applied)])

_DEFAULT = ("dropped", "rules", "accepted")


def write(table: DeltaTable, row: Applied) -> None:
    """The row is in the table, whether or not the same range was applied before."""
    told = {name: getattr(row, name) for name in NAMES} | {"rules": list(row.rules.items())}
    # As Arrow: to read a tuple Spark starts a Python.
    table.append(table.spark.createDataFrame(pa.Table.from_pylist([told], schema=SCHEMA)))


def newest(table: DeltaTable) -> Applied | None:
    """The row that goes furthest in the log (of several the latest); None where nothing was applied."""
    frame = table.frame()
    return None if frame is None else _first(frame.orderBy(F.desc("last_version"), F.desc("started_at")))


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A snapshot that was applied: the version of its ``run_completed``, and its logical time."""

    version: int
    logical_date: datetime


def snapshot_of(row: Applied) -> Snapshot | None:
    """The snapshot that a batch applied."""
    if row.snapshot_version is None or row.snapshot_logical_date is None:
        return None
    return Snapshot(version=row.snapshot_version, logical_date=row.snapshot_logical_date)


def newest_snapshot(table: DeltaTable, *, table_id: str) -> Snapshot | None:
    """The newest snapshot that is in the table of this id: of the latest logical time, then the highest version; None: there is none."""
    frame = table.frame()
    if frame is None:
        return None
    mine = frame.where(F.col("snapshot_version").isNotNull() & (F.col("table_id") == table_id))
    row = _first(mine.orderBy(F.desc("snapshot_logical_date"), F.desc("snapshot_version"), F.desc("started_at")))
    return None if row is None else snapshot_of(row)


def holds(table: DeltaTable, snapshot: Snapshot, *, table_id: str) -> bool:
    """Whether this snapshot, or one that replaced it, is in the table of this id."""
    frame = table.frame()
    if frame is None:
        return False
    at = F.col("snapshot_logical_date") == F.lit(snapshot.logical_date)
    mine = frame.where((F.col("table_id") == table_id) & at & (F.col("snapshot_version") >= snapshot.version))
    return not mine.isEmpty()


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


@dataclass(frozen=True, kw_only=True)
class Ruled:
    """Rules, and the ranges of log versions (both ends included) that were applied by them."""

    expectations: tuple[Expectation, ...]
    ranges: tuple[tuple[int, int], ...]


def spelled(expectations: Sequence[Expectation]) -> str:
    """Rules that keep rows from the table, as one text; others make no difference to it."""
    keeping = [rule.model_dump(mode="json") for rule in expectations if rule.action in ("drop", "quarantine")]
    return json.dumps(keeping, sort_keys=True, separators=(",", ":"))


def ruled(table: DeltaTable) -> list[Ruled]:
    """By which rules rows came into the table, the newest last. Where a range was applied by several, each may have let a row pass."""
    frame = table.frame()
    if frame is None:
        return []
    if "expectations" not in frame.columns:  # a table of an older version, which had no such rules
        return []
    told = frame.where(F.col("expectations").isNotNull())
    rows = told.select("first_version", "last_version", F.col("expectations").alias("told"), "started_at").collect()
    by_rules: dict[str, list[tuple[int, int]]] = {}
    for row in sorted(rows, key=lambda row: row["started_at"]):
        ranges = by_rules.pop(row["told"], [])
        by_rules[row["told"]] = [*ranges, (row["first_version"], row["last_version"])]
    return [
        Ruled(expectations=tuple(Expectation.model_validate(rule) for rule in json.loads(told)), ranges=_joined(ranges))
        for told, ranges in by_rules.items()
    ]


def _joined(ranges: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The same versions in as few ranges as can be."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(joined[-1][1], last)
        else:
            joined.append((first, last))
    return tuple(joined)


def _first(frame: DataFrame) -> Applied | None:
    rows = frame.limit(1).collect()
    return _row(rows[0]) if rows else None


def _row(row: Row) -> Applied:
    """The row; what an older version did not write is as its default, what a newer one adds is not looked at."""
    return Applied(**{name: value for name, value in row.asDict().items() if name in NAMES and (value is not None or name not in _DEFAULT)})


HARMLESS = SAME_ROWS | {"ADD COLUMNS", "MERGE"}
"""Operations that do not change a table's content, or that a promotion does itself."""


def check_table(target: DeltaTable, last: Applied) -> list[str]:
    """Raises TableRolledBackError if the table is older than *last* left it, another, or was restored; returns what others did to it."""
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
