"""A chunk as local files, hashed while they are written: what is uploaded later is what was hashed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from medallion.bronze import csv
from medallion.bronze.entry import Format
from medallion.errors import DiskFullError, StorageError
from medallion.failpoint import failpoint
from medallion.schema import ROW

_GATHERED = 1024 * 1024
"""Bytes that the writer of a format gathers before they are hashed and written: each such call waits for the interpreter's lock."""
ROW_GROUP = 16_384
"""Rows of a group, at most: what is still to be written when a chunk's last page comes."""
DICTIONARY_BYTES = 64 * 1024
"""A column whose different values take more than that in a group goes on without a dictionary: it would cost time and save nothing."""
GROUP_BYTES = 32 * 1024**2
"""A group is written when its rows take so much memory, however few they are."""


@dataclass(frozen=True, kw_only=True)
class LocalFile:
    """A complete file on the driver; *sha256* is of the bytes that were written."""

    format: Format
    path: Path
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Spooled:
    """The same rows in one file of each format."""

    rows: int
    files: tuple[LocalFile, ...]

    @property
    def bytes(self) -> int:
        """Of the largest file."""
        return max(file.bytes for file in self.files)


class _Hashing(io.RawIOBase):
    """A file that only grows, and knows the hash and size of what it was given."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.size

    def end(self) -> None:
        """The file is closed; what is still written to it, by a writer that is let go, goes nowhere."""
        self._file.close()

    def write(self, data: object) -> int:
        view = memoryview(data)  # type: ignore[arg-type]
        if not self._file.closed:
            self._file.write(view)
        self.sha256.update(view)
        self.size += view.nbytes
        return view.nbytes


class _Writer(Protocol):
    """What pyarrow writes Parquet with, and CSV."""

    def write_table(self, table: pa.Table, row_group_size: int) -> None:
        """*table* comes next."""

    def close(self) -> None:
        """The file is complete."""


class _Growing:
    """A file of one format that grows."""

    def __init__(self, format_: Format, path: Path, schema: pa.Schema, compression: str) -> None:
        self.format, self.path = format_, path
        self.file = _Hashing(path.open("xb"))
        try:
            self._gathered = pa.BufferedOutputStream(pa.PythonFile(self.file, mode="w"), _GATHERED)
            self._writer: _Writer = (
                pyarrow.parquet.ParquetWriter(
                    self._gathered,
                    schema,
                    compression=compression,
                    use_dictionary=[leaf for leaf in _leaves(schema) if leaf != ROW],
                    column_encoding={ROW: "DELTA_BINARY_PACKED"},  # the numbers of rows follow each other: next to nothing is left of them
                    dictionary_pagesize_limit=DICTIONARY_BYTES,
                )
                if format_ == "parquet"
                else pyarrow.csv.CSVWriter(self._gathered, csv.text_schema(schema), write_options=csv.OPTIONS)
            )
        except BaseException:
            self.discard()
            raise

    def write(self, table: pa.Table) -> None:
        """*table* is the next row group."""
        self._writer.write_table(table if self.format == "parquet" else csv.texts(table), max(len(table), 1))

    def close(self) -> LocalFile:
        """The file is complete."""
        self._writer.close()
        self._gathered.close()
        self.file.end()
        return LocalFile(format=self.format, path=self.path, bytes=self.file.size, sha256=self.file.sha256.hexdigest())

    def discard(self) -> None:
        """There is no file any more."""
        self.file.end()
        self.path.unlink(missing_ok=True)


def _leaves(schema: pa.Schema) -> list[str]:
    """The columns of a Parquet file of *schema* as its writer names them, those inside others by their paths."""
    described = pa.BufferOutputStream()
    pyarrow.parquet.write_metadata(schema, described)
    columns = pyarrow.parquet.read_metadata(pa.BufferReader(described.getvalue())).schema
    return [columns.column(index).path for index in range(len(columns))]


class OpenFile:
    """Rows that grow, with a ``_row`` from 0 on, in a file of each format: *path* with its ending. Any error leaves no file."""

    def __init__(self, path: Path, schema: pa.Schema, *, compression: str, formats: Sequence[Format] = ("parquet",)) -> None:
        self._path = path
        self._files: list[_Growing] = []
        with self._whole():
            for format_ in formats:
                schema_ = schema.append(pa.field(ROW, pa.int64()))
                self._files.append(_Growing(format_, path.with_suffix(f".{format_}"), schema_, compression))
        self.rows = 0

    def write(self, table: pa.Table) -> None:
        """*table* is the next row group. Raises DiskFullError or StorageError."""
        rows = pc.add(_numbers(len(table)), pa.scalar(self.rows, pa.int64()))
        with self._whole():
            for file in self._files:
                file.write(table.append_column(ROW, rows))
            if self.rows == 0:
                failpoint("chunk.spool")
        self.rows += len(table)

    def close(self) -> Spooled:
        """The files are complete. Raises DiskFullError or StorageError."""
        with self._whole():
            done = tuple(file.close() for file in self._files)
        failpoint("chunk.spooled")
        return Spooled(rows=self.rows, files=done)

    @contextlib.contextmanager
    def _whole(self) -> Iterator[None]:
        try:
            with _typed(self._path):
                yield
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """There is no file any more."""
        for file in self._files:
            file.discard()


@dataclass(kw_only=True)
class OpenFiles:
    """The files of the chunk that is open: one, and more where a single page has more than *rows* rows."""

    folder: Path
    rows: int
    compression: str
    formats: tuple[Format, ...] = ("parquet",)
    _made: int = 0
    _file: OpenFile | None = None
    _done: list[Spooled] = field(default_factory=list)
    _group: list[pa.Table] = field(default_factory=list)
    _rows: int = 0
    _bytes: int = 0

    def add(self, table: pa.Table) -> None:
        """*table* comes next; it is in the schema of those before. Raises DiskFullError or StorageError."""
        self._group.append(table)
        self._rows += len(table)
        self._bytes += table.nbytes
        if self._rows >= ROW_GROUP or self._bytes >= GROUP_BYTES:
            self._write(least=1 if self._bytes >= GROUP_BYTES else ROW_GROUP)

    def close(self) -> list[Spooled]:
        """The chunk's files, in order, all complete; the next table begins another chunk."""
        self._write(least=1)
        self._roll()
        done, self._done = self._done, []
        return done

    def discard(self) -> None:
        """What is open is gone."""
        if self._file is not None:
            self._file.discard()

    def _write(self, *, least: int) -> None:
        """Writes groups while *least* rows wait."""
        table = pa.concat_tables(self._group) if self._group else None
        while table is not None and len(table) >= least:
            if self._file is None:
                path = self.folder / f"{self._made:05d}"
                self._file = OpenFile(path, table.schema, compression=self.compression, formats=self.formats)
                self._made += 1
            group = table.slice(0, min(ROW_GROUP, self.rows - self._file.rows))
            self._file.write(group)
            table = table.slice(len(group))
            if self._file.rows == self.rows:
                self._roll()
        self._group = [table] if table is not None and len(table) else []
        self._rows, self._bytes = sum(map(len, self._group)), sum(one.nbytes for one in self._group)

    def _roll(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            self._done.append(file.close())


@contextlib.contextmanager
def _typed(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(f"no space left for {path}; make room, or set TMPDIR to another disk, and run again: it resumes") from error
        raise StorageError(f"cannot write {path}: {error}") from error


_first_numbers = pa.array(range(ROW_GROUP), pa.int64())


def _numbers(count: int) -> pa.Array:
    return _first_numbers.slice(0, count)
