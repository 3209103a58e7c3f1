"""Which files were taken, for good and by each run: kept in the log in parts of growing size, so that a run reads few and writes few.

A file is its path, size and time of change, as twelve bytes of their SHA-256. A run that is complete writes its files as one part, together
with those parts before it that are not much larger: after any number of runs there are about as many parts as the number of files
has binary digits, and each file was written that often.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from medallion.bronze.entry import FilesEntry
from medallion.bronze.log import LogReader
from medallion.bronze.state import open_state
from medallion.errors import ChainError
from medallion.source.protocol import FileVersion

KEY = 12
"""Bytes of a key."""
MOST = 400_000
"""Keys of a part, at most: an entry of the log holds 16 MB."""


def key(file: FileVersion) -> bytes:
    """What tells a version of a file from any other."""
    return hashlib.sha256(msgspec.json.encode(file)).digest()[:KEY]


@dataclass(kw_only=True)
class Taken:
    """The files that were taken: a container of FileVersions. *parts* are versions of the log with the keys that they hold."""

    parts: list[tuple[int, frozenset[bytes]]]
    new: set[bytes] = field(default_factory=set)
    """Those of the run that is open."""

    @classmethod
    def read(cls, reader: LogReader, versions: Sequence[int]) -> Taken:
        """The parts at *versions*. Raises ChainError, LogEntryError, NewerFormatError or StorageError."""
        parts = []
        for version in versions:
            entry = reader.one(version).entry
            if not isinstance(entry, FilesEntry):
                raise ChainError(f"{reader.name(version)} lists no files, though a later entry names it as one that does")
            parts.append((version, frozenset(_split(entry.keys))))
        return cls(parts=parts)

    def __contains__(self, file: object) -> bool:
        assert isinstance(file, tuple), "only files are asked for"
        wanted = key(FileVersion(*file))
        return wanted in self.new or any(wanted in keys for _, keys in self.parts)

    def add(self, files: Iterable[FileVersion]) -> None:
        """The run took these files, too."""
        self.new.update(map(key, files))

    def settled(self, write: Callable[[bytes], int]) -> list[int]:
        """The parts that hold everything once the run is complete, new ones put into the log by *write*, which gives their versions."""
        keys, parts = set(self.new), list(self.parts)
        while keys and parts and len(parts[-1][1]) <= min(2 * len(keys), MOST - len(keys)):
            keys |= parts.pop()[1]
        together = sorted(keys)
        written = [write(b"".join(together[at : at + MOST])) for at in range(0, len(together), MOST)]
        return [version for version, _ in parts] + written


def nothing_new(reader: LogReader, files: Iterable[FileVersion]) -> bool:
    """Whether all *files* were taken by runs that are complete, so that there is nothing to extract. Raises as :meth:`Taken.read` does."""
    state = open_state(reader)
    if state.open is not None or state.last_completed is None:
        return False
    taken = Taken.read(reader, state.taken)
    return all(one in taken for one in files)


def _split(keys: bytes) -> Iterator[bytes]:
    return (keys[at : at + KEY] for at in range(0, len(keys), KEY))
