"""Which files there are, and which of their contents: listed by our own file systems, on the driver."""

from __future__ import annotations

import csv
import io
import posixpath
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import unquote

from medallion.config.file import File
from medallion.config.glob import matcher, parted
from medallion.config.values import show_instant
from medallion.errors import SourceError
from medallion.source.protocol import FileVersion
from medallion.storage.filesystem import FileSystem, head
from medallion.storage.location import Location

OPENING = 64 * 1024
"""Bytes of a file that its header is looked for in, at first."""
LARGEST_HEADER = 4 * 1024**2
AT_ONCE = 16
_COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The files of a configuration. *fs* is rooted where their paths begin."""

    file: File
    fs: FileSystem
    pattern: str

    @classmethod
    def of(cls, file: File, open_root: Callable[[str], FileSystem]) -> Listing:
        """The files that *file* means; nothing is listed but where it may mean a single one. Raises StorageError."""
        assert file.path is not None, "the configuration was checked"
        root, pattern = parted(file.path)
        location = Location.parse(root)
        folder, name = posixpath.split(location.path)
        if pattern is None and file.glob is None and name:
            above = open_root(Location(scheme=location.scheme, authority=location.authority, path=folder).uri)
            if above.exists(name):
                return cls(file=file, fs=above, pattern=name)  # without a wildcard: it would have been parted there
        return cls(file=file, fs=open_root(root), pattern=pattern or file.glob or "**")

    @property
    def shown(self) -> str:
        """The place for people."""
        return f"{self.fs.root.uri}/{self.pattern}"

    def now(self, below: str = "") -> Iterator[FileVersion]:
        """The files that are there, those below a folder alone; names that begin with ``_`` or ``.`` are not for readers.

        Raises StorageError.
        """
        matches = matcher(self.pattern).fullmatch
        for found in self.fs.files(below):
            hidden = any(part.startswith(("_", ".")) for part in found.path.split("/"))
            if not hidden and matches(found.path):
                yield FileVersion(path=found.path, size=found.size, modified=show_instant(found.modified))

    def uri(self, path: str) -> str:
        """What Spark calls a file: nothing in it is encoded."""
        place = self.fs.root.child(path)
        return place.path if place.uri == place.path else unquote(place.uri)

    def check(self, files: Sequence[FileVersion]) -> None:
        """Raises SourceError where one of *files* is not there any more as it was listed."""
        folder = posixpath.commonpath([posixpath.dirname(one.path) for one in files])
        there = {one.path: one for one in self.now(folder)}
        for one in files:
            now = there.get(one.path)
            if now != one:
                what = "is gone" if now is None else f"has {now.size} bytes of {now.modified} in place of {one.size} of {one.modified}"
                raise SourceError(
                    f"{self.uri(one.path)} changed while it was read: it {what}. Nothing of this job landed; run again once it is whole "
                    "(write files under another name, and rename them when they are)"
                )

    def headers(self, files: Sequence[FileVersion]) -> list[tuple[str, ...] | None]:
        """The names of the columns of each file of CSV, None for an empty one. Raises SourceError where a header cannot be told."""
        if not self.file.header:
            return [self.file.columns] * len(files)
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="headers") as pool:
            return list(pool.map(self._header, files))

    def _header(self, one: FileVersion) -> tuple[str, ...] | None:
        if one.size == 0:
            return None
        size = OPENING
        while True:
            text, whole = self.text(one, size)
            row = next(self.rows(text, whole=whole), None)
            if row is not None:
                return unique(row)
            if whole:
                return None
            if size >= LARGEST_HEADER:
                raise SourceError(f"{self.uri(one.path)} has no end of its first line within {size} bytes: is it CSV with a header?")
            size *= 8

    def rows(self, text: str, *, whole: bool) -> Iterator[list[str]]:
        """The lines of CSV, the header among them; blank ones are left out, and what has no end in a text that is not whole."""
        text = text if whole else text[: text.rfind("\n") + 1]
        doubled = self.file.escape == self.file.quote
        reader = csv.reader(
            io.StringIO(text, newline=""),
            delimiter=self.file.delimiter,
            quotechar=self.file.quote,
            doublequote=doubled,
            escapechar=None if doubled else self.file.escape,
        )
        return (row for row in reader if row)

    def text(self, one: FileVersion, size: int) -> tuple[str, bool]:
        """The text at the beginning of a file, from its first *size* bytes, and whether that is all of it."""
        data, whole = head(self.fs, one.path, size), size >= one.size
        ending = posixpath.splitext(one.path)[1]
        if ending in _COMPRESSIONS:
            data, whole = _unpacked(data, _COMPRESSIONS[ending], whole=whole, place=self.uri(one.path))
        encoding = "utf-8-sig" if self.file.encoding == "utf-8" else self.file.encoding
        return data.decode(encoding, "replace" if whole else "ignore"), whole


def unique(names: Sequence[str]) -> tuple[str, ...]:
    """The names of columns, each of them once (case does not count), and none of them empty."""
    found: list[str] = []
    for number, name in enumerate(names, start=1):
        called = name.strip() or f"column_{number}"
        while called.lower() in {other.lower() for other in found}:
            called = f"{called}_{number}"
        found.append(called)
    return tuple(found)


def _unpacked(data: bytes, kind: str, *, whole: bool, place: str) -> tuple[bytes, bool]:
    """What can be had of the beginning of a compressed file."""
    import pyarrow as pa  # it takes longer to import than a preview of anything else

    found = bytearray()
    try:
        with pa.CompressedInputStream(pa.BufferReader(data), kind) as stream:
            while part := stream.read(16 * 1024):
                found += part
    except OSError as error:
        if whole:
            raise SourceError(f"{place} is no {kind} file ({error})") from error
        return bytes(found), False
    return bytes(found), whole
