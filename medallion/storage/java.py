"""What the exceptions of Java mean here, by the names of their classes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from medallion.errors import (
    AlreadyExistsError,
    DiskFullError,
    NotFoundError,
    StorageError,
    StorageUnavailable,
    UnknownSchemeError,
)
from medallion.storage.location import Location

ERRORS: dict[str, type[StorageError]] = {
    "java.io.FileNotFoundException": NotFoundError,
    "java.net.NoRouteToHostException": StorageUnavailable,
    "java.net.SocketException": StorageUnavailable,
    "java.net.SocketTimeoutException": StorageUnavailable,
    "java.net.UnknownHostException": StorageUnavailable,
    "java.nio.file.FileAlreadyExistsException": AlreadyExistsError,
    "java.nio.file.NoSuchFileException": NotFoundError,
    "java.util.concurrent.TimeoutException": StorageUnavailable,
    "org.apache.hadoop.fs.FileAlreadyExistsException": AlreadyExistsError,
    "org.apache.hadoop.fs.UnsupportedFileSystemException": UnknownSchemeError,
    "org.apache.hadoop.fs.s3a.AWSBadRequestException": StorageError,
    "org.apache.hadoop.fs.s3a.AWSNoResponseException": StorageUnavailable,
    "org.apache.hadoop.fs.s3a.AWSServiceThrottledException": StorageUnavailable,
    "org.apache.hadoop.fs.s3a.AWSStatus500Exception": StorageUnavailable,
    "org.apache.hadoop.fs.s3a.RemoteFileChangedException": StorageUnavailable,
    "org.apache.hadoop.fs.s3a.UnknownStoreException": StorageError,
    "org.apache.hadoop.fs.s3a.auth.NoAuthWithAWSException": StorageError,
    "org.apache.hadoop.hdfs.protocol.QuotaExceededException": DiskFullError,
    "org.apache.hadoop.hdfs.server.namenode.SafeModeException": StorageUnavailable,
    "org.apache.hadoop.ipc.RetriableException": StorageUnavailable,
    "org.apache.hadoop.ipc.StandbyException": StorageUnavailable,
    "org.apache.hadoop.net.ConnectTimeoutException": StorageUnavailable,
    "org.apache.hadoop.security.AccessControlException": StorageError,
}
"""What a Java exception means, by the name of its class or of one above it; the outermost that is known counts."""


def caused_by(error: Exception, kind: str) -> bool:
    """Whether it is, or was caused by, a Java exception of this class."""
    cause = getattr(error, "java_exception", None)
    while cause is not None:
        if cause.getClass().getName() == kind:
            return True
        cause = cause.getCause()
    return False


@contextmanager
def translated(root: Location, path: str) -> Iterator[None]:
    """Errors of Java, and of the way there, become ours."""
    from py4j.protocol import Py4JError, Py4JJavaError
    from pyspark.errors import PySparkException

    place = f"{root.child(path)}" if path else f"{root}"
    try:
        yield
    except Py4JJavaError as error:
        kind, sentence = meaning(error.java_exception)
        raise kind(f"{place}: {sentence}") from error
    except PySparkException as error:  # pyspark takes some Java exceptions for its own, such as IllegalArgumentException
        raise StorageError(f"{place}: {str(error).splitlines()[0]}") from error
    except (Py4JError, ConnectionError) as error:
        raise StorageError(f"{place}: the JVM of the Spark session does not answer ({error}); start the run again") from error


def meaning(thrown: Any) -> tuple[type[StorageError], str]:
    """The error type that a Java exception stands for, and its own words for it."""
    cause = thrown
    while cause is not None:
        words = f"{cause.getClass().getSimpleName()}: {(cause.getMessage() or 'no message').splitlines()[0]}"
        if "No space left on device" in words:
            return DiskFullError, words
        kind = cause.getClass()
        while kind is not None:
            if (known := ERRORS.get(kind.getName())) is not None:
                return known, words
            kind = kind.getSuperclass()
        cause = cause.getCause()
    return StorageError, f"{thrown.getClass().getSimpleName()}: {thrown.getMessage()}"
