"""How a run ends: completed, or as the same as the run before; and what is said and tidied up after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from medallion import events
from medallion.bronze.entry import Marks, RunCompleted
from medallion.bronze.metadata import write_metadata
from medallion.bronze.opening import Opened
from medallion.bronze.state import TableState
from medallion.bronze.watermark import advanced
from medallion.config.bound import Bound
from medallion.config.values import parse_instant
from medallion.errors import StorageError
from medallion.events import Listener
from medallion.layout import BronzeLayout
from medallion.schema import RESCUED
from medallion.storage.filesystem import FileSystem


def repeated(opened: Opened, *, content: str | None, schema_id: int | None, changed: bool) -> str | None:
    """The run whose content this one repeats, told by the hash of its *content* (None: unknown); None: it is new.

    In logical time the two follow each other, so that nothing of another content can lie between them.
    """
    before = opened.state.last_completed
    if before is None or content is None or content != before.content_sha256 or schema_id != before.schema_id or changed:
        return None
    if before.newest_logical_date is not None or _newer(before, opened.started.logical_date) is not None:
        return None
    return before.same_as or before.run_id


def close(
    opened: Opened,
    *,
    rows: int,
    chunks: int,
    schema_id: int | None,
    candidate: Bound | None,
    content: str | None,
    same_as: str | None,
    watermarks: Marks | None = None,
    taken: Sequence[int] | None = None,
    rescued: int = 0,
) -> tuple[RunCompleted, int]:
    """The run is completed in the log, at the version that is given back. *watermarks* are those of parents; None: as they were.

    *rows*, *chunks* and *rescued* are this attempt's, *candidate* is the highest cursor value before the run's end.
    A backfill moves no watermark. *taken* are the versions of the ``files`` entries in force from here on; None: nothing was taken.
    """
    earlier, started = opened.continued, opened.started
    completed = RunCompleted(
        **opened.writer.stamp(started.run_id),
        first_version=opened.version,
        load_pattern=started.load_pattern,
        logical_date=started.logical_date,
        fingerprint=started.fingerprint,
        chunks=0 if same_as else chunks + (0 if earlier is None else earlier.chunks),
        rows=rows + (0 if earlier is None else earlier.rows),
        end=started.end,
        backfill=started.backfill,
        watermark=advanced(opened.watermark, None if started.backfill else candidate),
        schema_id=schema_id,
        content_sha256=content,
        same_as=same_as,
        same_as_version=None if same_as is None else _original(opened.state),
        cursor_field=started.cursor_field,
        watermarks=watermarks or started.watermarks,
        taken=list(started.taken if taken is None else taken),
        rescued=rescued + (0 if earlier is None else earlier.rescued),
        newest_logical_date=_newer(opened.state.last_completed, started.logical_date),
    )
    return completed, opened.writer.append(completed).version


def _newer(before: RunCompleted | None, logical_date: str) -> str | None:
    """The latest logical date of the completed runs, if it is after this one."""
    newest = None if before is None else before.newest_logical_date or before.logical_date
    return newest if newest is not None and parse_instant(newest) > parse_instant(logical_date) else None


def _original(state: TableState) -> int | None:
    """The version of the completed run whose files the newest one has."""
    before = state.last_completed
    return state.last_completed_version if before is None or before.same_as is None else before.same_as_version


def tidy(
    fs: FileSystem,
    layout: BronzeLayout,
    completed: RunCompleted,
    version: int,
    *,
    source: str,
    paths: Iterable[str],
    say: Callable[[str], None],
    listener: Listener,
) -> None:
    """What is nice to have once the run is complete: a failure here is noticed, it does not undo the run.

    *paths* are the files of this attempt, relative to the table: they go where the run repeats another.
    """
    try:
        if completed.same_as is not None:
            for path in paths:
                fs.delete(layout.within(path))
        write_metadata(fs, layout, completed, version)
    except StorageError as error:
        say(f"run {completed.run_id} is complete, but tidying up after it failed: {error}")
    listener(
        events.RunCompleted(source=source, run_id=completed.run_id, rows=completed.rows, chunks=completed.chunks, same_as=completed.same_as)
    )


def remarks(*, rescued: int, unreadable: int, field: str | None) -> Iterable[str]:
    """What a person should know of all rows: how many have *rescued* values, and how many nothing in the cursor *field* that counts."""
    if rescued:
        yield f"{rescued} rows have values that fit no column: they are in {RESCUED}; declare the columns or see schema_contract"
    if unreadable:
        yield f"{unreadable} rows have nothing in {field} that the cursor could be: they are landed, but do not move the watermark"
