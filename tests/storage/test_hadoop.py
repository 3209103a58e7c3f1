"""What Hadoop refuses arrives as our errors; what cannot be safe there is refused at once."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from medallion import errors
from medallion.storage.hadoop import ATTEMPT, COPYING, HadoopFileSystem
from medallion.storage.java import ERRORS, meaning
from medallion.storage.local import TEMPORARY
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
    assert meaning(thrown)[0] is kind
    assert thrown.getSimpleName() in meaning(thrown)[1] or thrown.getCause() is not None


def test_the_table_of_exceptions_is_sorted() -> None:
    """So that each stands in it once and is found by eye."""
    assert list(ERRORS) == sorted(ERRORS)


@pytest.mark.parametrize("scheme", COPYING)
def test_stores_without_a_rename_are_refused(scheme: str) -> None:
    """Where a rename is a copy nothing is opened: a log there would lose entries."""
    with pytest.raises(errors.UnsafeStoreError, match=scheme):
        HadoopFileSystem(Location(scheme=scheme, authority="bucket", path="/lake"), jvm=None, configuration=None)


class Refused(Exception):
    """What py4j raises for a Java exception."""

    def __init__(self, *names: str) -> None:
        super().__init__(names[0])
        self.java_exception = Thrown(*names)


class Bucket:
    """As much of s3a as a conditional create needs: *stored* is the header of the object that is there, None for none.

    *close* says what becomes of a create: True, it is granted; an exception, it is not; ``lost``: it is granted and refused when s3a
    asks again by itself.
    """

    def __init__(self, stored: str | None, close: Any) -> None:
        self.stored, self.closing, self.options = stored, close, {}  # type: ignore[var-annotated]

    def createFile(self, _path: Any) -> Bucket:  # noqa: N802
        """A builder."""
        return self

    def overwrite(self, _yes: bool) -> Bucket:
        """Said, since the condition is another one."""
        return self

    recursive = build = lambda self: self

    def opt(self, key: str, value: str) -> Bucket:
        """An option that the store may ignore."""
        self.options[key] = value
        return self

    def must(self, key: str, value: bool) -> Bucket:
        """An option that it may not; an older Hadoop does not know it."""
        if self.closing == "unknown":
            raise ValueError(f"unknown mandatory key {key!r}")
        return self.opt(key, value)  # type: ignore[arg-type]

    def write(self, _data: bytes) -> None:
        """Nothing is decided yet."""

    def close(self) -> None:
        """The moment that decides."""
        if self.closing == "lost":
            self.stored = self.options[f"fs.s3a.create.header.{ATTEMPT}"]
            raise Refused(LOST)
        if isinstance(self.closing, Exception):
            raise self.closing

    def getFileStatus(self, _path: Any) -> SimpleNamespace:  # noqa: N802
        """Whether it is a file."""
        return SimpleNamespace(isFile=lambda: self.stored is not None)

    def getXAttrs(self, _path: Any) -> dict[str, bytes]:  # noqa: N802
        """Headers of the object that is there."""
        return {} if not self.stored else {f"header.{ATTEMPT}": self.stored.encode()}


LOST = "org.apache.hadoop.fs.s3a.RemoteFileChangedException"


def through(bucket: Bucket) -> HadoopFileSystem:
    """The file system on that bucket, without a JVM."""
    place = SimpleNamespace(getFileSystem=lambda _configuration: bucket)
    hadoop = SimpleNamespace(fs=SimpleNamespace(Path=lambda *_: place))
    jvm = SimpleNamespace(org=SimpleNamespace(apache=SimpleNamespace(hadoop=hadoop)))
    return HadoopFileSystem(Location.parse("s3a://lake/bronze"), jvm=jvm, configuration=None)


@pytest.mark.parametrize("close", [True, "lost"])
def test_a_conditional_create_that_is_granted_is_ours(close: Any) -> None:
    """Also where its answer was lost and s3a, which asks again by itself, was refused: the object says whose it is."""
    bucket = Bucket(None, close)
    through(bucket).put_if_absent("log/0", b"x")
    assert bucket.options["fs.option.create.conditional.overwrite"] is True


@pytest.mark.parametrize("stored", ["another attempt", ""])
def test_an_object_of_somebody_else_is_there_already(stored: str) -> None:
    """Whether it says whose it is or not."""
    with pytest.raises(errors.AlreadyExistsError):
        through(Bucket(stored, Refused(LOST))).put_if_absent("log/0", b"x")


def test_a_refusal_without_an_object_is_to_be_asked_again() -> None:
    """Two requests for one name were under way, and the store granted neither."""
    with pytest.raises(errors.StorageUnavailable, match="ask again"):
        through(Bucket(None, Refused(LOST))).put_if_absent("log/0", b"x")


def test_other_errors_of_a_create_are_passed_on() -> None:
    """Nothing is known of the object then."""
    with pytest.raises(Refused, match="SocketException"):
        through(Bucket(None, Refused("java.net.SocketException"))).put_if_absent("log/0", b"x")


def test_a_hadoop_without_the_condition_is_refused() -> None:
    """Before 3.4.2 both of two writers win on s3a; the sentence says what else there is."""
    with pytest.raises(errors.UnsafeStoreError, match="the storage provider s3"):
        through(Bucket(None, "unknown")).put_if_absent("log/0", b"x")


def test_a_file_that_is_listed_twice_is_given_once() -> None:
    """abfs walks some folders twice, and files that are being written are nobody's business."""
    left = ["/bronze/a/1", "/bronze/b/2", "/bronze/a/1", f"/bronze/{TEMPORARY}x"]
    of = lambda path: SimpleNamespace(toUri=lambda: SimpleNamespace(getPath=lambda: path))  # noqa: E731
    status = lambda path: SimpleNamespace(getPath=lambda: of(path), getModificationTime=lambda: 0, getLen=lambda: 1)  # noqa: E731
    found = SimpleNamespace(hasNext=lambda: bool(left), next=lambda: status(left.pop(0)))
    store = SimpleNamespace(listFiles=lambda *_: found, getFileStatus=lambda _: SimpleNamespace(isDirectory=lambda: True))
    root = SimpleNamespace(getFileSystem=lambda _configuration: store, **vars(of("/bronze")))
    hadoop = SimpleNamespace(fs=SimpleNamespace(Path=lambda *_: root))
    jvm = SimpleNamespace(org=SimpleNamespace(apache=SimpleNamespace(hadoop=hadoop)))
    fs = HadoopFileSystem(Location.parse("abfs://lake@account/bronze"), jvm=jvm, configuration=None)
    assert [file.path for file in fs.files()] == ["a/1", "b/2"]


