"""Any file system, not believed before it was seen: at first use of a root its writers race, and a mark says that they did."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

from medallion.clock import Clock
from medallion.config.values import show_instant
from medallion.errors import NotFoundError
from medallion.storage.filesystem import FileInfo, FileSystem, head
from medallion.storage.location import Location
from medallion.storage.race import FOLDER, check_put_if_absent

MARK = f"{FOLDER}/passed.json"
"""Says of a root that eight writers raced there and one won. It lies in the root, so that it goes where the store goes, for every driver;
it names the root and the provider, so that it says nothing of a copy somewhere else, or of another way to write."""


class ProvenFileSystem:
    """The file system *inner*, which :meth:`put_if_absent` uses only on a root of which a race was won by one; shared between threads.

    Reading asks for no race, so a root that is only read is not written to.
    """

    def __init__(self, inner: FileSystem, *, name: str, clock: Clock) -> None:
        self._inner = inner
        self._name = name
        self._clock = clock
        self._lock = threading.Lock()
        self._proven = False

    @property
    def root(self) -> Location:
        """See FileSystem."""
        return self._inner.root

    def put_if_absent(self, path: str, data: bytes) -> None:
        """See FileSystem. Raises UnsafeStoreError, before *path* is written, where of several writers not exactly one won."""
        with self._lock:
            if not self._proven:
                if not self._marked():
                    self.prove()
                self._proven = True
        self._inner.put_if_absent(path, data)

    def put(self, path: str, data: bytes) -> None:
        """See FileSystem."""
        self._inner.put(path, data)

    def upload(self, local: Path, path: str) -> None:
        """See FileSystem."""
        self._inner.upload(local, path)

    def read(self, path: str) -> bytes:
        """See FileSystem."""
        return self._inner.read(path)

    def head(self, path: str, size: int) -> bytes:
        """See :func:`medallion.storage.filesystem.head`."""
        return head(self._inner, path, size)

    def exists(self, path: str) -> bool:
        """See FileSystem."""
        return self._inner.exists(path)

    def files(self, path: str = "") -> Iterator[FileInfo]:
        """See FileSystem."""
        return self._inner.files(path)

    def delete(self, path: str) -> None:
        """See FileSystem."""
        self._inner.delete(path)

    def prove(self, *, writers: int = 8, rounds: int = 5) -> None:
        """Lets *writers* race *rounds* times and leaves the mark. Raises UnsafeStoreError, or what the store raises."""
        check_put_if_absent(self._inner, writers=writers, rounds=rounds)
        told = {**self._subject, "writers": writers, "rounds": rounds, "at": show_instant(self._clock.now())}
        self._inner.put(MARK, json.dumps(told, sort_keys=True).encode() + b"\n")

    @property
    def _subject(self) -> dict[str, str]:
        return {"root": f"{self.root}", "provider": self._name}

    def _marked(self) -> bool:
        try:
            told = json.loads(self._inner.read(MARK))
        except (NotFoundError, ValueError):
            return False
        return isinstance(told, dict) and self._subject.items() <= told.items()
