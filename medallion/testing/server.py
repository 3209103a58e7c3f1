"""An HTTP server on 127.0.0.1 that answers as a test says, wrongly if need be, and remembers what it was asked.

::

    def answer(seen: Seen) -> Reply:
        return json_reply({"data": [{"id": 1}]}) if seen.query.get("page") == "1" else Reply(status=503)

    with serve(answer) as server:
        ...  # ask server.url, then look at server.seen
"""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A request as it came; names of *headers* are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What is sent back, and how badly."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    delay: float = 0.0
    """Seconds before the first byte."""
    cut_at: int | None = None
    """Only so many bytes of the announced body are sent, then the connection ends."""
    endless: bool = False
    """The body is sent again and again, for ever."""
    drip: float = 0.0
    """Seconds between two bytes of the body."""
    slow_headers: float = 0.0
    """Seconds between two bytes of the headers."""
    hang_up: bool = False
    """The connection ends without an answer."""


Answering: TypeAlias = Callable[[Seen], Reply]


def json_reply(content: Any, *headers: tuple[str, str], status: int = 200) -> Reply:
    """*content* as a good answer."""
    return Reply(status=status, headers=(("Content-Type", "application/json"), *headers), body=json.dumps(content).encode())


def html_reply() -> Reply:
    """A login form with status 200."""
    return Reply(headers=(("Content-Type", "text/html"),), body=b"<!DOCTYPE html><html><title>Sign in</title></html>")


def throttled(retry_after: str | None = None) -> Reply:
    """A 429 with this ``Retry-After``; None: without one."""
    return Reply(status=429, headers=(("Retry-After", retry_after),) if retry_after is not None else ())


def redirect(location: str, status: int = 302) -> Reply:
    """A redirect to *location*."""
    return Reply(status=status, headers=(("Location", location),))


def gzipped(reply: Reply) -> Reply:
    """*reply* with its body compressed."""
    return replace(reply, headers=(*reply.headers, ("Content-Encoding", "gzip")), body=gzip.compress(reply.body, mtime=0))


def gzip_bomb(decoded_bytes: int) -> Reply:
    """A small body that is *decoded_bytes* large when decoded."""
    return gzipped(Reply(headers=(("Content-Type", "application/json"),), body=b" " * decoded_bytes))


def pages(records: list[dict[str, Any]], *, size: int, param: str = "page") -> Answering:
    """An endpoint with pages by number from 1 on, records under ``data``; pages behind the end are empty."""

    def answer(seen: Seen) -> Reply:
        first = (int(seen.query.get(param, "1")) - 1) * size
        return json_reply({"data": records[first : first + size]})

    return answer


def one_by_one(*replies: Reply, then: Answering) -> Answering:
    """The first requests get *replies*, one each; the others are answered by *then*."""
    left = list(replies)

    def answer(seen: Seen) -> Reply:
        return left.pop(0) if left else then(seen)

    return answer


@dataclass(kw_only=True)
class FaultServer:
    """A running server. *seen* are the requests in the order in which they came; *at_once* is the most at one time."""

    url: str
    seen: list[Seen] = field(default_factory=list)
    at_once: int = 0

    def asked(self, param: str) -> list[str | None]:
        """The values of a query parameter, request by request."""
        return [seen.query.get(param) for seen in self.seen]


@contextmanager
def serve(answer: Answering) -> Iterator[FaultServer]:
    """A server that answers with *answer*, called on its own thread, until the block ends."""
    server = FaultServer(url="")
    work = _Connections(answer, server)
    thread = threading.Thread(target=lambda: asyncio.run(work.listen()), name="fault-server", daemon=True)
    thread.start()
    work.ready.wait()
    try:
        yield server
    finally:
        work.stop()
        thread.join()
    if work.failed is not None:
        raise work.failed


class _Connections:
    """The server's thread: one coroutine a connection."""

    def __init__(self, answer: Answering, server: FaultServer) -> None:
        self.ready = threading.Event()
        self._answer = answer
        self._server = server
        self._open: set[asyncio.Task[Any]] = set()
        self._busy = 0
        self.failed: Exception | None = None
        """What *answer* raised: a mistake of the test, which it must see."""

    async def listen(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        listening = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=512)
        self._server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        self.ready.set()
        await self._over.wait()
        listening.close()
        for _ in range(3):  # a connection that came while we were closing takes a turn of the loop to show
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, asyncio.sleep(0), return_exceptions=True)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._talk(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Clients that give up are what these tests are about.
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            try:
                while await self._one(reader, writer):
                    pass
            except asyncio.CancelledError:
                writer.transport.abort()
                raise
            finally:
                writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answers one request; whether another one may follow on this connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        method, target, _ = head[0].split(" ", 2)
        query = dict(parse_qsl(urlsplit(target).query, keep_blank_values=True))
        seen = Seen(method=method, path=urlsplit(target).path, query=query, headers=headers, body=body)
        self._server.seen.append(seen)
        self._busy += 1
        self._server.at_once = max(self._server.at_once, self._busy)
        try:
            try:
                reply = self._answer(seen)
            except Exception as error:  # noqa: BLE001 - raised again by serve
                self.failed, reply = error, Reply(hang_up=True)
            return await self._reply(reply, writer)
        finally:
            self._busy -= 1

    async def _reply(self, reply: Reply, writer: asyncio.StreamWriter) -> bool:
        if reply.delay:
            await asyncio.sleep(reply.delay)
        if reply.hang_up:
            return False
        framing = ("Transfer-Encoding", "chunked") if reply.endless else ("Content-Length", str(len(reply.body)))
        lines = [f"HTTP/1.1 {reply.status} X", *(f"{name}: {value}" for name, value in (*reply.headers, framing))]
        await _write(writer, "\r\n".join([*lines, "", ""]).encode("latin-1"), reply.slow_headers)
        while reply.endless:
            await _write(writer, b"%x\r\n%s\r\n" % (len(reply.body), reply.body), 0)
        await _write(writer, reply.body[: reply.cut_at], reply.drip)
        return reply.cut_at is None


async def _write(writer: asyncio.StreamWriter, data: bytes, drip: float) -> None:
    for part in [data] if not drip else [data[index : index + 1] for index in range(len(data))]:
        writer.write(part)
        await writer.drain()
        if drip:
            await asyncio.sleep(drip)
