"""Files of a Bronze table that nobody will ever read: left behind by killed and fenced attempts, and by runs that came to nothing."""

from __future__ import annotations

from collections.abc import Sequence

from medallion.bronze.entry import ChunkEntry, ChunkFile, RunAbandoned, RunCompleted, RunStarted
from medallion.bronze.log import LogReader, Stored
from medallion.layout import BronzeLayout
from medallion.storage.filesystem import FileInfo, FileSystem


def listed(stored: Sequence[Stored]) -> list[ChunkFile]:
    """The files that Silver may read: those of abandoned snapshots and of runs that repeat an earlier one are nobody's any more."""
    void = {
        one.entry.first_version
        for one in stored
        if (isinstance(one.entry, RunCompleted) and one.entry.same_as is not None)
        or (isinstance(one.entry, RunAbandoned) and one.entry.load_pattern == "full")
    }
    entries = [one.entry for one in stored if isinstance(one.entry, ChunkEntry) and one.entry.started not in void]
    return [file for entry in entries for chunk in entry.chunks for file in chunk.files]


def orphans(fs: FileSystem, layout: BronzeLayout) -> list[FileInfo]:
    """Files in the folders of closed runs that Silver may not read, but for the watermarks in force; age does not matter.

    A closed run gets no entry any more, so a file that its entries do not list never will be: whoever still writes there was fenced.
    An open run keeps all its files, and so does one that the log does not know. Raises ChainError, LogEntryError or StorageError.
    """
    there = [file for file in fs.files(layout.folder) if _run(file, layout) is not None]  # before the log is read: it may grow meanwhile
    reader = LogReader(fs, layout)
    stored = reader.read(0, reader.newest())
    closed = {one.entry.run_id for one in stored if isinstance(one.entry, RunCompleted | RunAbandoned)}
    kept = {layout.within(file.path) for file in listed(stored)}
    runs = [one.entry for one in stored if isinstance(one.entry, RunStarted | RunCompleted | RunAbandoned)]
    if runs and (marks := runs[-1].watermarks) is not None:
        kept.add(layout.within(marks.path))
    return sorted((file for file in there if _run(file, layout) in closed and file.path not in kept), key=lambda file: file.path)


def _run(file: FileInfo, layout: BronzeLayout) -> str | None:
    """The run in whose folder a file stands, None for any other and for what is told of a run beside its files."""
    parts = file.path.removeprefix(f"{layout.folder}/").split("/")
    in_run = len(parts) > 2 and parts[0].startswith("dt=") and parts[1].startswith("run=")
    told = len(parts) == 3 and parts[2].startswith("_")
    return parts[1].removeprefix("run=") if in_run and not told else None
