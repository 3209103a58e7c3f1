"""Pages that are ready before they are asked for, from a process of its own: so that the server is not what is measured.

``GET /MS/pages?page=N`` and ``?cursor=N`` answer after MS milliseconds: records under ``data``, the next page's number under
``next`` (null at the end), the number of pages under ``pages``. Behind the last page come pages without records.
``GET /MS/pages/COUNT?page=N`` has as many pages as it is asked to have: those that come again differ in the first ``id``.
"""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import msgspec

from medallion.errors import MedallionError

PAGES, ROWS = 200, 500
"""How many pages there are, and records in each: a million records would say the same, later."""
_CITIES = ("New York", "Chicago", "San Francisco", "Los Angeles", "Zürich", "São Paulo")


def body(number: int, *, pages: int = PAGES, rows: int = ROWS) -> bytes:
    """A page: about 100 kB for 500 records of ten fields. Always the same one for the same number."""
    chance = random.Random(number)
    first = (number - 1) * rows
    data = [_record(first + place, chance) for place in range(rows)] if 1 <= number <= pages else []
    return msgspec.json.encode({"data": data, "next": str(number + 1) if number < pages else None, "pages": pages})


def _record(number: int, chance: random.Random) -> dict[str, object]:
    day, second = chance.randrange(1, 29), chance.randrange(60)
    return {
        "id": number,
        "customer": f"customer-{chance.randrange(50_000)}",
        "email": f"c{chance.randrange(50_000)}@example.org",
        "city": chance.choice(_CITIES),
        "quantity": chance.randrange(1, 20),
        "amount": round(chance.uniform(1, 500), 2),
        "paid": chance.random() < 0.9,
        "note": None if chance.random() < 0.5 else "leave it at the door",
        "created_at": f"2026-01-{day:02}T08:15:{second:02}Z",
        "updated_at": f"2026-02-{day:02}T09:30:{second:02}Z",
    }


def _answer(content: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(content) + content


class _Pages:
    """All answers, headers included."""

    def __init__(self) -> None:
        self._bodies = [body(number) for number in range(1, PAGES + 1)]
        self._ready = dict(enumerate(map(_answer, self._bodies), start=1))
        self._behind = _answer(body(PAGES + 1))

    def to(self, target: str) -> tuple[float, bytes]:
        """The seconds to wait and the answer to a request for *target*."""
        parts = urlsplit(target)
        asked = parse_qs(parts.query)
        number = int(asked.get("page", asked.get("cursor", ["1"]))[0])
        milliseconds, _, *count = parts.path.removeprefix("/").split("/")
        wait = int(milliseconds) / 1000
        if PAGES < number <= int(count[0] if count else PAGES):
            return wait, self._again(number)
        return wait, self._ready.get(number, self._behind)

    def _again(self, number: int) -> bytes:
        rest = self._bodies[(number - 1) % PAGES].partition(b",")[2]
        return _answer(b'{"data":[{"id":%d,' % ((number - 1) * ROWS) + rest)


class _Connection(asyncio.Protocol):
    """One connection that stays open; its requests have no bodies."""

    def __init__(self, pages: _Pages) -> None:
        self._pages = pages
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            wait, answer = self._pages.to(head.split(b" ", 2)[1].decode("ascii"))
            if wait:
                asyncio.get_running_loop().call_later(wait, self._write, answer)
            else:
                self._write(answer)

    def _write(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


async def _serve() -> None:
    loop, stop, pages = asyncio.get_running_loop(), asyncio.Event(), _Pages()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await loop.create_server(lambda: _Connection(pages), "127.0.0.1", 0, backlog=256)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await stop.wait()
    server.close()


@contextmanager
def started() -> Iterator[str]:
    """The URL of the server, which runs until the block ends. Raises MedallionError where it does not start."""
    with subprocess.Popen([sys.executable, "-m", "scripts.bench.server"], stdout=subprocess.PIPE, text=True) as server:
        try:
            url = server.stdout.readline().strip() if server.stdout else ""
            if not url:
                raise MedallionError(f"the page server did not start (exit status {server.wait()}): see above")
            yield url
        finally:
            server.terminate()


if __name__ == "__main__":
    asyncio.run(_serve())
