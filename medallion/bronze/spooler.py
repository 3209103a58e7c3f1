"""The chunk that is open is written while more of it comes: by a thread of its own, so that little is left to do at its end."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol

import pyarrow as pa

from medallion.bronze.spool import OpenFiles, Spooled

_BLOCKS = 8
"""Tables that wait to be written, at most."""
_BYTES = 64 * 1024**2
"""Bytes of memory that they take, at most; a single larger one passes."""


class Sink(Protocol):
    """Where the rows of the open chunk go."""

    def add(self, table: pa.Table) -> None:
        """*table* comes next in the chunk."""

    def close(self) -> Future[list[Spooled]]:
        """The chunk ends here; gives its files once they are complete."""


@dataclass(kw_only=True)
class Spooler:
    """A Sink that makes local files. A context: on leaving it, nothing is written any more.

    After an error of the disk every call raises it, and so does each file that is waited for.
    """

    files: OpenFiles
    _worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="spool"))
    _waiting: deque[tuple[int, Future[None]]] = field(default_factory=deque)
    _bytes: int = 0
    _error: BaseException | None = None

    def __enter__(self) -> Spooler:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._worker.shutdown(wait=True, cancel_futures=True)
        self.files.discard()

    def add(self, table: pa.Table) -> None:
        """*table* will be written; waits while too much is to be written before it. Raises DiskFullError or StorageError."""
        size = table.nbytes
        while self._waiting and (self._waiting[0][1].done() or len(self._waiting) >= _BLOCKS or self._bytes + size > _BYTES):
            written, future = self._waiting.popleft()
            self._bytes -= written
            future.result()
        self._bytes += size
        self._waiting.append((size, self._worker.submit(self._write, table)))

    def close(self) -> Future[list[Spooled]]:
        """The files of the chunk, none where it has no row; the future raises DiskFullError or StorageError."""
        return self._worker.submit(self._close)

    def _write(self, table: pa.Table) -> None:
        self._check()
        try:
            self.files.add(table)
        except BaseException as error:
            self._error = error
            raise

    def _close(self) -> list[Spooled]:
        self._check()
        try:
            return self.files.close()
        except BaseException as error:
            self._error = error
            raise

    def _check(self) -> None:
        if self._error is not None:
            raise self._error
