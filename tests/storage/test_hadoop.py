"""What Hadoop refuses arrives as our errors; what cannot be safe there is refused at once."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from medallion import errors
from medallion.storage.hadoop import COPYING, ERRORS, HadoopFileSystem, _meaning
from medallion.storage.location import Location


class Thrown(SimpleNamespace):
    """A Java exception as py4j shows one: class names from its own upwards, a message, a cause."""

    def __init__(self, *names: str, message: str | None = "why", cause: Thrown | None = None) -> None:
        super().__init__(names=names, message=message, cause=cause)

    def getClass(self) -> Thrown:  # noqa: N802
        """The exception stands for its own class."""
        return self

    def getName(self) -> str:  # noqa: N802
        """The class's name."""
        return self.names[0]

    def getSimpleName(self) -> str:  # noqa: N802
        """The name without its package."""
        return self.names[0].rsplit(".", 1)[-1]

    def getSuperclass(self) -> Thrown | None:  # noqa: N802
        """The next class upwards."""
        return Thrown(*self.names[1:]) if self.names[1:] else None

    def getMessage(self) -> str | None:  # noqa: N802
        """What it says."""
        return self.message

    def getCause(self) -> Thrown | None:  # noqa: N802
        """What it was caused by."""
        return self.cause


@pytest.mark.parametrize(
    ("thrown", "kind"),
    [
        (Thrown("java.io.FileNotFoundException"), errors.NotFoundError),
        (Thrown("java.net.ConnectException", "java.net.SocketException"), errors.StorageUnavailable),
        (Thrown("java.io.IOException", cause=Thrown("java.net.SocketTimeoutException")), errors.StorageUnavailable),
        (Thrown("org.apache.hadoop.hdfs.DSQuota", "org.apache.hadoop.hdfs.protocol.QuotaExceededException"), errors.DiskFullError),
        (Thrown("org.apache.hadoop.fs.FSError", message="No space left on device"), errors.DiskFullError),
        (Thrown("org.apache.hadoop.security.AccessControlException"), errors.StorageError),
        (Thrown("java.io.IOException", message=None), errors.StorageError),
    ],
    ids=lambda value: value.getSimpleName() if isinstance(value, Thrown) else value.__name__,
)
def test_java_exceptions_become_ours(thrown: Thrown, kind: type[errors.StorageError]) -> None:
    """The class of an exception, one above it, or of its cause decides; what is unknown is a plain StorageError."""
    assert _meaning(thrown)[0] is kind
    assert thrown.getSimpleName() in _meaning(thrown)[1] or thrown.getCause() is not None


def test_the_table_of_exceptions_is_sorted() -> None:
    """So that each stands in it once and is found by eye."""
    assert list(ERRORS) == sorted(ERRORS)


@pytest.mark.parametrize("scheme", COPYING)
def test_stores_without_a_rename_are_refused(scheme: str) -> None:
    """Where a rename is a copy nothing is opened: a log there would lose entries."""
    with pytest.raises(errors.UnsafeStoreError, match=scheme):
        HadoopFileSystem(Location(scheme=scheme, authority="bucket", path="/lake"), jvm=None, configuration=None)


def test_without_a_session_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """No session, no JVM: StorageError, not an AttributeError."""
    from pyspark import SparkContext

    monkeypatch.setattr(SparkContext, "_active_spark_context", None)
    with pytest.raises(errors.StorageError, match="needs a Spark session"):
        HadoopFileSystem.of_session(Location.parse("/lake"))


@pytest.mark.spark
@pytest.mark.usefixtures("spark")
def test_an_unknown_scheme_is_typed() -> None:
    """What no jar on the class path serves is an unknown scheme, in Java too."""
    with pytest.raises(errors.UnknownSchemeError, match="nosuch"):
        HadoopFileSystem.of_session(Location(scheme="nosuch", authority="host", path="/lake"))


@pytest.mark.spark
@pytest.mark.usefixtures("spark")
def test_a_host_that_does_not_answer_is_retryable() -> None:
    """A closed port is a store that is unavailable, not a broken program."""
    from pyspark import SparkContext

    configuration = SparkContext._active_spark_context._jsc.hadoopConfiguration()
    configuration.set("ipc.client.connect.max.retries", "0")
    fs = HadoopFileSystem.of_session(Location(scheme="hdfs", authority="127.0.0.1:9", path="/lake"))
    try:
        with pytest.raises(errors.StorageUnavailable):
            fs.exists("a")
    finally:
        configuration.unset("ipc.client.connect.max.retries")


@pytest.mark.spark
@pytest.mark.usefixtures("spark")
def test_no_checksum_files_stand_beside_ours(tmp_path: Path) -> None:
    """Uploads through Hadoop leave no .crc files, which a later put would make wrong."""
    local = tmp_path / "spooled"
    local.write_bytes(b"x")
    fs = HadoopFileSystem.of_session(Location.parse(str(tmp_path / "lake")))
    fs.upload(local, "part")
    assert [path.name for path in (tmp_path / "lake").iterdir()] == ["part"]
