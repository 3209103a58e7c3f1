"""A Databricks workspace on 127.0.0.1 that serves the Files API as it is documented, and nothing else of Databricks.

What it does: files and directories below volumes that are there, ``overwrite``, byte ranges, listings in pages, a token or a service
principal (OAuth, found by the workspace's own metadata), and errors as JSON with ``error_code`` and ``message``. It is a fake: that a real
workspace lets one of several writers win was not seen by it.
"""

from __future__ import annotations

import asyncio
import base64
import posixpath
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import format_datetime

from aiohttp import web

VOLUME = "/Volumes/main/raw/lake"
TOKEN = "dapi-0123456789"
CLIENT_ID, CLIENT_SECRET = "a service principal", "its secret"


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A file: its bytes, and when they came."""

    data: bytes
    at: datetime


Trouble = Callable[[str, str], web.Response | None]
"""Is asked with method and path before each request to the API is served; an answer is given in place of the service's."""


@dataclass(kw_only=True)
class FakeWorkspace:
    """A running workspace. *files* and *asked* (method and path of each request) may be looked at when nobody asks."""

    url: str = ""
    volumes: tuple[str, ...] = (VOLUME,)
    token: str = TOKEN
    page_size: int = 1000
    """Entries of a listing that come at once."""
    trouble: Trouble = field(default=lambda _method, _path: None)
    files: dict[str, Stored] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)

    @property
    def connection(self) -> dict[str, object]:
        """What stands under ``platform.connection``; its secret is *environ*'s."""
        return {"databricks": {"host": self.url, "token": "secret:env:DATABRICKS_LAKE_TOKEN"}}

    @property
    def environ(self) -> Mapping[str, str]:
        """The variables that *connection* names."""
        return {"DATABRICKS_LAKE_TOKEN": self.token}

    def volume_of(self, path: str) -> str | None:
        """The volume that *path* lies in, None for none that is there."""
        return next((volume for volume in self.volumes if path == volume or path.startswith(f"{volume}/")), None)

    def make(self, folder: str) -> None:
        """The folder and all above it are there, as uploads make them."""
        while self.volume_of(folder) not in (None, folder):
            self.folders.add(folder)
            folder = posixpath.dirname(folder)

    def holds(self, folder: str) -> bool:
        """Whether there is such a folder."""
        return folder in self.folders or folder in self.volumes


@contextmanager
def workspace(**settings: object) -> Iterator[FakeWorkspace]:
    """A workspace that serves until the block ends, in a thread of its own; *settings* are fields of FakeWorkspace."""
    fake = FakeWorkspace(**settings)  # type: ignore[arg-type]
    ready, over = threading.Event(), threading.Event()

    async def serve() -> None:
        runner = web.AppRunner(_app(fake), access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        await asyncio.to_thread(over.wait)
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="fake-workspace", daemon=True)
    thread.start()
    ready.wait()
    try:
        yield fake
    finally:
        over.set()
        thread.join()


