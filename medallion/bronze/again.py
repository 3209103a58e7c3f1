"""Rows that were set aside land again: mended or as they stand, as a run of their own in the log of their table."""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Literal

import pyarrow as pa

from medallion.bronze.append import LogWriter
from medallion.bronze.closing import close, tidy
from medallion.bronze.courtesy import admit, working
from medallion.bronze.entry import Asked, ChunkEntry, RunAbandoned, RunStarted
from medallion.bronze.ledger import Ledger
from medallion.bronze.log import AT_ONCE, LogReader
from medallion.bronze.mend import Position
from medallion.bronze.opening import Opened
from medallion.bronze.spool import OpenFiles
from medallion.bronze.state import TableState, open_state
from medallion.bronze.upload import upload
from medallion.bronze.writer import this_process
from medallion.clock import Clock
from medallion.config.platform import Bronze
from medallion.config.values import parse_instant, show_instant
from medallion.errors import BusyError
from medallion.events import Listener, Noticed
from medallion.layout import BronzeLayout
from medallion.storage.filesystem import FileSystem

LANE = "quarantine"
"""What a chunk of rows that land again was asked for, in place of a source's lane: the entity, and the positions of its rows in order."""


def landed_at(reader: LogReader, run_id: str, *, after: int) -> int | None:
    """The version of the chunk entry of a run of :func:`land`, among those after a version; None: it came to nothing."""
    newest = reader.newest()
    for start in range(after + 1, newest + 1, AT_ONCE):
        for stored in reader.read(start, min(start + AT_ONCE - 1, newest)):
            if isinstance(stored.entry, ChunkEntry) and stored.entry.run_id == run_id:
                return stored.version
    return None


def land(
    fs: FileSystem,
    layout: BronzeLayout,
    table: pa.Table,
    positions: Sequence[Position],
    *,
    run_id: str,
    entity: str,
    source: str,
    load_pattern: Literal["cdc", "current_history"],
    bronze: Bronze,
    clock: Clock,
    listener: Listener,
) -> int:
    """*table*, the rows at *positions* as they shall land, is in the log as chunks of a completed run that moves no watermark.

    The version of the chunks' entry is given back. Raises BusyError while an extraction is open, which would lose its resume points,
    FencedError, StateError or StorageError.
    """
    attempt = uuid.uuid4().hex
    with working(attempt), tempfile.TemporaryDirectory(prefix="medallion-") as folder:
        state = open_state(LogReader(fs, layout))
        writer = LogWriter(fs, layout, attempt=attempt, newest=state.newest, sha256=state.sha256, clock=clock)
        _close_open(writer, state, layout, bronze=bronze, now=clock.now())
        started = RunStarted(
            **writer.stamp(run_id),
            source=source,
            load_pattern=load_pattern,
            logical_date=show_instant(_after(state, clock.now())),
            fingerprint=_fingerprint(positions),
            start=None,
            end=None,
            window_seconds=None,
            backfill=True,
            watermark=state.watermark,
            cursor_field=state.cursor_field,
            watermarks=state.watermarks,
            schema_id=state.schema_id,
            last_completed=state.last_completed_version,
            taken=list(state.taken),
            writer=this_process(),
        )
        opened = Opened(
            writer=writer, started=started, version=writer.append(started).version, state=state, lanes=(), continued=None, abandoned=None
        )
        ledger = Ledger(
            writer=writer, layout=layout, listener=listener, started=started, started_version=opened.version, schema_id=state.schema_id
        )
        files = OpenFiles(folder=Path(folder), rows=bronze.max_rows_per_file, compression=bronze.compression, formats=bronze.formats)
        files.add(table)
        chunks = [(one.rows, upload(fs, layout, one, folder=ledger.folder, number=number)) for number, one in enumerate(files.close())]
        asked = Asked(pages=0, first={LANE: {"entity": entity, "rows": [list(position) for position in positions]}}, last={})
        ledger.enter(chunks, resume={}, watermark=None, final=False, asked=asked)
        version = writer.version
        completed, at = close(
            opened, rows=ledger.rows, chunks=ledger.chunks, schema_id=ledger.schema_id, candidate=None, content=None, same_as=None
        )

        def say(sentence: str) -> None:
            listener(Noticed(subject=source, sentence=sentence))

        tidy(fs, layout, completed, at, source=source, paths=ledger.paths, say=say, listener=listener)
    return version


def _close_open(writer: LogWriter, state: TableState, layout: BronzeLayout, *, bronze: Bronze, now: datetime) -> None:
    """No run is open: one of rows that landed again and was killed is abandoned (what it landed stays), an extraction is left alone."""
    if state.open is None:
        return
    started = state.open.started
    if not started.fingerprint.startswith(f"{LANE} "):
        raise BusyError(
            f"run {started.run_id} of {layout.folder} is not complete: run the extraction again until it is, then replay; "
            "a run in between would lose where it goes on"
        )
    admit(state.open, table=layout.folder, now=now, takeover_after=bronze.takeover_after, take_over=False)
    writer.append(
        RunAbandoned(
            **writer.stamp(started.run_id),
            first_version=state.open.version,
            load_pattern=started.load_pattern,
            logical_date=started.logical_date,
            why="it was killed while rows of a quarantine landed again",
            watermark=state.watermark,
            cursor_field=state.cursor_field,
            watermarks=state.watermarks,
            schema_id=state.schema_id,
            last_completed=state.last_completed_version,
            taken=list(state.taken),
        )
    )


def _after(state: TableState, now: datetime) -> datetime:
    """A logical date later than that of every run before."""
    if state.last_logical_date is None:
        return now
    return max(now, parse_instant(state.last_logical_date) + timedelta(seconds=1))


def _fingerprint(positions: Sequence[Position]) -> str:
    return f"{LANE} {hashlib.sha256(repr(sorted(positions)).encode()).hexdigest()}"


def new_run_id(now: datetime) -> str:
    """A name for a run of :func:`land`; it is chosen before, so that it can be written down before."""
    return f"{now.astimezone(timezone.utc):%Y%m%dt%H%M%Sz}-{uuid.uuid4().hex[:8]}"
