"""Files on a store that speaks S3, through boto3: no JVM, and a conditional request where one writer must win."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from medallion.errors import AlreadyExistsError, NotFoundError, StorageError, StorageUnavailable, UnsafeStoreError
from medallion.storage.filesystem import FileInfo, checked
from medallion.storage.location import Location
from medallion.storage.provider import Access
from medallion.storage.s3a import DEFAULT_REGION

SCHEMES = ("s3", "s3a")
PUT_IF_ABSENT = "If-None-Match: *, of which the store grants one"

CONNECT_SECONDS, READ_SECONDS = 10, 60
"""How long a store may take to be reached, and to say the next thing."""

_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_PASSING_CODES = frozenset({"RequestTimeout", "SlowDown", "Throttling", "ConditionalRequestConflict", "OperationAborted"})

_SESSION = threading.Lock()
"""Clients may be shared between threads, the session that makes them may not."""


class S3FileSystem:
    """A FileSystem over the keys of *client* that begin with the root's path; folders are only parts of keys."""

    def __init__(self, root: Location, *, client: Any) -> None:
        if not root.authority:
            raise StorageError(f"{root} names no bucket: write {root.scheme}://bucket/folder")
        self.root = root
        self._client = client
        self._bucket = root.authority
        self._prefix = root.path.strip("/") + "/" if root.path.strip("/") else ""

    @classmethod
    def opened(cls, root: Location, access: Access) -> S3FileSystem:
        """Opens *root* as the connection says; where it holds no credentials, with those of the environment or the machine's role."""
        try:
            from botocore.config import Config

            session = _session()
        except ImportError as error:
            raise StorageError(
                f"{root}: the storage provider 's3' needs boto3: pip install 'medallion-foundry[s3]' (or storage_backend: hadoop)"
            ) from error
        settings = access.connection.s3
        # By itself the SDK keeps the bucket out of the host's name wherever there is an endpoint.
        style = "path" if settings.in_path else "auto" if settings.path_style is None else "virtual"
        config = Config(
            s3={"addressing_style": style},
            retries={"mode": "standard", "total_max_attempts": 1},  # asking again is the business of ResilientFileSystem
            max_pool_connections=32,
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            # Many stores that speak S3 know no trailing checksums; what is landed has its SHA-256 in the log.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        with _SESSION:
            client = session.client(
                "s3",
                config=config,
                endpoint_url=settings.endpoint,
                region_name=settings.region or (DEFAULT_REGION if settings.endpoint else None),
                aws_access_key_id=access.secret(settings.access_key),
                aws_secret_access_key=access.secret(settings.secret_key),
                aws_session_token=access.secret(settings.session_token),
            )
        return cls(root, client=client)

    def put_if_absent(self, path: str, data: bytes) -> None:
        """See FileSystem."""
        key = self._key(path)
        with self._translated(path):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=data, IfNoneMatch="*")

    def put(self, path: str, data: bytes) -> None:
        """See FileSystem."""
        key = self._key(path)
        with self._translated(path):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=data)

    def upload(self, local: Path, path: str) -> None:
        """See FileSystem. *local* stays."""
        key = self._key(path)
        if not local.is_file():
            raise StorageError(f"{local}, which was to be stored as {path}, is not a file")
        with self._translated(path), local.open("rb") as body:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body)

    def read(self, path: str) -> bytes:
        """See FileSystem."""
        key = self._key(path)
        with self._translated(path):
            return bytes(self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read())

    def head(self, path: str, size: int) -> bytes:
        """See :func:`medallion.storage.filesystem.head`."""
        key = self._key(path)
        with self._translated(path):
            return bytes(self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read(size))

    def exists(self, path: str) -> bool:
        """See FileSystem."""
        key = self._key(path)
        try:
            with self._translated(path):
                self._client.head_object(Bucket=self._bucket, Key=key)
        except NotFoundError:
            return False
        return True

    def files(self, path: str = "") -> Iterator[FileInfo]:
        """See FileSystem. Keys that end with ``/``, which some tools write for folders, are no files."""
        prefix = self._key(path) + "/" if path else self._prefix
        pages = iter(self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix))
        while True:
            with self._translated(path):
                page = next(pages, None)
            if page is None:
                return
            for found in page.get("Contents", ()):
                if not found["Key"].endswith("/"):
                    yield FileInfo(path=found["Key"].removeprefix(self._prefix), size=found["Size"], modified=found["LastModified"])

    def delete(self, path: str) -> None:
        """See FileSystem."""
        key = self._key(path)
        with self._translated(path):
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def _key(self, path: str) -> str:
        return self._prefix + checked(path)

    @contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        """Errors of the SDK become ours."""
        from botocore import exceptions as sdk
        from urllib3 import exceptions as transport

        place = f"{self.root.child(path)}" if path else f"{self.root}"
        try:
            yield
        except sdk.ClientError as error:
            raise _refusal(error.response, place) from error
        except (sdk.NoCredentialsError, sdk.PartialCredentialsError) as error:
            raise StorageError(
                f"{place}: no credentials were found; give platform.connection.s3.access_key and secret_key, or the machine a role"
            ) from error
        except (sdk.HTTPClientError, sdk.ConnectionError, sdk.IncompleteReadError, transport.HTTPError) as error:
            # What breaks within an answer that the SDK reads whole, such as a listing, is passed on by it as it comes.
            raise StorageUnavailable(f"{place}: the store does not answer ({_words(error)})") from error
        except sdk.BotoCoreError as error:
            raise StorageError(f"{place}: {_words(error)}") from error


@cache
def _session() -> Any:
    """What clients are made of: it reads a description of the whole service, which takes as long as many requests."""
    import boto3

    return boto3.session.Session()


def _refusal(response: Any, place: str) -> StorageError:
    """The error that an answer of the store stands for."""
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    code, message = response.get("Error", {}).get("Code", ""), response.get("Error", {}).get("Message", "")
    words = f"{status} {code}: {message}".strip(" :")
    if code == "NoSuchBucket":
        return StorageError(f"{place}: there is no such bucket; create it, or correct the root")
    if status == 404:
        return NotFoundError(f"{place} is not a file")
    if status == 412:
        return AlreadyExistsError(f"{place} is there already")
    if status in _PASSING or code in _PASSING_CODES:
        return StorageUnavailable(f"{place}: the store cannot answer at the moment ({words})")
    if status in (401, 403):
        return StorageError(f"{place}: the store refuses our credentials or their rights ({words})")
    if status == 501:
        return UnsafeStoreError(f"{place}: the store does not know conditional requests, without which two writers both win ({words})")
    return StorageError(f"{place}: {words}")


def _words(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
