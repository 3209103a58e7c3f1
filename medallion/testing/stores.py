"""Stores for tests: one in memory, and one that fails when it is told to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

from medallion.errors import AlreadyExistsError, NotFoundError, StorageError, StorageUnavailable
from medallion.storage.filesystem import FileInfo, FileSystem, checked
from medallion.storage.location import Location

Fault: TypeAlias = Literal["ok", "refused", "lost"]
"""What becomes of a call: it is served; it is refused and nothing has happened; it is served and its answer is lost."""

WRITTEN = datetime(2026, 11, 23, 8, 0, tzinfo=timezone.utc)
Result = TypeVar("Result")


class MemoryFileSystem:
    """A FileSystem that keeps its promises in a dictionary; *contents* may be looked at and tampered with."""

    def __init__(self, name: str = "test") -> None:
        self.root = Location(scheme="memory", authority=name, path="/")
        self.contents: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def put_if_absent(self, path: str, data: bytes) -> None:
        """See FileSystem."""
        with self._lock:
            if checked(path) in self.contents:
                raise AlreadyExistsError(f"{path} is there already")
            self.contents[path] = data

    def put(self, path: str, data: bytes) -> None:
        """See FileSystem."""
        self.contents[checked(path)] = data

    def upload(self, local: Path, path: str) -> None:
        """See FileSystem."""
        if not local.is_file():
            raise StorageError(f"{local}, which was to be stored as {path}, is not a file")
        self.contents[checked(path)] = local.read_bytes()

    def read(self, path: str) -> bytes:
        """See FileSystem."""
        try:
            return self.contents[checked(path)]
        except KeyError as error:
            raise NotFoundError(f"{path} is not a file") from error

    def exists(self, path: str) -> bool:
        """See FileSystem."""
        return checked(path) in self.contents

    def files(self, path: str = "") -> Iterator[FileInfo]:
        """See FileSystem."""
        folder = f"{checked(path)}/" if path else ""
        for name, data in list(self.contents.items()):
            if name.startswith(folder):
                yield FileInfo(path=name, size=len(data), modified=WRITTEN)

    def delete(self, path: str) -> None:
        """See FileSystem."""
        self.contents.pop(checked(path), None)


class FlakyFileSystem:
    """*inner*, of which the calls meet *faults*, one each in order; then every call is served.

    *calls* lists what was asked, as ``(verb, path)``.
    """

    def __init__(self, inner: FileSystem, faults: Iterable[Fault]) -> None:
        self.calls: list[tuple[str, str]] = []
        self._inner = inner
        self._faults = iter(faults)
        self._lock = threading.Lock()

    @property
    def root(self) -> Location:
        """See FileSystem."""
        return self._inner.root

    def put_if_absent(self, path: str, data: bytes) -> None:
        """See FileSystem."""
        self._serve("put_if_absent", path, lambda: self._inner.put_if_absent(path, data))

    def put(self, path: str, data: bytes) -> None:
        """See FileSystem."""
        self._serve("put", path, lambda: self._inner.put(path, data))

    def upload(self, local: Path, path: str) -> None:
        """See FileSystem."""
        self._serve("upload", path, lambda: self._inner.upload(local, path))

    def read(self, path: str) -> bytes:
        """See FileSystem."""
        return self._serve("read", path, lambda: self._inner.read(path))

    def exists(self, path: str) -> bool:
        """See FileSystem."""
        return self._serve("exists", path, lambda: self._inner.exists(path))

    def files(self, path: str = "") -> Iterator[FileInfo]:
        """See FileSystem."""
        yield from self._serve("files", path, lambda: list(self._inner.files(path)))

    def delete(self, path: str) -> None:
        """See FileSystem."""
        self._serve("delete", path, lambda: self._inner.delete(path))

    def _serve(self, verb: str, path: str, work: Callable[[], Result]) -> Result:
        with self._lock:
            self.calls.append((verb, path))
            fault = next(self._faults, "ok")
        if fault == "refused":
            raise StorageUnavailable(f"{path}: 503 (scripted)")
        result = work()
        if fault == "lost":
            raise StorageUnavailable(f"{path}: the answer was lost (scripted)")
        return result
