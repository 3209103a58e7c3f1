"""A proxy on 127.0.0.1 between a client and a store, that goes wrong as a script says: refusals, resets, stalls, lost and cut answers.

::

    with behind(service.url, first({"PUT": ["lost"], "GET": ["cut", "reset"]})) as proxy:
        ...  # use service.behind(proxy.url), then look at proxy.passed

Signatures hold: the store sees the host that the client named, and path, query, headers and bytes as they came.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import aiohttp
from aiohttp import web
from yarl import URL

Fault: TypeAlias = Literal["ok", "busy", "reset", "stall", "lost", "cut"]
"""What becomes of a request: it is served; the store is busy (503); the connection is reset and nothing was done; nobody answers until the
client gives up or the stall is over, and nothing was done; it is done and the connection is reset in place of an answer; it is done and the
connection is reset in the middle of the answer."""


@dataclass(frozen=True, kw_only=True)
class Passed:
    """A request, and what became of it. *path* is as it was sent, its query included; *attempt* counts those with one method and path."""

    method: str
    path: str
    attempt: int
    fault: Fault


Script: TypeAlias = Callable[[str, str, int], Fault]
"""Method, path with query, and the number of this attempt at it, from 1 on, are all that decides: no chance, no order between paths."""


def no_faults(_method: str, _path: str, _attempt: int) -> Fault:
    """Everything is served."""
    return "ok"


def first(faults: Mapping[str, Sequence[Fault]], *, otherwise: Script = no_faults) -> Script:
    """The first attempts at each path go wrong, by the method: ``{"PUT": ["lost"]}`` loses the first answer to each PUT."""

    def decide(method: str, path: str, attempt: int) -> Fault:
        planned = faults.get(method, ())
        return planned[attempt - 1] if attempt <= len(planned) else otherwise(method, path, attempt)

    return decide


@dataclass(kw_only=True)
class FaultProxy:
    """A running proxy. *passed* are the requests in the order in which they came."""

    url: str = ""
    passed: list[Passed] = field(default_factory=list)

    def faults(self) -> Counter[tuple[str, Fault]]:
        """How often each thing has happened, by method."""
        return Counter((one.method, one.fault) for one in self.passed)


@contextmanager
def behind(target: str, script: Script = no_faults, *, stall: float = 3600.0, busy: str = "SlowDown") -> Iterator[FaultProxy]:
    """A proxy before the server at *target* until the block ends, in a thread of its own.

    *stall* is how many seconds a stall lasts, *busy* the code that a busy store gives.
    """
    proxy = FaultProxy()
    work = _Between(target, script, proxy, stall, busy)
    thread = threading.Thread(target=lambda: asyncio.run(work.serve()), name="fault-proxy", daemon=True)
    thread.start()
    work.ready.wait()
    try:
        yield proxy
    finally:
        work.over.set()
        thread.join()


_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect"})
"""Headers that are about one connection."""


class _Between:
    """The proxy's thread."""

    def __init__(self, target: str, script: Script, proxy: FaultProxy, stall: float, busy: str) -> None:
        self.ready, self.over = threading.Event(), threading.Event()
        self._target, self._script, self._proxy, self._stall, self._busy = target, script, proxy, stall, busy
        self._attempts: Counter[tuple[str, str]] = Counter()

    async def serve(self) -> None:
        app = web.Application(client_max_size=1024**3)
        app.router.add_route("*", "/{rest:.*}", self._pass)
        runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self._proxy.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with aiohttp.ClientSession(
            auto_decompress=False, skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
        ) as self._session:
            self.ready.set()
            await asyncio.to_thread(self.over.wait)
            await runner.cleanup()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        path = request.raw_path
        self._attempts[request.method, path] += 1
        attempt = self._attempts[request.method, path]
        fault = self._script(request.method, path, attempt)
        self._proxy.passed.append(Passed(method=request.method, path=path, attempt=attempt, fault=fault))
        if fault == "busy":
            told = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{self._busy}</Code><Message>Ask less often.</Message></Error>"
            headers = {"Content-Type": "application/xml", "x-ms-error-code": self._busy}
            return web.Response(status=503, headers=headers, body=None if request.method == "HEAD" else told.encode())
        if fault == "stall":
            await asyncio.sleep(self._stall)
        if fault in ("reset", "stall"):
            return _reset(request)
        status, headers, answer = await self._asked(request, path, body)
        if fault == "lost" or (fault == "cut" and not answer):
            return _reset(request)
        if fault == "cut":
            part = web.StreamResponse(status=status, headers={**headers, "Content-Length": str(len(answer))})
            await part.prepare(request)
            await part.write(answer[: len(answer) // 2])
            return _reset(request, part)
        return web.Response(status=status, headers=headers, body=answer or None)

    async def _asked(self, request: web.Request, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in _HOP]
        async with self._session.request(
            request.method, URL(self._target + path, encoded=True), headers=headers, data=body or None, allow_redirects=False
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
            if request.method != "HEAD":
                kept.pop("Content-Length", None)
            return answer.status, kept, await answer.read()


def _reset(request: web.Request, begun: web.StreamResponse | None = None) -> web.StreamResponse:
    """The connection ends with a reset: what the client has not read is lost to it."""
    if request.transport is not None:
        sock = request.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return begun or web.Response()
