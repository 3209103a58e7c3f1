"""Providers of stores that are services keep the contract on real servers."""

from __future__ import annotations

import uuid

import pytest

from medallion.storage.azure import AzureFileSystem
from medallion.storage.filesystem import FileSystem
from medallion.storage.location import Location
from medallion.storage.s3 import S3FileSystem
from medallion.testing.contracts import FileSystemContract
from medallion.testing.services import Service


def fresh(service: Service) -> Location:
    """A root that no test has used."""
    return Location.parse(f"{service.root}/a lake {uuid.uuid4().hex[:8]}")


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
