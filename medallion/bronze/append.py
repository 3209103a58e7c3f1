"""The log of a table is written: each attempt puts its own next version and no other, so that a slow one cannot write past a newer one."""

from __future__ import annotations

import contextlib
from typing import TypedDict

import msgspec

from medallion.bronze.entry import Asked, ChunkEntry, Entry, RunAbandoned, RunCompleted, RunResumed, RunStarted, decode, encode, seal
from medallion.bronze.log import Stored
from medallion.clock import Clock
from medallion.config.values import show_instant
from medallion.errors import AlreadyExistsError, FencedError, LogEntryError, StateError, StorageError
from medallion.failpoint import failpoint
from medallion.layout import BronzeLayout
from medallion.storage.filesystem import FileSystem

LARGEST = 16 * 1024**2
"""Bytes of an entry; a longer list of chunks becomes several entries."""
HINT_EVERY = 16


class Stamp(TypedDict):
    """The fields of a header that differ from entry to entry."""

    prev_sha256: str
    run_id: str
    attempt: str
    at: str


class LogWriter:
    """One attempt's pen. After its first refusal, or a put of which nobody knows whether it landed, it writes nothing more."""

    def __init__(self, fs: FileSystem, layout: BronzeLayout, *, attempt: str, newest: int, sha256: str, clock: Clock) -> None:
        self._fs = fs
        self._layout = layout
        self._clock = clock
        self._sha256 = sha256
        self._broken = False
        self.attempt = attempt
        self.version = newest
        """The last version that is known: ours, or at first the one that was found."""

    def stamp(self, run_id: str) -> Stamp:
        """The header of the next entry."""
        return Stamp(prev_sha256=self._sha256, run_id=run_id, attempt=self.attempt, at=show_instant(self._clock.now()))

    def append(self, entry: Entry) -> Stored:
        """*entry*, made with the current :meth:`stamp`, is in the log at the next version; the last of them, where it became several.

        Raises FencedError where another attempt has put that version, StorageError where the store cannot; both end this writer.
        """
        if self._broken:
            raise StateError("this attempt has lost the log and writes nothing more; run again: it resumes after the last entry")
        data = encode(entry)
        if len(data) > LARGEST:
            if not isinstance(entry, ChunkEntry) or len(entry.chunks) < 2:
                raise StateError(f"a log entry of {len(data)} bytes is larger than the log holds ({LARGEST}); nothing was written")
            first, second = halves(entry)
            sealed = self.append(first)
            return self.append(msgspec.structs.replace(second, prev_sha256=sealed.sha256))
        failpoint("entry.before")
        self._broken = True  # until it is known that the entry stands: after a lost answer there is no safe next put
        self._put(self.version + 1, data)
        self._broken = False
        failpoint("entry.after")
        self.version += 1
        self._sha256 = seal(data)
        if self.version % HINT_EVERY == 0 or isinstance(entry, (RunStarted, RunResumed, RunCompleted, RunAbandoned)):
            with contextlib.suppress(StorageError):  # only a hint: readers find the newest entry without it
                self._fs.put(self._layout.hint, b"%d\n" % self.version)
        return Stored(version=self.version, entry=entry, sha256=self._sha256)

    def _put(self, version: int, data: bytes) -> None:
        path = self._layout.entry(version)
        try:
            self._fs.put_if_absent(path, data)
        except AlreadyExistsError as error:
            stands = self._fs.read(path)
            if stands == data:  # the answer to an earlier try of ours was lost on the way
                return
            name = str(self._fs.root.child(path))
            try:
                other = decode(stands, name=name)
            except LogEntryError:
                raise FencedError(f"{name} was written by something else, and is no log entry; this run ends here") from error
            raise FencedError(
                f"attempt {other.attempt} (run {other.run_id}, at {other.at}) has taken over {self._layout.folder}: {name} is its entry. "
                "What this attempt committed stays; the other one goes on",
                attempt=other.attempt,
            ) from error


def halves(entry: ChunkEntry) -> tuple[ChunkEntry, ChunkEntry]:
    """Two entries with the chunks of one; only the second moves the resume points."""
    middle = len(entry.chunks) // 2
    parts = (
        [msgspec.structs.replace(chunk, ordinal=ordinal) for ordinal, chunk in enumerate(chunks)]
        for chunks in (entry.chunks[:middle], entry.chunks[middle:])
    )
    first, second = parts
    nothing = Asked(pages=0, first={}, last={})
    rest = msgspec.structs.replace(entry, resume={}, watermark=None, asked=nothing, candidates=None, rescued=0, taken=[])
    return msgspec.structs.replace(rest, chunks=first), msgspec.structs.replace(entry, chunks=second)
