"""The seam to every store: few verbs over paths relative to a root, none of which can leave it."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from medallion.errors import StorageError
from medallion.storage.location import Location


@dataclass(frozen=True, kw_only=True)
class FileInfo:
    """A file as a listing shows it; *path* is relative to the root."""

    path: str
    size: int
    modified: datetime


class FileSystem(Protocol):
    """Files below *root*. Paths are relative, with ``/``; see :func:`checked`.

    Every method raises StorageError or a subclass: NotFoundError, AlreadyExistsError, DiskFullError,
    StorageUnavailable (retryable); never an error of the library below it.
    """

    @property
    def root(self) -> Location:
        """The folder that all paths are relative to."""

    def put_if_absent(self, path: str, data: bytes) -> None:
        """The file is there, whole and durable, with *data*; AlreadyExistsError if one was there before.

        Of any number of writers exactly one returns; no reader ever sees a part.
        """

    def put(self, path: str, data: bytes) -> None:
        """The file is there, whole, with *data*; an older one is replaced."""

    def upload(self, local: Path, path: str) -> None:
        """The bytes of a local file are durable at *path*, a name that nobody else uses; *local* may be moved away."""

    def read(self, path: str) -> bytes:
        """The bytes of a file; NotFoundError if there is none."""

    def exists(self, path: str) -> bool:
        """Whether there is a file at *path*."""

    def files(self, path: str = "") -> Iterator[FileInfo]:
        """All files below a folder, at any depth, in no particular order; none if the folder is missing."""

    def delete(self, path: str) -> None:
        """There is no file at *path*, whether or not there was one."""


def head(fs: FileSystem, path: str, size: int) -> bytes:
    """The first *size* bytes of a file, or all of a shorter one; no more is fetched where the file system has a ``head`` of its own."""
    own: Callable[[str, int], bytes] | None = getattr(fs, "head", None)
    return fs.read(path)[:size] if own is None else own(path, size)


def checked(path: str) -> str:
    """*path* if it is a relative POSIX path below the root; StorageError otherwise."""
    if (
        path in ("", ".")
        or path.startswith(("/", "../"))
        or path == ".."
        or "\\" in path
        or "\0" in path
        or posixpath.normpath(path) != path
    ):
        raise StorageError(f"{path!r} is not a plain path below the storage root; nothing was read or written")
    return path