def _app(fake: FakeWorkspace) -> web.Application:
    app = web.Application(client_max_size=5 * 1024**3)

    @web.middleware
    async def guard(request: web.Request, handler: Callable[[web.Request], object]) -> web.StreamResponse:
        path = request.match_info.get("path")
        if path is None:
            return await handler(request)  # type: ignore[misc, no-any-return]
        fake.asked.append((request.method, path))
        answer = fake.trouble(request.method, path)
        if answer is not None:
            return answer
        if request.headers.get("Authorization") not in (f"Bearer {fake.token}", f"Bearer {_oauth_token()}"):
            return _error(401, "UNAUTHENTICATED", "Credential was not sent or was of an unsupported type for this API.")
        if fake.volume_of(path) is None:
            return _error(404, "NOT_FOUND", f"Volume '{'.'.join(path.split('/')[2:5])}' does not exist.")
        return await handler(request)  # type: ignore[misc, no-any-return]

    async def put_file(request: web.Request) -> web.Response:
        path, data = request.match_info["path"], await request.read()
        if fake.holds(path):
            return _error(409, "ALREADY_EXISTS", "The given path points to an existing directory.")
        # Nothing is awaited from here on, so that of several writers one is first.
        if request.query.get("overwrite") == "false" and path in fake.files:
            return _error(409, "ALREADY_EXISTS", "The file being created already exists.")
        fake.make(posixpath.dirname(path))
        fake.files[path] = Stored(data=data, at=datetime.now(tz=timezone.utc))
        return web.Response(status=204)

    async def get_file(request: web.Request) -> web.Response:
        found = fake.files.get(request.match_info["path"])
        if found is None:
            return _error(404, "NOT_FOUND", "The file being accessed is not found.")
        headers = {
            "Last-Modified": format_datetime(found.at, usegmt=True),
            "Content-Type": "application/octet-stream",
            "Accept-Ranges": "bytes",
        }
        if request.method == "HEAD":
            return web.Response(headers={**headers, "Content-Length": str(len(found.data))})
        try:
            part = request.http_range
        except ValueError:
            return _error(400, "INVALID_PARAMETER_VALUE", "The Range header cannot be read.")
        if part.start is None:
            return web.Response(body=found.data, headers=headers)
        start = part.start if part.start >= 0 else max(len(found.data) + part.start, 0)
        data = found.data[part.start : part.stop]
        if start >= len(found.data):
            return web.Response(status=416, headers={"Content-Range": f"bytes */{len(found.data)}"})
        whole = {"Content-Range": f"bytes {start}-{start + len(data) - 1}/{len(found.data)}"}
        return web.Response(status=206, body=data, headers=headers | whole)

    async def delete_file(request: web.Request) -> web.Response:
        if fake.files.pop(request.match_info["path"], None) is None:
            return _error(404, "NOT_FOUND", "The file being accessed is not found.")
        return web.Response(status=204)

    async def directory(request: web.Request) -> web.Response:
        path = request.match_info["path"]
        if request.method == "PUT":
            if path in fake.files:
                return _error(409, "ALREADY_EXISTS", "The given path points to an existing file.")
            fake.make(path)
            return web.Response(status=204)
        if not fake.holds(path):
            return _error(404, "NOT_FOUND", "The directory being accessed is not found.")
        if request.method == "HEAD":
            return web.Response()
        if request.method == "DELETE":
            if any(name.startswith(f"{path}/") for name in [*fake.files, *fake.folders]):
                return _error(400, "INVALID_PARAMETER_VALUE", "The directory being deleted is not empty.")
            fake.folders.discard(path)
            return web.Response(status=204)
        return web.json_response(_listing(fake, path, int(request.query.get("page_size", "0")), request.query.get("page_token")))

    for method in ("PUT", "GET", "DELETE"):  # GET brings HEAD
        app.router.add_route(method, "/api/2.0/fs/files{path:/.*}", {"PUT": put_file, "GET": get_file, "DELETE": delete_file}[method])
    app.router.add_route("HEAD", "/api/2.0/fs/files{path:/.*}", get_file)
    for method in ("PUT", "GET", "HEAD", "DELETE"):
        app.router.add_route(method, "/api/2.0/fs/directories{path:/.*}", directory)
    _sign_in(app, fake)
    app.middlewares.append(guard)
    return app


def _listing(fake: FakeWorkspace, path: str, size: int, token: str | None) -> dict[str, object]:
    """A page of a directory. Its token is opaque to whoever asks."""
    names = sorted(name for name in [*fake.files, *fake.folders] if posixpath.dirname(name) == path)
    start = int(base64.urlsafe_b64decode(token)) if token else 0
    end = start + min(size or fake.page_size, fake.page_size, 1000)
    contents = []
    for name in names[start:end]:
        entry: dict[str, object] = {"path": name, "name": posixpath.basename(name), "is_directory": name in fake.folders}
        if name in fake.files:
            stored = fake.files[name]
            entry |= {"file_size": len(stored.data), "last_modified": int(stored.at.timestamp() * 1000)}
        contents.append(entry)
    page: dict[str, object] = {"contents": contents} if contents else {}
    if end < len(names):
        page["next_page_token"] = base64.urlsafe_b64encode(str(end).encode()).decode()
    return page


def _sign_in(app: web.Application, fake: FakeWorkspace) -> None:
    """What the SDK asks for before a service principal is given a token."""

    async def metadata(_request: web.Request) -> web.Response:
        return web.json_response({"oidc_endpoint": f"{fake.url}/oidc", "workspace_id": "1"})

    async def endpoints(_request: web.Request) -> web.Response:
        return web.json_response({"authorization_endpoint": f"{fake.url}/oidc/v1/authorize", "token_endpoint": f"{fake.url}/oidc/v1/token"})

    async def token(request: web.Request) -> web.Response:
        wanted = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {wanted}":
            return web.json_response({"error": "invalid_client", "error_description": "Client authentication failed"}, status=401)
        return web.json_response({"access_token": _oauth_token(), "token_type": "Bearer", "expires_in": 3600})

    app.router.add_get("/.well-known/databricks-config", metadata)
    app.router.add_get("/oidc/.well-known/oauth-authorization-server", endpoints)
    app.router.add_post("/oidc/v1/token", token)


def _oauth_token() -> str:
    return "of-the-service-principal"


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error_code": code, "message": message}, status=status)
