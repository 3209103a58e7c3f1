"""Providers of stores that are services keep the contract on real servers."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from medallion.errors import AlreadyExistsError
from medallion.spark import session
from medallion.storage.azure import AzureFileSystem
from medallion.storage.filesystem import FileSystem
from medallion.storage.hadoop import HadoopFileSystem
from medallion.storage.location import Location
from medallion.storage.race import check_put_if_absent
from medallion.storage.s3 import S3FileSystem
from medallion.testing.contracts import FileSystemContract
from medallion.testing.services import Service

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def fresh(service: Service) -> Location:
    """A root that no test has used."""
    return Location.parse(f"{service.root}/a lake {uuid.uuid4().hex[:8]}")


def through_spark(service: Service, spark: SparkSession) -> FileSystem:
    """A fresh root, opened by the JVM of the session, which is told how the store is reached."""
    root = fresh(service)
    told = session(spark.sparkContext.appName, needs=service.needs)
    assert told is spark
    return HadoopFileSystem.of_session(root)


@pytest.mark.store
class TestS3(FileSystemContract):
    """boto3 on S3Proxy."""

    @pytest.fixture
    def fs(self, s3_service: Service) -> FileSystem:
        """A prefix that has no keys yet."""
        return S3FileSystem.opened(fresh(s3_service), s3_service.access)


@pytest.mark.store
class TestAzure(FileSystemContract):
    """The SDK on Azurite."""

    @pytest.fixture
    def fs(self, azure_service: Service) -> FileSystem:
        """A prefix that has no blobs yet."""
        return AzureFileSystem.opened(fresh(azure_service), azure_service.access)


@pytest.mark.store
@pytest.mark.spark
@pytest.mark.jvm
class TestHadoopS3(FileSystemContract):
    """Hadoop's s3a on S3Proxy."""

    @pytest.fixture
    def fs(self, s3_service: Service, spark: SparkSession) -> FileSystem:
        """A prefix that has no keys yet."""
        return through_spark(s3_service, spark)


@pytest.mark.store
@pytest.mark.spark
@pytest.mark.jvm
class TestHadoopAzure(FileSystemContract):
    """Hadoop's abfs on Azurite."""

    @pytest.fixture
    def fs(self, azure_service: Service, spark: SparkSession) -> FileSystem:
        """A prefix that has no blobs yet."""
        return through_spark(azure_service, spark)


@pytest.mark.store
@pytest.mark.spark
@pytest.mark.jvm
@pytest.mark.thorough
class TestHadoopHdfs(FileSystemContract):
    """HDFS."""

    @pytest.fixture
    def fs(self, hdfs_service: Service, spark: SparkSession) -> FileSystem:
        """A folder that does not exist yet."""
        return through_spark(hdfs_service, spark)


@pytest.mark.store
@pytest.mark.spark
@pytest.mark.jvm
def test_hdfs_in_short(hdfs_service: Service, spark: SparkSession, tmp_path: Path) -> None:
    """What Bronze asks of HDFS: an upload, a hint that is replaced, an entry that is refused a second time and that one of eight wins."""
    fs, chunk = through_spark(hdfs_service, spark), tmp_path / "part.parquet"
    chunk.write_bytes(b"PAR1")
    fs.upload(chunk, "run=1/part.parquet")
    for hint in (b"long", b"0"):
        fs.put("_log/_last", hint)
    fs.put_if_absent("_log/0.json", b"{}")
    with pytest.raises(AlreadyExistsError):
        fs.put_if_absent("_log/0.json", b"{}")
    check_put_if_absent(fs, writers=8, rounds=2)
    assert {file.path: fs.read(file.path) for file in fs.files()} == {
        "run=1/part.parquet": b"PAR1",
        "_log/_last": b"0",
        "_log/0.json": b"{}",
    }