@pytest.mark.parametrize(
    ("moved", "thrown", "kind"),
    [
        (True, "java.io.IOException", None),
        (False, "java.io.IOException", errors.StorageUnavailable),
        (False, "org.apache.hadoop.security.AccessControlException", Refused),
    ],
    ids=["its answer was lost", "another one was first", "it must not"],
)
def test_a_replacing_rename_that_is_refused(moved: bool, thrown: str, kind: type[Exception] | None) -> None:
    """What is gone from its temporary name was moved; else another writer was first, and it is to be done again; the rest is an error."""

    def rename(*_: Any) -> None:
        raise Refused(thrown)

    stream = SimpleNamespace(write=lambda _data: None, close=lambda: None)
    store = SimpleNamespace(create=lambda *_: stream, exists=lambda _: not moved, delete=lambda *_: None)
    place = SimpleNamespace(getFileSystem=lambda _configuration: store, toUri=lambda: "", getName=lambda: "")
    place.getParent = lambda: place
    context = SimpleNamespace(getFileContext=lambda *_: SimpleNamespace(rename=rename))
    overwrite = SimpleNamespace(OVERWRITE=SimpleNamespace(getClass=lambda: None))
    hadoop = SimpleNamespace(fs=SimpleNamespace(Path=lambda *_: place, FileContext=context, Options=SimpleNamespace(Rename=overwrite)))
    array = SimpleNamespace(Array=SimpleNamespace(newInstance=lambda *_: [None]))
    jvm = SimpleNamespace(
        org=SimpleNamespace(apache=SimpleNamespace(hadoop=hadoop)), java=SimpleNamespace(lang=SimpleNamespace(reflect=array))
    )
    fs = HadoopFileSystem(Location.parse("abfs://lake@account/bronze"), jvm=jvm, configuration=None)
    with pytest.raises(kind) if kind else nullcontext():
        fs.put("_log/_last", b"0")


def test_without_a_session_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """No session, no JVM: StorageError, not an AttributeError."""
    from pyspark import SparkContext

    monkeypatch.setattr(SparkContext, "_active_spark_context", None)
    with pytest.raises(errors.StorageError, match="needs a Spark session"):
        HadoopFileSystem.of_session(Location.parse("/lake"))


def test_over_spark_connect_it_is_refused_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a JVM happens to be in the process, as with spark.api.mode=connect on one machine."""
    from pyspark import SparkContext

    monkeypatch.setattr(SparkContext, "_active_spark_context", object())
    monkeypatch.setenv("SPARK_CONNECT_MODE_ENABLED", "1")
    with pytest.raises(errors.StorageError, match="Spark Connect, Databricks standard and serverless have none"):
        HadoopFileSystem.of_session(Location.parse("/lake"))


@pytest.mark.spark
@pytest.mark.jvm
@pytest.mark.usefixtures("spark")
def test_an_unknown_scheme_is_typed() -> None:
    """What no jar on the class path serves is an unknown scheme, in Java too."""
    with pytest.raises(errors.UnknownSchemeError, match="nosuch"):
        HadoopFileSystem.of_session(Location(scheme="nosuch", authority="host", path="/lake"))


@pytest.mark.spark
@pytest.mark.jvm
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
@pytest.mark.jvm
@pytest.mark.usefixtures("spark")
def test_no_checksum_files_stand_beside_ours(tmp_path: Path) -> None:
    """Uploads through Hadoop leave no .crc files, which a later put would make wrong."""
    local = tmp_path / "spooled"
    local.write_bytes(b"x")
    fs = HadoopFileSystem.of_session(Location.parse(str(tmp_path / "lake")))
    fs.upload(local, "part")
    assert [path.name for path in (tmp_path / "lake").iterdir()] == ["part"]
