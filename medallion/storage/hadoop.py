"""Files on any store that Hadoop knows, through the JVM of the Spark session that is active: classic sessions only."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from medallion.errors import (
    AlreadyExistsError,
    NotFoundError,
    StorageError,
    StorageUnavailable,
    UnsafeStoreError,
)
from medallion.storage.filesystem import FileInfo, checked
from medallion.storage.java import caused_by, translated
from medallion.storage.local import TEMPORARY, LocalFileSystem
from medallion.storage.location import Location

PUT_IF_ABSENT = "file: a hard link; s3a: a conditional create; hdfs, abfs and others: a temporary name, renamed without overwriting"

COPYING = ("cosn", "gs", "obs", "oss", "swift", "tos", "wasb", "wasbs")
"""Schemes of object stores whose rename is a copy, which two writers can both win."""

CONDITIONAL = "fs.option.create.conditional.overwrite"
ATTEMPT = "medallion-attempt"
"""A header of an object that says which call of ours created it."""
_NO_CONDITION = (
    "this Hadoop does not know a create that only one of two writers wins; use Spark 4.2, or the storage provider s3 for a root of S3"
)
_LOST = "org.apache.hadoop.fs.s3a.RemoteFileChangedException"
"""How s3a says that there is a file already; of a file that is read, that another one took its place meanwhile."""


class HadoopFileSystem:
    """A FileSystem over ``org.apache.hadoop.fs.FileSystem``.

    ``file:`` locations are written as :class:`LocalFileSystem` writes them, because Hadoop's own rename there overwrites; buckets of S3
    by requests with a condition, because a rename there is a copy. Raises UnsafeStoreError for other object stores of that kind.
    """

    def __init__(self, root: Location, *, jvm: Any, configuration: Any) -> None:
        if root.scheme in COPYING:
            raise UnsafeStoreError(
                f"{root}: on {root.scheme} a rename is a copy, which two writers can both win, and Hadoop knows no other way there; "
                "use a root on another store, or a provider of its own"
            )
        self.root = root
        self._jvm = jvm
        self._configuration = configuration
        self._local = LocalFileSystem(root) if root.scheme == "file" else None
        with translated(root, ""):
            self._root = jvm.org.apache.hadoop.fs.Path(root.scheme, root.authority or None, root.path)
            found = self._root.getFileSystem(configuration)
            # Hadoop's local file system wants a checksum file beside each file; ours are hashed in the log.
            self._fs = found.getRaw() if self._local is not None else found

    @classmethod
    def of_session(cls, root: Location) -> HadoopFileSystem:
        """Opens *root* with the Hadoop configuration of the Spark session that is active.

        Raises StorageError where there is none, or only one of Spark Connect, whose Python has no JVM.
        """
        try:
            from pyspark import SparkContext
            from pyspark.sql.utils import is_remote
        except ImportError as error:
            raise StorageError("the storage provider 'hadoop' needs pyspark; install medallion-foundry[spark]") from error
        context: Any = SparkContext._active_spark_context
        if context is None or is_remote():
            raise StorageError(
                "the storage provider 'hadoop' needs a Spark session that was started before, and one with a JVM of its own "
                "(Spark Connect, Databricks standard and serverless have none): use another storage_backend there"
            )
        return cls(root, jvm=context._jvm, configuration=context._jsc.hadoopConfiguration())

    def put_if_absent(self, path: str, data: bytes) -> None:
        """See FileSystem."""
        if self._local is not None:
            return self._local.put_if_absent(path, data)
        target = self._path(path)
        if self.root.scheme == "s3a":
            return self._create(target, path, data)
        with translated(self.root, path):
            if self._fs.exists(target):
                raise AlreadyExistsError(f"{path} is there already")
        with self._temporary(target) as temporary, translated(self.root, path):
            self._write(temporary, data)
            if not self._fs.rename(temporary, target):  # how it says that the target exists
                if not self._fs.exists(temporary):  # nobody else knows that name: a rename whose answer was lost has moved it
                    return None
                raise (
                    AlreadyExistsError(f"{path} is there already")
                    if self._fs.exists(target)
                    else StorageError(f"{path} cannot be created: {self.root} refused to rename a file to it")
                )
        return None

    def _create(self, target: Any, path: str, data: bytes) -> None:
        """The object is created by a request that the store grants one writer, in the moment when the stream is closed."""
        attempt = uuid.uuid4().hex
        with translated(self.root, path):
            try:
                builder = self._fs.createFile(target).overwrite(True).recursive().opt(f"fs.s3a.create.header.{ATTEMPT}", attempt)
                stream = builder.must(CONDITIONAL, True).build()
            except Exception as error:
                if CONDITIONAL in str(error):
                    raise UnsafeStoreError(f"{self.root}: {_NO_CONDITION}") from error
                raise
            stream.write(bytearray(data))
            try:
                stream.close()
            except Exception as error:
                if not caused_by(error, _LOST):
                    raise
                if not self.exists(path):
                    raise StorageUnavailable(f"{self.root.child(path)}: another request for it was under way; ask again") from error
                found = self._fs.getXAttrs(target).get(f"header.{ATTEMPT}")
                if found is None or bytes(found).decode() != attempt:  # else the answer was lost, and s3a has asked again by itself
                    raise AlreadyExistsError(f"{path} is there already") from error

    def put(self, path: str, data: bytes) -> None:
        """See FileSystem."""
        if self._local is not None:
            return self._local.put(path, data)
        target = self._path(path)
        if self.root.scheme == "s3a":  # an object appears as a whole, in the place of another one too
            with translated(self.root, path):
                return self._write(target, data)
        with self._temporary(target) as temporary, translated(self.root, path):
            self._write(temporary, data)
            self._replace(temporary, target, path)
        return None

    def _replace(self, temporary: Any, target: Any, path: str) -> None:
        """*target* is what *temporary* was: on HDFS in one step; abfs deletes first, so that of two writers one is refused."""
        rename = self._jvm.org.apache.hadoop.fs.Options.Rename
        overwrite = self._jvm.java.lang.reflect.Array.newInstance(rename.OVERWRITE.getClass(), 1)
        overwrite[0] = rename.OVERWRITE
        context = self._jvm.org.apache.hadoop.fs.FileContext.getFileContext(self._root.toUri(), self._configuration)
        try:
            context.rename(temporary, target, overwrite)
        except Exception as error:
            if not caused_by(error, "java.io.IOException"):
                raise
            if self._fs.exists(temporary):  # else its answer was lost: nobody else knows that name
                raise StorageUnavailable(f"{self.root.child(path)}: another writer put it there just now; ask again") from error

    def upload(self, local: Path, path: str) -> None:
        """See FileSystem. *local* stays."""
        target = self._path(path)
        if not local.is_file():
            raise StorageError(f"{local}, which was to be stored as {path}, is not a file")
        with translated(self.root, path):
            self._fs.copyFromLocalFile(False, True, self._jvm.org.apache.hadoop.fs.Path("file", None, local.absolute().as_posix()), target)
        if self._local is not None:
            self._local.settle(path)

    def read(self, path: str) -> bytes:
        """See FileSystem."""
        target = self._path(path)
        with translated(self.root, path):
            if self._fs.getFileStatus(target).isDirectory():
                raise NotFoundError(f"{path} is not a file but a folder")
            stream = self._fs.open(target)
            try:
                return bytes(stream.readAllBytes())
            finally:
                stream.close()

    def head(self, path: str, size: int) -> bytes:
        """See :func:`medallion.storage.filesystem.head`."""
        target = self._path(path)
        with translated(self.root, path):
            stream = self._fs.open(target)
            try:
                return bytes(stream.readNBytes(size))
            finally:
                stream.close()

    def exists(self, path: str) -> bool:
        """See FileSystem."""
        target = self._path(path)
        try:
            with translated(self.root, path):
                return bool(self._fs.getFileStatus(target).isFile())
        except NotFoundError:
            return False

    def files(self, path: str = "") -> Iterator[FileInfo]:
        """See FileSystem."""
        folder = self._path(path) if path else self._root
        above = self._root.toUri().getPath().rstrip("/") + "/"
        try:
            with translated(self.root, path):
                found = self._fs.listFiles(folder, True) if self._fs.getFileStatus(folder).isDirectory() else None
                given: set[str] = set()  # abfs walks a folder twice where the mark of it and what lies in it are not listed side by side
                while found is not None and found.hasNext():
                    status = found.next()
                    name = status.getPath().toUri().getPath().removeprefix(above)
                    if name not in given and not name.rsplit("/", 1)[-1].startswith(TEMPORARY):
                        given.add(name)
                        modified = datetime.fromtimestamp(status.getModificationTime() / 1000, tz=timezone.utc)
                        yield FileInfo(path=name, size=status.getLen(), modified=modified)
        except NotFoundError:
            return

    def delete(self, path: str) -> None:
        """See FileSystem."""
        target = self._path(path)
        if self.exists(path):
            with translated(self.root, path):
                self._fs.delete(target, False)

    def _path(self, path: str) -> Any:
        plain = self._local.locate(path) if self._local is not None else checked(path)
        if Path(plain).name.startswith(TEMPORARY):
            raise StorageError(f"{path!r}: names that begin with {TEMPORARY} are for files that are being written")
        place = self.root.child(path)
        return self._jvm.org.apache.hadoop.fs.Path(place.scheme, place.authority or None, place.path)

    def _write(self, target: Any, data: bytes) -> None:
        stream = self._fs.create(target, True)
        try:
            stream.write(bytearray(data))
        finally:
            stream.close()

    @contextmanager
    def _temporary(self, target: Any) -> Iterator[Any]:
        """A free name beside *target*; whatever is left there in the end is removed."""
        temporary = self._jvm.org.apache.hadoop.fs.Path(target.getParent(), f"{TEMPORARY}{uuid.uuid4().hex}")
        try:
            yield temporary
        finally:
            with translated(self.root, target.getName()):
                self._fs.delete(temporary, False)
