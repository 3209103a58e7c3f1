"""Where a Bronze table stands, from its log alone: no Spark, and at a cost that does not grow with its history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from medallion.bronze.log import LogReader
from medallion.bronze.state import changes_of, open_state
from medallion.layout import BronzeLayout
from medallion.storage.filesystem import FileSystem


@dataclass(frozen=True, kw_only=True)
class RunStatus:
    """One run of a table. *rows* and *chunks* are those in the log so far; instants are ISO 8601."""

    run_id: str
    state: str
    """completed, unchanged (its content is that of *same_as*) or open."""
    load_pattern: str
    logical_date: str
    started_version: int
    rows: int
    chunks: int
    backfill: bool
    end: str | None
    last_at: str
    """When its last entry was written."""
    rescued: int = 0
    """Rows of these with a value in ``_rescued``."""
    same_as: str | None = None
    attempt: str | None = None
    """Of an open run: the attempt that worked on it last."""
    host: str | None = None
    pid: int | None = None


@dataclass(frozen=True, kw_only=True)
class TableStatus:
    """A Bronze table. *newest* is the version of its last log entry, -1 where there is none yet."""

    system: str
    table: str
    newest: int
    watermark: str | None
    parents: int | None
    """How many parents have a watermark of their own; None: there is one for the table, or none."""
    columns: Mapping[str, str]
    """Column name to landing type, in order."""
    schema_id: int | None
    changes: tuple[str, ...]
    """What the newest change of the columns was, by contract or declaration."""
    last: RunStatus | None
    """The newest completed run."""
    open: RunStatus | None
    """The run that the next extraction resumes or abandons."""


def table_status(fs: FileSystem, layout: BronzeLayout) -> TableStatus:
    """The status of one table. Raises ChainError, LogEntryError, NewerFormatError or StorageError."""
    reader = LogReader(fs, layout)
    state = open_state(reader)
    done, run = state.last_completed, state.open
    last = open_run = None
    if done is not None:
        last = RunStatus(
            run_id=done.run_id,
            state="completed" if done.same_as is None else "unchanged",
            load_pattern=done.load_pattern,
            logical_date=done.logical_date,
            started_version=done.first_version,
            rows=done.rows,
            chunks=done.chunks,
            backfill=done.backfill,
            end=done.end,
            last_at=done.at,
            rescued=done.rescued,
            same_as=done.same_as,
        )
    if run is not None:
        open_run = RunStatus(
            run_id=run.started.run_id,
            state="open",
            load_pattern=run.started.load_pattern,
            logical_date=run.started.logical_date,
            started_version=run.version,
            rows=run.rows,
            chunks=run.chunks,
            backfill=run.started.backfill,
            end=run.started.end,
            last_at=run.last_at,
            rescued=run.rescued,
            attempt=run.attempt,
            host=run.writer.host,
            pid=run.writer.pid,
        )
    return TableStatus(
        system=layout.system,
        table=layout.table,
        newest=state.newest,
        watermark=state.watermark,
        parents=None if state.watermarks is None else state.watermarks.parents,
        columns={name: str(kind) for name, kind in state.columns.items()},
        schema_id=state.schema_id,
        changes=changes_of(reader, state.schema_id),
        last=last,
        open=open_run,
    )
