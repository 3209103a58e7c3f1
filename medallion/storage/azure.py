"""Files on Azure storage, through its SDK: no JVM, and a conditional request where one writer must win."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from medallion.config.connection import Azure
from medallion.errors import AlreadyExistsError, NotFoundError, StorageError, StorageUnavailable
from medallion.storage.filesystem import FileInfo, checked
from medallion.storage.location import Location
from medallion.storage.provider import Access

SCHEMES = ("abfs", "abfss")
PUT_IF_ABSENT = "If-None-Match: *, of which the store grants one"

CONNECT_SECONDS, READ_SECONDS = 10, 60
"""How long a store may take to be reached, and to say the next thing."""

_FOLDER = "hdi_isfolder"
"""The mark of an entry that stands for a folder: accounts with a hierarchy list them, and Hadoop writes them into the others."""
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_BUSY = frozenset({"BlobBeingRehydrated", "ContainerBeingDeleted", "LeaseIdMissing", "OperationTimedOut", "ServerBusy"})


class AzureFileSystem:
    """A FileSystem over the blobs of *container* that begin with the root's path."""

    def __init__(self, root: Location, *, container: Any) -> None:
        self.root = root
        self._container = container
        self._prefix = root.path.strip("/") + "/" if root.path.strip("/") else ""

    @classmethod
    def opened(cls, root: Location, access: Access) -> AzureFileSystem:
        """Opens *root* as the connection says; where it holds no credentials, with the managed identity or what the environment gives."""
        name, at, host = root.authority.partition("@")
        if not (name and at and host):
            raise StorageError(f"{root} names no account: write {root.scheme}://container@account.dfs.core.windows.net/folder")
        try:
            from azure.storage.blob import ContainerClient
        except ImportError as error:
            raise StorageError(
                f"{root}: the storage provider 'azure' needs its SDK: pip install 'medallion-foundry[azure]' (or storage_backend: hadoop)"
            ) from error
        settings = access.connection.azure
        account = host.split(".")[0]
        url = f"{settings.endpoint}/{account}" if settings.endpoint else f"https://{host.replace('.dfs.', '.blob.', 1)}"
        container = ContainerClient(
            url,
            name,
            credential=_credential(settings, account, access),
            retry_total=0,  # asking again is the business of ResilientFileSystem
            connection_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
        )
        return cls(root, container=container)

    def put_if_absent(self, path: str, data: bytes) -> None:
        """See FileSystem."""
        key = self._key(path)
        with self._translated(path):
            self._container.upload_blob(key, data, overwrite=False)

    def put(self, path: str, data: bytes) -> None:
        """See FileSystem."""
        key = self._key(path)
        with self._translated(path):
            self._container.upload_blob(key, data, overwrite=True)

    def upload(self, local: Path, path: str) -> None:
        """See FileSystem. *local* stays."""
        key = self._key(path)
        if not local.is_file():
            raise StorageError(f"{local}, which was to be stored as {path}, is not a file")
        with self._translated(path), local.open("rb") as body:
            self._container.upload_blob(key, body, overwrite=True, length=local.stat().st_size)

    def read(self, path: str) -> bytes:
        """See FileSystem."""
        key = self._key(path)
        with self._translated(path):
            found = self._container.download_blob(key)
            data = bytes(found.readall())
        if _is_folder(found.properties):
            raise NotFoundError(f"{path} is not a file but a folder")
        return data

    def head(self, path: str, size: int) -> bytes:
        """See :func:`medallion.storage.filesystem.head`."""
        key = self._key(path)
        with self._translated(path):
            return bytes(self._container.download_blob(key, offset=0, length=size).readall())

    def exists(self, path: str) -> bool:
        """See FileSystem."""
        key = self._key(path)
        try:
            with self._translated(path):
                return not _is_folder(self._container.get_blob_client(key).get_blob_properties())
        except NotFoundError:
            return False

    def files(self, path: str = "") -> Iterator[FileInfo]:
        """See FileSystem."""
        prefix = self._key(path) + "/" if path else self._prefix
        found = iter(self._container.list_blobs(name_starts_with=prefix or None, include=["metadata"]))
        while True:
            with self._translated(path):
                blob = next(found, None)
            if blob is None:
                return
            if not _is_folder(blob):
                yield FileInfo(path=blob.name.removeprefix(self._prefix), size=blob.size, modified=blob.last_modified)

    def delete(self, path: str) -> None:
        """See FileSystem."""
        key = self._key(path)
        try:
            with self._translated(path):
                self._container.delete_blob(key)
        except NotFoundError:
            return

    def _key(self, path: str) -> str:
        return self._prefix + checked(path)

    @contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        """Errors of the SDK become ours."""
        from azure.core import exceptions as sdk

        place = f"{self.root.child(path)}" if path else f"{self.root}"
        try:
            yield
        except sdk.ClientAuthenticationError as error:
            raise _refused(place, error) from error
        except sdk.HttpResponseError as error:
            raise _refusal(error, place) from error
        except (sdk.ServiceRequestError, sdk.ServiceResponseError) as error:
            raise StorageUnavailable(f"{place}: the store does not answer ({_words(error)})") from error
        except sdk.AzureError as error:
            raise StorageError(f"{place}: {_words(error)}") from error


def _credential(settings: Azure, account: str, access: Access) -> Any:
    """What the SDK shows to the store: a key, a signature, or an identity."""
    if settings.account_key is not None:
        return {"account_name": account, "account_key": access.secret(settings.account_key)}
    if settings.sas_token is not None:
        return access.secret(settings.sas_token)
    from azure.identity import ClientSecretCredential, DefaultAzureCredential

    if settings.client_secret is not None:
        assert settings.tenant_id is not None, "the configuration was checked"
        assert settings.client_id is not None, "the configuration was checked"
        return ClientSecretCredential(settings.tenant_id, settings.client_id, access.resolver.resolve(settings.client_secret))
    return DefaultAzureCredential(managed_identity_client_id=settings.client_id)


def _refusal(error: Any, place: str) -> StorageError:
    """The error that an answer of the store stands for."""
    # What breaks within an answer comes as the same type, without a status.
    code, status = str(getattr(error, "error_code", None) or ""), error.status_code
    if status is None:
        return StorageUnavailable(f"{place}: the answer ended before its end ({_words(error)})")
    if code == "ContainerNotFound":
        return StorageError(f"{place}: there is no such container; create it, or correct the root")
    if status == 404:
        return NotFoundError(f"{place} is not a file")
    if code in ("BlobAlreadyExists", "PathAlreadyExists") or status == 412:
        return AlreadyExistsError(f"{place} is there already")
    if status in _PASSING or code in _BUSY:
        return StorageUnavailable(f"{place}: the store cannot answer at the moment ({status} {code}: {_words(error)})")
    if status in (401, 403):
        return _refused(place, error)
    return StorageError(f"{place}: {status} {code}: {_words(error)}")


def _refused(place: str, error: Exception) -> StorageError:
    return StorageError(f"{place}: the store refuses our credentials or their rights ({_words(error)}); see platform.connection.azure")


def _is_folder(properties: Any) -> bool:
    return (properties.metadata or {}).get(_FOLDER) == "true"


def _words(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
