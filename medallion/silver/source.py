"""Where micro-batches end: the checkpoint's offset is how far in the log a table goes.

The streaming source (`medallion.silver.stream`) runs in a process without the JVM and must read no storage, so the driver plans
the ends before it starts the query and hands them over as an option. A batch that failed is replayed with exactly the range
that the checkpoint recorded, even when the plan has changed since.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

from medallion.bronze.entry import ChunkEntry, Entry, RunCompleted
from medallion.bronze.log import Stored
from medallion.config.values import parse_instant


def comes_by_itself(entry: Entry, *, by_run: bool) -> TypeGuard[ChunkEntry]:
    """Whether the chunks of this entry are delivered where they stand: those of events are, unless the table goes *by_run*."""
    return isinstance(entry, ChunkEntry) and entry.load_pattern != "full" and not by_run


def delivers_run(entry: Entry, *, by_run: bool) -> TypeGuard[RunCompleted]:
    """Whether this entry delivers the whole run that it completes.

    Snapshots are, unless they repeat the one before; where the table goes *by_run*, these are too, and so is every run of events with rows.
    """
    if not isinstance(entry, RunCompleted):
        return False
    return (by_run or entry.same_as is None) if entry.load_pattern == "full" else by_run and entry.rows > 0


def snapshots(entries: Sequence[Stored]) -> list[Stored]:
    """The completed full runs among *entries* that say something, by logical time and then by version, wherever they stand in the log.

    A run that repeats an earlier one says something where another snapshot lies between the two; if its logical time is before that
    of the one it repeats it never does.
    """
    done = [(parse_instant(one.entry.logical_date), one.version, one, one.entry) for one in entries if _is_full_run(one.entry)]
    told, known, shown = list[Stored](), set[str](), ""
    for _, _, one, entry in sorted(done, key=lambda run: run[:2]):
        if entry.same_as is None or (entry.same_as in known and entry.same_as != shown):
            told.append(one)
            shown = entry.same_as or entry.run_id
            known.add(shown)
    return told


def refolded(entries: Sequence[Stored]) -> list[tuple[dict[str, Any], int]]:
    """Where micro-batches end that fold all snapshots of *entries* in their order, and the version of the one that each of them takes.

    Of one logical time only the last is taken. The last end is that of the newest completed run.
    """
    taken = list({parse_instant(one.entry.logical_date): one.version for one in snapshots(entries) if _is_full_run(one.entry)}.values())
    done = [one for one in entries if _is_full_run(one.entry)]
    return [(_offset(at), version) for at, version in zip(done[len(done) - len(taken) :], taken, strict=True)]


def _is_full_run(entry: Entry) -> TypeGuard[RunCompleted]:
    return isinstance(entry, RunCompleted) and entry.load_pattern == "full"


def ends(entries: Sequence[Stored], *, max_files: int, max_bytes: int, by_run: bool = False) -> list[dict[str, Any]]:
    """The offsets at which micro-batches end that deliver *entries*, the last of them at the newest entry.

    A batch takes at most *max_files* and *max_bytes*, but always one entry; each run that is delivered as a whole has a batch of its own,
    since snapshots are applied one at a time. No end where nothing is delivered.
    """
    planned: list[dict[str, Any]] = []
    files = size = 0
    delivers = False
    for position, stored in enumerate(entries):
        entry = stored.entry
        if comes_by_itself(entry, by_run=by_run):
            added = len(entry.chunks), sum(chunk.file.bytes for chunk in entry.chunks)
            if files and (files + added[0] > max_files or size + added[1] > max_bytes):
                planned.append(_offset(entries[position - 1]))
                files = size = 0
            files, size, delivers = files + added[0], size + added[1], True
        elif delivers_run(entry, by_run=by_run):
            planned.append(_offset(stored))
            files, size, delivers = 0, 0, False
    if delivers:
        planned.append(_offset(entries[-1]))
    return planned


def _offset(stored: Stored) -> dict[str, Any]:
    return {"version": stored.version, "sha256": stored.sha256}
