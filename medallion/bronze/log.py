"""The log of a table is read: the newest entry is found without listing, and every entry is held against the one before."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from medallion.bronze.entry import GENESIS, Entry, decode, seal
from medallion.errors import ChainError, NotFoundError, StorageError
from medallion.layout import BronzeLayout
from medallion.storage.filesystem import FileSystem

AT_ONCE = 32
"""Entries that are fetched together."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """An entry as it stands in the log; *sha256* is of its bytes."""

    version: int
    entry: Entry
    sha256: str


def newest(probe: Callable[[int], bool], hint: int | None) -> int:
    """The highest version for which *probe* is true, -1 for an empty log; entries have no gaps.

    *hint* may be wrong in either direction: it costs probes, never the answer. Their number grows with the logarithm of how
    wrong it is.
    """
    start = max(hint if hint is not None else 0, 0)
    if probe(start):
        low, step = start, 1
        while probe(low + step):
            low, step = low + step, step * 2
        high = low + step
    else:
        high, step = start, 1
        while (low := max(high - step, -1)) >= 0 and not probe(low):
            high, step = low, step * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if probe(middle) else (low, middle)
    return low


def read(
    fetch: Callable[[Sequence[int]], Mapping[int, bytes]],
    first: int,
    last: int,
    *,
    prev_sha256: str | None,
    name: Callable[[int], str],
) -> list[Stored]:
    """The entries *first* to *last*, both included, each sealed by the next.

    *prev_sha256* is the hash that the first one must carry; None: unknown (version 0 must carry none). Raises ChainError, naming
    the file, where one is missing or does not follow; LogEntryError where one is torn; NewerFormatError.
    """
    before = GENESIS if first == 0 and prev_sha256 is None else prev_sha256
    found: list[Stored] = []
    for start in range(first, last + 1, AT_ONCE):
        versions = range(start, min(start + AT_ONCE, last + 1))
        data = fetch(versions)
        for version in versions:
            if version not in data:
                raise ChainError(f"{name(version)} is missing from the log; restore it from a copy: without it nothing after it is trusted")
            entry = decode(data[version], name=name(version))
            if before is not None and entry.prev_sha256 != before:
                raise ChainError(
                    f"{name(version)} does not follow from the entry before it: one of them was edited, or the log was cut and "
                    "written again; restore the log from a copy"
                )
            before = seal(data[version])
            found.append(Stored(version=version, entry=entry, sha256=before))
    return found


class LogReader:
    """The log of one table on a FileSystem."""

    def __init__(self, fs: FileSystem, layout: BronzeLayout) -> None:
        self._fs = fs
        self.layout = layout

    def name(self, version: int) -> str:
        """The file of an entry, for sentences."""
        return str(self._fs.root.child(self.layout.entry(version)))

    def newest(self) -> int:
        """The newest version; -1 for an empty log."""
        return newest(lambda version: self._fs.exists(self.layout.entry(version)), self._hint())

    def read(self, first: int, last: int, *, prev_sha256: str | None = None) -> list[Stored]:
        """The entries *first* to *last*, both included, their chain checked; raises as :func:`read` does."""
        return read(self._fetch, first, last, prev_sha256=prev_sha256, name=self.name)

    def one(self, version: int) -> Stored:
        """A single entry."""
        return self.read(version, version)[0]

    def _fetch(self, versions: Sequence[int]) -> Mapping[int, bytes]:
        found: dict[int, bytes] = {}
        for version in versions:
            with contextlib.suppress(NotFoundError):  # the caller names what is missing
                found[version] = self._fs.read(self.layout.entry(version))
        return found

    def _hint(self) -> int | None:
        try:
            text = self._fs.read(self.layout.hint).decode("ascii", "replace").strip()
        except StorageError:  # only a hint: without it finding takes a few probes more
            return None
        return int(text) if text.isdigit() and len(text) <= 18 else None
