"""A chunk as a local file, hashed while it is written: what is uploaded later is what was hashed."""

from __future__ import annotations

import errno
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet

from medallion.errors import DiskFullError, StorageError
from medallion.failpoint import failpoint
from medallion.schema import ROW

ROW_GROUP = 65_536


@dataclass(frozen=True, kw_only=True)
class Spooled:
    """A complete file on the driver; *sha256* is of the bytes that were written."""

    path: Path
    rows: int
    bytes: int
    sha256: str


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

    def write(self, data: object) -> int:
        view = memoryview(data)  # type: ignore[arg-type]
        self._file.write(view)
        self.sha256.update(view)
        self.size += view.nbytes
        return view.nbytes


def spool(table: pa.Table, path: Path, *, compression: str) -> Spooled:
    """*table* is at *path* as Parquet, with a ``_row`` from 0 on.

    Raises DiskFullError or StorageError; the file is gone then.
    """
    numbered = table.append_column(ROW, pa.array(range(len(table)), pa.int64()))
    try:
        with path.open("xb") as file:
            hashing = _Hashing(file)
            with pyarrow.parquet.ParquetWriter(hashing, numbered.schema, compression=compression) as writer:
                for number, batch in enumerate(_groups(numbered)):
                    writer.write_table(batch)
                    if number == 0:
                        failpoint("chunk.spool")
    except OSError as error:
        path.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(f"no space left for {path}; make room, or set TMPDIR to another disk, and run again: it resumes") from error
        raise StorageError(f"cannot write {path}: {error}") from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    failpoint("chunk.spooled")
    return Spooled(path=path, rows=len(table), bytes=hashing.size, sha256=hashing.sha256.hexdigest())


def pieces(table: pa.Table, *, rows: int) -> Iterator[pa.Table]:
    """*table* in as few parts of nearly equal size as hold at most *rows* each."""
    parts = max(1, -(-len(table) // rows))
    size = -(-len(table) // parts) if len(table) else 0
    for start in range(0, max(len(table), 1), max(size, 1)):
        yield table.slice(start, size)


def _groups(table: pa.Table) -> Iterator[pa.Table]:
    for start in range(0, max(len(table), 1), ROW_GROUP):
        yield table.slice(start, ROW_GROUP)
