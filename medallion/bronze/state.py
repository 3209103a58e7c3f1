"""What the log says of a table: found from its newest entry backwards, at a cost that grows with the open run and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medallion.bronze.entry import (
    GENESIS,
    ChunkEntry,
    Entry,
    Marks,
    RunAbandoned,
    RunCompleted,
    RunResumed,
    RunStarted,
    SchemaEntry,
    Writer,
)
from medallion.bronze.log import LogReader, Stored
from medallion.config.bound import is_before, parse_bound
from medallion.errors import ChainError
from medallion.schema import Type, parse_type
from medallion.source.protocol import FileVersion, Position


@dataclass(frozen=True, kw_only=True)
class OpenRun:
    """A run that was started and neither completed nor abandoned."""

    version: int
    """Of its ``run_started``."""
    started: RunStarted
    resume: Mapping[str, Position]
    """Where the lanes go on that have pages in the log."""
    rows: int
    rescued: int
    """Rows of them with a value in ``_rescued``."""
    chunks: int
    pages: int
    bytes: int
    """Of chunk files."""
    candidate: str | None
    """The highest cursor value that its entries name."""
    candidates: tuple[Marks, ...]
    """Those of its chunks, a file each."""
    in_order: bool
    """Whether every chunk so far was seen to be sorted."""
    attempt: str
    """The last one that worked on it, and its process."""
    writer: Writer
    last_at: str
    """When its last entry was written."""
    taken: Sequence[FileVersion] = ()
    """Files whose rows are in the log."""


@dataclass(frozen=True, kw_only=True)
class TableState:
    """A table as its log has it. *newest* is -1 for a table that is not there yet."""

    newest: int = -1
    sha256: str = GENESIS
    watermark: str | None = None
    cursor_field: str | None = None
    """Field that the watermark is of; None: unknown."""
    watermarks: Marks | None = None
    """The watermark of each parent."""
    schema_id: int | None = None
    columns: Mapping[str, Type]
    open: OpenRun | None = None
    last_completed: RunCompleted | None = None
    last_completed_version: int | None = None
    last_logical_date: str | None = None
    """Of the newest run, completed, abandoned or open."""
    taken: Sequence[int] = ()
    """The versions of the ``files`` entries in force."""


def latest(*bounds: str | None) -> str | None:
    """The highest of some cursor values, all of one kind; None: none of them is known."""
    highest: str | None = None
    for one in bounds:
        if one is not None and (highest is None or is_before(parse_bound(highest), parse_bound(one))):
            highest = one
    return highest


def open_state(reader: LogReader) -> TableState:
    """The table's state. Raises ChainError, LogEntryError, NewerFormatError or StorageError."""
    newest = reader.newest()
    if newest < 0:
        return TableState(columns={})
    last = reader.one(newest)
    entry = last.entry
    if isinstance(entry, RunCompleted):
        return TableState(
            newest=newest,
            sha256=last.sha256,
            watermark=entry.watermark,
            cursor_field=entry.cursor_field,
            watermarks=entry.watermarks,
            schema_id=entry.schema_id,
            columns=columns_of(reader, entry.schema_id),
            last_completed=entry,
            last_completed_version=newest,
            last_logical_date=entry.logical_date,
            taken=entry.taken,
        )
    if isinstance(entry, RunAbandoned):
        return TableState(
            newest=newest,
            sha256=last.sha256,
            watermark=entry.watermark,
            cursor_field=entry.cursor_field,
            watermarks=entry.watermarks,
            schema_id=entry.schema_id,
            columns=columns_of(reader, entry.schema_id),
            last_completed=_completed(reader, entry.last_completed),
            last_completed_version=entry.last_completed,
            last_logical_date=entry.logical_date,
            taken=entry.taken,
        )
    first = newest if isinstance(entry, RunStarted) else entry.started
    stored = reader.read(first, newest)
    if stored[-1].sha256 != last.sha256:
        raise ChainError(f"{reader.name(newest)} changed while it was read; run again")
    entries = [one.entry for one in stored]
    started = entries[0]
    if not isinstance(started, RunStarted):
        raise ChainError(f"{reader.name(first)} is no run_started entry, though {reader.name(newest)} names it as one")
    schema_id = max((one.version for one in stored if isinstance(one.entry, SchemaEntry)), default=started.schema_id)
    return TableState(
        newest=newest,
        sha256=last.sha256,
        watermark=latest(started.watermark, *(one.watermark for one in entries if isinstance(one, ChunkEntry) and one.watermark_final)),
        cursor_field=started.cursor_field,
        watermarks=started.watermarks,
        schema_id=schema_id,
        columns=_columns(stored, schema_id) or columns_of(reader, schema_id),
        open=_open_run(first, started, entries),
        last_completed=_completed(reader, started.last_completed),
        last_completed_version=started.last_completed,
        last_logical_date=started.logical_date,
        taken=started.taken,
    )


def columns_of(reader: LogReader, schema_id: int | None) -> Mapping[str, Type]:
    """The columns of the ``schema`` entry at a version; none for None."""
    return {} if schema_id is None else _columns([reader.one(schema_id)], schema_id)


def changes_of(reader: LogReader, schema_id: int | None) -> tuple[str, ...]:
    """What the ``schema`` entry at a version changed; nothing for None."""
    entry = None if schema_id is None else reader.one(schema_id).entry
    return tuple(entry.changes) if isinstance(entry, SchemaEntry) else ()


def _columns(stored: Sequence[Stored], schema_id: int | None) -> Mapping[str, Type]:
    for one in stored:
        if one.version == schema_id and isinstance(one.entry, SchemaEntry):
            return {name: parse_type(kind) for name, kind in one.entry.columns}
    return {}


def _completed(reader: LogReader, version: int | None) -> RunCompleted | None:
    if version is None:
        return None
    entry = reader.one(version).entry
    if not isinstance(entry, RunCompleted):
        raise ChainError(f"{reader.name(version)} is no run_completed entry, though a later entry names it as one")
    return entry


def _open_run(version: int, started: RunStarted, entries: Sequence[Entry]) -> OpenRun:
    chunks = [entry for entry in entries if isinstance(entry, ChunkEntry)]
    worker = next(entry for entry in reversed(entries) if isinstance(entry, (RunStarted, RunResumed)))
    resume: dict[str, Position] = {}
    for entry in chunks:
        resume.update(entry.resume)
    return OpenRun(
        version=version,
        started=started,
        resume=resume,
        rows=sum(chunk.rows for entry in chunks for chunk in entry.chunks),
        rescued=sum(entry.rescued for entry in chunks),
        chunks=sum(len(entry.chunks) for entry in chunks),
        pages=sum(entry.asked.pages for entry in chunks),
        bytes=sum(file.bytes for entry in chunks for chunk in entry.chunks for file in chunk.files),
        candidate=latest(*(entry.watermark for entry in chunks)),
        candidates=tuple(entry.candidates for entry in chunks if entry.candidates is not None),
        in_order=all(entry.watermark_final for entry in chunks),
        attempt=worker.attempt,
        writer=worker.writer,
        last_at=entries[-1].at,
        taken=[file for entry in chunks for file in entry.taken],
    )
