"""periodic_snapshot: the rows of completed runs as they came, kept by date or by run; a run is written as a whole, or not at all."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Literal

from pyspark.sql import Column
from pyspark.sql import functions as F

from medallion.bronze.entry import RunCompleted
from medallion.config.silver import Entity
from medallion.config.values import parse_instant
from medallion.errors import ConfigError, Problem
from medallion.failpoint import failpoint
from medallion.silver.events import MARKS, SEQUENCE, col
from medallion.silver.models.tables import EVENT, Counts, Tables, event_columns, published

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

DATE = "snapshot_date"
"""Column: the day (UTC) of the run's logical date."""
RUN = "snapshot_run"
"""Column, where slices are kept by run: the run's id."""
COMPLETED = "run_completed"
"""Field of a row's ``__event.sequence``: the log version that completed the run; beside it ``at``, the run's logical date."""

KeptBy = Literal["date", "run"]


@dataclass(frozen=True, kw_only=True)
class Slice:
    """What one run writes: the rows of its day, or of its day and itself. *version* is that of its ``run_completed``."""

    day: date
    run_id: str | None
    """None: kept by date."""
    version: int
    logical: datetime

    @property
    def columns(self) -> dict[str, Column]:
        """The columns that tell slices apart, with their values here."""
        return {DATE: F.lit(self.day)} | ({} if self.run_id is None else {RUN: F.lit(self.run_id)})

    @property
    def where(self) -> Column:
        """True of the slice's rows in the table."""
        found = F.lit(True)
        for name, value in self.columns.items():
            found = found & (col(name) == value)
        return found


def kept_by(entity: Entity, load_pattern: str) -> KeptBy:
    """``snapshot_by``, or its default: a snapshot's date; of events, which say nothing of what is not in them, the run."""
    return entity.snapshot_by or ("date" if load_pattern == "full" else "run")


def slice_of(run: RunCompleted, version: int, *, by: KeptBy) -> Slice:
    """The slice that a completed run writes."""
    logical = parse_instant(run.logical_date)
    day = logical.astimezone(timezone.utc).date()
    return Slice(day=day, run_id=run.run_id if by == "run" else None, version=version, logical=logical)


def is_stored(tables: Tables, slice_: Slice, chunks: Collection[int]) -> bool:
    """Whether the slice in the table needs no writing: it is of this very run, of a later one, or of the one that this run repeats.

    *chunks* are the log versions that list the run's chunks. They are listed for one run only, so one of them tells whose rows there are.
    """
    there = tables.target.frame()
    if there is None:
        return False
    newest, listed = F.max(F.col(f"{EVENT}.sequence.{COMPLETED}")), F.max(F.col(f"{EVENT}.version"))
    completed, version = there.where(slice_.where).agg(newest, listed).collect()[0]
    return completed is not None and (completed >= slice_.version or version in chunks)


def apply(events: DataFrame, tables: Tables, entity: Entity, slice_: Slice) -> Counts:
    """The slice is these rows and no others. Raises ConfigError where the data has a column of our name."""
    values = [name for name in events.columns if name not in MARKS]
    shown = [entity.rename.get(name, name) for name in values]
    taken = [name for name in slice_.columns if name.lower() in {one.lower() for one in shown}]
    if taken:
        message = f"the data has a column {taken[0]}, the name of one of ours; give it another name here"
        raise ConfigError([Problem(path=f"silver.{entity.entity}.rename", message=message)])
    sequence = F.struct(F.lit(slice_.logical).cast("timestamp").alias("at"), F.lit(slice_.version).cast("bigint").alias(COMPLETED))
    rows = events.withColumn(SEQUENCE, sequence).select(
        *published(values, entity), *[value.alias(name) for name, value in slice_.columns.items()], *event_columns(entity)
    )
    there = tables.target.frame()
    if there is not None:
        tables.target.widen(there, rows.schema)
    failpoint("batch.journal")
    return Counts(written=tables.target.create(rows) if there is None else tables.target.replace(rows, where=slice_.where))


def clear(tables: Tables, slice_: Slice) -> Counts:
    """The slice is empty: its run had no row. Nothing to do where there is no table yet."""
    there = tables.target.frame()
    return Counts() if there is None else Counts(written=tables.target.replace(there.limit(0), where=slice_.where))
