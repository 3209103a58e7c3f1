"""Files on a local disk or a mount that behaves like one: durable, and created at most once by way of a hard link."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from medallion.errors import (
    AlreadyExistsError,
    DiskFullError,
    MedallionError,
    NotFoundError,
    StorageError,
    StorageUnavailable,
    UnsafeStoreError,
)
from medallion.storage.filesystem import FileInfo, checked
from medallion.storage.location import Location

TEMPORARY = ".tmp-"
"""How the names of files begin that are being written, or were when a process died; no listing shows them."""

_FULL = (errno.ENOSPC, errno.EDQUOT)
_NO_FILE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR)
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV, errno.EINVAL)
_PASSING = (errno.EAGAIN, errno.EBUSY, errno.ESTALE, errno.ETIMEDOUT, errno.EMFILE, errno.ENFILE, errno.ECONNRESET, errno.EHOSTDOWN)


class LocalFileSystem:
    """A FileSystem below a folder of this machine; the folder is created by the first write."""

    def __init__(self, root: Location) -> None:
        if root.scheme != "file":
            raise StorageError(f"{root} is not on this machine; the local file system serves paths and file: only")
        self.root = root

    def put_if_absent(self, path: str, data: bytes) -> None:
        """See FileSystem. UnsafeStoreError on a mount without hard links: nothing else there lets only one writer win."""
        target = self.locate(path)
        with _translated(path), _temporary(target) as temporary:
            _write(temporary, data)
            try:
                os.link(temporary, target)
            except FileExistsError:
                # NFS repeats a request whose answer was lost and then finds its own link: two names mean that it is ours.
                if temporary.stat().st_nlink != 2:
                    raise
            except OSError as error:
                if error.errno in _NO_LINKS:
                    raise UnsafeStoreError(
                        f"{self.root} refuses hard links ({os.strerror(error.errno)}), without which two writers could both create "
                        f"{path}; use a disk or mount that has them"
                    ) from error
                raise
            finally:
                _settle(target.parent)  # a name that was found has to last as well: a retry may take it for its own

    def put(self, path: str, data: bytes) -> None:
        """See FileSystem."""
        target = self.locate(path)
        with _translated(path), _temporary(target) as temporary:
            _write(temporary, data)
            temporary.replace(target)
            _settle(target.parent)

    def upload(self, local: Path, path: str) -> None:
        """See FileSystem. On the root's own device *local* is moved, otherwise it is copied and stays."""
        target = self.locate(path)
        if not local.is_file():
            raise StorageError(f"{local}, which was to be stored as {path}, is not a file")
        with _translated(path), _temporary(target) as temporary:
            try:
                _settle(local)
                local.replace(target)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                shutil.copyfile(local, temporary)
                _settle(temporary)
                temporary.replace(target)
            _settle(target.parent)

    def read(self, path: str) -> bytes:
        """See FileSystem."""
        target = self.locate(path)
        with _translated(path):
            return target.read_bytes()

    def head(self, path: str, size: int) -> bytes:
        """See :func:`medallion.storage.filesystem.head`."""
        target = self.locate(path)
        with _translated(path), target.open("rb") as file:
            return file.read(size)

    def exists(self, path: str) -> bool:
        """See FileSystem."""
        target = self.locate(path)
        with _translated(path):
            return target.is_file()

    def files(self, path: str = "") -> Iterator[FileInfo]:
        """See FileSystem. Links to folders are not followed, links that leave the root are not shown."""
        root = Path(self.root.path)
        folders = [self.locate(path) if path else root]
        while folders:
            for entry in _entries(folders.pop(), path):
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
                elif not entry.name.startswith(TEMPORARY) and not (entry.is_symlink() and not self._holds(Path(entry.path))):
                    info = _info(entry, root)
                    if info is not None:
                        yield info

    def delete(self, path: str) -> None:
        """See FileSystem."""
        target = self.locate(path)
        with _translated(path):
            if target.is_file():
                target.unlink(missing_ok=True)

    def locate(self, path: str) -> Path:
        """Where *path* lies on this machine; StorageError if it is no plain path or a symbolic link on it leaves the root."""
        target = Path(self.root.path) / checked(path)
        if target.name.startswith(TEMPORARY):
            raise StorageError(f"{path!r}: names that begin with {TEMPORARY} are for files that are being written")
        with _translated(path):
            inside = self._holds(target)
        if not inside:
            raise StorageError(f"{path} leads out of {self.root} by a symbolic link; nothing was read or written")
        return target

    def settle(self, path: str) -> None:
        """The bytes and the name of a file that somebody else wrote at *path* are on disk."""
        target = self.locate(path)
        with _translated(path):
            _settle(target)
            _settle(target.parent)

    def _holds(self, target: Path) -> bool:
        root = os.path.realpath(self.root.path)
        return os.path.realpath(target).startswith(root.rstrip("/") + "/")


@contextmanager
def _translated(path: str) -> Iterator[None]:
    """Errors of the operating system become ours."""
    try:
        yield
    except MedallionError:
        raise
    except FileExistsError as error:
        raise AlreadyExistsError(f"{path} is there already") from error
    except OSError as error:
        why = error.strerror or str(error)
        if error.errno in _NO_FILE:
            raise NotFoundError(f"{path} is not a file ({why})") from error
        if error.errno in _FULL:
            raise DiskFullError(f"no space left to write {path} ({why}); free some and run again") from error
        if error.errno in _PASSING:
            raise StorageUnavailable(f"{path} cannot be reached at the moment ({why})") from error
        raise StorageError(f"{path} cannot be read or written ({why}); look at permissions and the disk's health") from error
    except UnicodeError as error:
        raise StorageError(f"{path!r} is not a name that this file system can hold") from error


@contextmanager
def _temporary(target: Path) -> Iterator[Path]:
    """A free name beside *target*, in a folder that exists; whatever is left there in the end is removed."""
    _make(target.parent)
    temporary = target.parent / f"{TEMPORARY}{uuid.uuid4().hex}"
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _make(folder: Path) -> None:
    """*folder* exists, and so it does after a power cut."""
    if not folder.is_dir():
        _make(folder.parent)
        try:
            folder.mkdir(exist_ok=True)
        except FileExistsError as error:
            raise StorageError(f"{folder} is a file where a folder is needed") from error
        _settle(folder.parent)


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _settle(path: Path) -> None:
    """The file's bytes, or the folder's names, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _entries(folder: Path, path: str) -> list[os.DirEntry[str]]:
    try:
        with _translated(path or "."), os.scandir(folder) as found:
            return list(found)
    except NotFoundError:  # it was never there, or somebody removed it while we were on the way
        return []


def _info(entry: os.DirEntry[str], root: Path) -> FileInfo | None:
    path = Path(entry.path).relative_to(root).as_posix()
    try:
        with _translated(path):
            if not entry.is_file():
                return None
            stat = entry.stat()
    except NotFoundError:  # removed between listing and looking
        return None
    return FileInfo(path=path, size=stat.st_size, modified=datetime.fromtimestamp(stat.st_mtime, tz=timezone.utc))
