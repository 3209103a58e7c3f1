"""Files in a volume of Unity Catalog, through the Files API of a Databricks workspace: no mount, no JVM.

The SDK signs in where more than a token is needed; the requests are ours. The SDK's own client repeats a request whose answer was lost,
after which a file that stands there already may be its own or another writer's, and nobody can tell which.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter

from medallion.config.connection import Databricks
from medallion.errors import AlreadyExistsError, NotFoundError, StorageError, StorageUnavailable
from medallion.storage.filesystem import FileInfo, checked
from medallion.storage.location import VOLUMES, Location
from medallion.storage.provider import Access

SCHEMES = ("dbfs",)
PUT_IF_ABSENT = "overwrite=false, of which the Files API refuses all but one"
TIMEOUT = (10.0, 60.0)
"""Seconds to connect, and to wait for the next bytes."""

_FILES, _DIRECTORIES = "/api/2.0/fs/files", "/api/2.0/fs/directories"
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_BUSY = frozenset({"ABORTED", "RESOURCE_CONFLICT", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED"})


class Workspace(Protocol):
    """Where requests go, and as whom."""

    @property
    def url(self) -> str:
        """``https://host``, without a path."""

    def headers(self) -> dict[str, str]:
        """What signs the next request."""


class TokenWorkspace:
    """A workspace that takes a token."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._token = token

    def headers(self) -> dict[str, str]:
        """See Workspace."""
        return {"Authorization": f"Bearer {self._token}"}


class SdkWorkspace:
    """A workspace that the SDK signs in to, at the first request: as *settings* say, or as what it runs in does."""

    def __init__(self, settings: Databricks, *, client_secret: str | None, place: str) -> None:
        self._settings = settings
        self._client_secret = client_secret
        self._place = place
        self._lock = threading.Lock()
        self._config: Any = None

    @property
    def url(self) -> str:
        """See Workspace."""
        return str(self._signed_in().host).rstrip("/")

    def headers(self) -> dict[str, str]:
        """See Workspace."""
        config = self._signed_in()
        try:
            return dict(config.authenticate())
        except Exception as error:  # one type for each way to sign in, of several libraries
            raise StorageError(f"{self._place}: signing in to Databricks failed ({_words(error)})") from error

    def _signed_in(self) -> Any:
        with self._lock:
            if self._config is None:
                try:
                    from databricks.sdk.core import Config
                except ImportError as error:
                    raise StorageError(
                        f"{self._place}: signing in without a token needs the SDK: pip install 'medallion-foundry[databricks]', or give "
                        "platform.connection.databricks.host and token"
                    ) from error
                try:
                    self._config = Config(
                        host=self._settings.host,
                        client_id=self._settings.client_id,
                        client_secret=self._client_secret,
                        retry_timeout_seconds=30,
                    )
                except Exception as error:  # ValueError for what is missing, anything for what answers
                    raise StorageError(
                        f"{self._place}: nothing here can sign in to Databricks ({_words(error)}); see platform.connection.databricks"
                    ) from error
            return self._config


class VolumesFileSystem:
    """A FileSystem over the files of a volume below *root*; folders come and go with their files."""

    def __init__(self, root: Location, *, workspace: Workspace) -> None:
        parts = root.path.split("/")
        if not root.path.startswith(VOLUMES) or len(parts) < 5:
            raise StorageError(f"{root} names no volume: write /Volumes/catalog/schema/volume/folder")
        self.root = root
        self._workspace = workspace
        self._session = requests.Session()
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=32))

    @classmethod
    def opened(cls, root: Location, access: Access) -> VolumesFileSystem:
        """Opens *root* as the connection says; where it holds no credentials, as the notebook, job or environment that this runs in."""
        settings = access.connection.databricks
        if settings.token is not None and settings.host is not None:
            return cls(root, workspace=TokenWorkspace(settings.host, access.resolver.resolve(settings.token)))
        secret = access.secret(settings.client_secret)
        return cls(root, workspace=SdkWorkspace(settings, client_secret=secret, place=f"{root}"))

    def put_if_absent(self, path: str, data: bytes) -> None:
        """See FileSystem."""
        self._put(path, data, overwrite=False)

    def put(self, path: str, data: bytes) -> None:
        """See FileSystem."""
        self._put(path, data, overwrite=True)

    def upload(self, local: Path, path: str) -> None:
        """See FileSystem. *local* stays."""
        self._place(path)
        if not local.is_file():
            raise StorageError(f"{local}, which was to be stored as {path}, is not a file")
        with local.open("rb") as body:
            self._put(path, body if local.stat().st_size else b"", overwrite=True)

    def read(self, path: str) -> bytes:
        """See FileSystem."""
        return self._ask("GET", _FILES, self._place(path)).content

    def exists(self, path: str) -> bool:
        """See FileSystem."""
        try:
            self._ask("HEAD", _FILES, self._place(path))
        except NotFoundError:
            return False
        return True

    def files(self, path: str = "") -> Iterator[FileInfo]:
        """See FileSystem."""
        folders = [path]
        while folders:
            for entry in self._entries(folders.pop()):
                name = str(entry["path"]).removeprefix(self.root.path.rstrip("/") + "/")
                if entry.get("is_directory"):
                    folders.append(name)
                else:
                    modified = datetime.fromtimestamp(entry["last_modified"] / 1000, tz=timezone.utc)
                    yield FileInfo(path=name, size=entry.get("file_size", 0), modified=modified)

    def delete(self, path: str) -> None:
        """See FileSystem."""
        try:
            self._ask("DELETE", _FILES, self._place(path))
        except NotFoundError:
            return

    def _put(self, path: str, data: bytes | IO[bytes], *, overwrite: bool) -> None:
        place, headers = self._place(path), {"Content-Type": "application/octet-stream"}
        try:
            self._ask("PUT", _FILES, place, params={"overwrite": str(overwrite).lower()}, data=data, headers=headers)
        except NotFoundError as error:  # folders are made by the way; what is missing is above them
            volume = "/".join(self.root.path.split("/")[:5])
            raise StorageError(f"{place}: there is no volume {volume}, or we may not know of it") from error

    def _entries(self, folder: str) -> Iterator[Any]:
        """What a folder holds, page by page; nothing where there is none. Only a page without a token is the last."""
        place, token = self._place(folder) if folder else self.root, None
        while True:
            try:
                page = self._ask("GET", _DIRECTORIES, place, params={"page_token": token} if token else None)
            except NotFoundError:
                return
            try:
                found = page.json()
            except ValueError as error:
                raise StorageUnavailable(f"{self.root}: a listing is no JSON ({_words(error)})") from error
            yield from found.get("contents", ())
            token = found.get("next_page_token")
            if not token:
                return

    def _place(self, path: str) -> Location:
        return self.root.child(checked(path))

    def _ask(
        self,
        method: str,
        api: str,
        place: Location,
        *,
        params: dict[str, str] | None = None,
        data: bytes | IO[bytes] | None = None,
        headers: dict[str, str] | None = None,
    ) -> requests.Response:
        """The answer, whole, if it is a good one; asked once."""
        with _translated(f"{place}"):
            url = f"{self._workspace.url}{api}{quote(place.path, safe='/')}"
            answer = self._session.request(
                method, url, params=params, data=data, headers=headers, auth=self._sign, timeout=TIMEOUT, allow_redirects=False
            )
        if not answer.ok or answer.is_redirect:
            raise _refusal(answer, f"{place}")
        return answer

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._workspace.headers())
        return request


@contextmanager
def _translated(place: str) -> Iterator[None]:
    """Errors of the way to the workspace become ours."""
    try:
        yield
    except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
        raise StorageUnavailable(f"{place}: the workspace does not answer ({_words(error)})") from error
    except requests.RequestException as error:
        raise StorageError(f"{place}: {_words(error)}") from error


def _refusal(answer: requests.Response, place: str) -> StorageError:
    """The error that an answer stands for: ``error_code`` and ``message`` of a JSON body, where it has one."""
    status = answer.status_code
    try:
        told = answer.json() if answer.content else {}
    except ValueError:
        told = {}
    code = str(told.get("error_code", "")) if isinstance(told, dict) else ""
    words = f"{status} {code}: {told.get('message', '') if isinstance(told, dict) else ''}".strip(" :")
    if status in _PASSING or code in _BUSY:
        return StorageUnavailable(f"{place}: the workspace cannot answer at the moment ({words})")
    if status == 404:
        return NotFoundError(f"{place} is not a file")
    if status in (409, 412):
        return AlreadyExistsError(f"{place} is there already")
    if status in (401, 403):
        return StorageError(f"{place}: the workspace refuses our credentials or their rights ({words}); see platform.connection.databricks")
    if answer.is_redirect:
        return StorageError(f"{place}: the workspace sends us elsewhere ({status}); correct platform.connection.databricks.host")
    return StorageError(f"{place}: {words}")


def _words(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
