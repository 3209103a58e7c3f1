"""Every file system of ours keeps the contract of the seam."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from medallion.clock import SystemClock
from medallion.config.connection import Connection
from medallion.config.secret import Secrets
from medallion.policy.retry import RetryPolicy
from medallion.storage.filesystem import FileSystem
from medallion.storage.hadoop import HadoopFileSystem
from medallion.storage.local import LocalFileSystem
from medallion.storage.location import Location
from medallion.storage.provider import Access
from medallion.storage.resilient import ResilientFileSystem
from medallion.storage.volumes import VolumesFileSystem
from medallion.testing.clock import FakeClock
from medallion.testing.contracts import FileSystemContract
from medallion.testing.stores import FlakyFileSystem, MemoryFileSystem
from medallion.testing.volumes import VOLUME, workspace


class TestLocal(FileSystemContract):
    """The local file system."""

    @pytest.fixture
    def fs(self, tmp_path: Path) -> FileSystem:
        """A folder that does not exist yet."""
        return LocalFileSystem(Location.parse(str(tmp_path / "a lake" / "bronze")))


class TestMemory(FileSystemContract):
    """The store of the tests."""

    @pytest.fixture
    def fs(self) -> FileSystem:
        """An empty dictionary."""
        return MemoryFileSystem()


class TestResilientLocal(FileSystemContract):
    """The local file system as a run opens it."""

    @pytest.fixture
    def fs(self, tmp_path: Path) -> FileSystem:
        """Retries around a folder that does not exist yet."""
        inner = LocalFileSystem(Location.parse(str(tmp_path / "lake")))
        return ResilientFileSystem(inner, name="local", retry=RetryPolicy(), clock=SystemClock())


class TestResilientFlaky(FileSystemContract):
    """A store that refuses calls and loses answers again and again, seen through retries."""

    @pytest.fixture
    def fs(self) -> FileSystem:
        """Two of five calls go wrong, never more than two in a row."""
        faults = ("lost", "ok", "refused", "ok", "ok") * 400
        return ResilientFileSystem(
            FlakyFileSystem(MemoryFileSystem(), faults), name="flaky", retry=RetryPolicy(attempts=50), clock=FakeClock()
        )


class TestVolumes(FileSystemContract):
    """A volume of Unity Catalog, on a fake of the Files API."""

    @pytest.fixture
    def fs(self) -> Iterator[FileSystem]:
        """A folder of a volume that holds nothing; listings come in threes."""
        with workspace(page_size=3) as fake:
            access = Access(connection=Connection.model_validate(fake.connection), resolver=Secrets(environ=fake.environ))
            yield VolumesFileSystem.opened(Location.parse(f"{VOLUME}/a lake"), access)


@pytest.mark.spark
@pytest.mark.jvm
@pytest.mark.usefixtures("spark")
class TestHadoopFile(FileSystemContract):
    """Hadoop's local file system, through the JVM of Spark."""

    @pytest.fixture
    def fs(self, tmp_path: Path) -> FileSystem:
        """A folder that does not exist yet."""
        return HadoopFileSystem.of_session(Location.parse(str(tmp_path / "a lake")))


@pytest.mark.spark
@pytest.mark.jvm
@pytest.mark.usefixtures("spark")
class TestHadoopOther(FileSystemContract):
    """A scheme other than file, by its renames: a mount table of Hadoop's that leads to a folder."""

    @pytest.fixture
    def fs(self, tmp_path: Path) -> FileSystem:
        """A mount table of its own, so that no two tests share a folder."""
        from pyspark import SparkContext

        lake = tmp_path / "lake"
        lake.mkdir()
        configuration = SparkContext._active_spark_context._jsc.hadoopConfiguration()  # type: ignore[union-attr]
        name = uuid.uuid4().hex
        configuration.set(f"fs.viewfs.mounttable.{name}.link./lake", lake.as_uri())
        return HadoopFileSystem.of_session(Location(scheme="viewfs", authority=name, path="/lake"))

    # What lies below this mount is file:, whose rename overwrites; real stores of other schemes are raced by doctor.
    test_of_eight_writers_one_wins = None
