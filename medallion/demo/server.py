"""The flights API: a server of its own that answers as real ones do, with latency, limits and trouble if asked for.

Behind the bearer token: ``/flights/changes`` (``since``, ``until``; by ``cursor`` and ``limit``, or by ``page`` and
``size``), ``/airlines``, ``/airports``, ``/planes``, ``/weather``, ``/airports/{faa}/weather`` (by ``page`` and ``size``).
Open: ``/_health``. From this machine only: ``/_stats`` (GET, DELETE), ``/_trouble`` (GET, POST a list of rules, DELETE).
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

import msgspec
from aiohttp import web

from medallion.clock import Clock, SystemClock
from medallion.demo import dataset, pages, trouble
from medallion.demo.feed import Feed
from medallion.demo.trouble import Preset, Rule, Script
from medallion.errors import ConfigError, Problem

Ready: TypeAlias = Callable[[str], None]
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

_MOST_QUERIES = 200_000
_JSON = "application/json"


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """How the API is served. *port* 0 takes a free one; *token* None asks for none; *months* of 2013 are prepared at the start."""

    host: str = "127.0.0.1"
    port: int = 8013
    token: str | None = None
    latency: timedelta = timedelta(0)
    trouble: Preset = "none"
    months: tuple[int, ...] = (1,)


class Stats(msgspec.Struct, kw_only=True):
    """What was asked: requests with a good token, by path and by exact query; answers by status; the most at one time."""

    requests: int = 0
    paths: Counter[str] = msgspec.field(default_factory=Counter)
    queries: Counter[str] = msgspec.field(default_factory=Counter)
    """Of the first 200,000 different ones."""
    statuses: Counter[str] = msgspec.field(default_factory=Counter)
    at_once: int = 0

    def asked(self, path: str, query: str) -> None:
        """Counts a request."""
        self.requests += 1
        self.paths[path] += 1
        if len(self.queries) < _MOST_QUERIES or query in self.queries:
            self.queries[query] += 1


class FlightsApi:
    """The handlers and what they share; one event loop, so nothing is locked."""

    def __init__(self, options: ServeOptions, *, clock: Clock | None = None, feed: Feed | None = None) -> None:
        self._authorization = None if options.token is None else f"Bearer {options.token}".encode()
        self._latency = options.latency.total_seconds()
        self._clock = clock or SystemClock()
        self._script = Script(trouble.PRESETS[options.trouble])
        self._stats = Stats()
        self._in_flight = 0
        self._feed = feed or Feed()
        self._tables: dict[str, list[bytes]] = {}
        self._weather: dict[str, list[bytes]] = {}
        for month in options.months:
            self._feed.prepare(month)

    def application(self) -> web.Application:
        """The routes."""
        app = web.Application(client_max_size=1 << 20)
        app.router.add_get("/flights/changes", self._guarded(lambda request: pages.change_page(self._feed, request.query)))
        for name in dataset.TABLES:
            app.router.add_get(f"/{name}", self._guarded(lambda request: pages.table_page(self._table(request.path[1:]), request.query)))
        app.router.add_get("/airports/{faa}/weather", self._guarded(self._weather_page))
        app.router.add_get("/_health", _health)
        for path, method, handler in (
            ("/_stats", "GET", self._show_stats),
            ("/_stats", "DELETE", self._forget_stats),
            ("/_trouble", "GET", self._show_trouble),
            ("/_trouble", "POST", self._make_trouble),
            ("/_trouble", "DELETE", self._end_trouble),
        ):
            app.router.add_route(method, path, _from_here(handler))
        return app

    def _table(self, name: str) -> list[bytes]:
        if name not in self._tables:
            self._tables[name] = pages.table_rows(name)
        return self._tables[name]

    def _weather_page(self, request: web.Request) -> bytes:
        """The hours of one airport; NotThere for those without a weather station, which are nearly all."""
        if not self._weather:
            self._weather = pages.weather_rows()
        rows = self._weather.get(request.match_info["faa"])
        if rows is None:
            raise pages.NotThere(f"there is no weather of {request.match_info['faa']!r}")
        return pages.table_page(rows, request.query)

    def _guarded(self, page: Callable[[web.Request], bytes]) -> Handler:
        """A page behind the token, counted, delayed, and troubled by script."""

        async def handle(request: web.Request) -> web.StreamResponse:
            if not self._allowed(request):
                self._stats.statuses["401"] += 1
                return _problem(401, "give the token as Authorization: Bearer …", {"WWW-Authenticate": "Bearer"})
            self._stats.asked(request.path, request.path_qs)
            self._in_flight += 1
            self._stats.at_once = max(self._stats.at_once, self._in_flight)
            try:
                if self._latency:
                    await self._clock.pause(self._latency)
                rule = self._script.next(request.path)
                answer = await self._answer(request, page, rule)
                self._stats.statuses[str(answer.status)] += 1
            finally:
                self._in_flight -= 1
            return answer

        return handle

    def _allowed(self, request: web.Request) -> bool:
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        return self._authorization is None or hmac.compare_digest(given, self._authorization)

    async def _answer(self, request: web.Request, page: Callable[[web.Request], bytes], rule: Rule | None) -> web.StreamResponse:
        if rule is not None and rule.kind.isdigit():
            headers = {"Retry-After": rule.retry_after} if rule.kind in ("429", "503") and rule.retry_after is not None else {}
            return _problem(int(rule.kind), "trouble, as the script says", headers)
        try:
            body = page(request)
        except pages.BadRequest as error:
            return _problem(error.status, str(error))
        if rule is None:
            return web.Response(body=body, content_type=_JSON)
        if rule.kind == "slow":
            await self._clock.pause(rule.seconds)
        elif rule.kind == "truncated":
            body = body[: len(body) // 2]
        elif rule.kind == "cut":
            return await _cut(request, body)
        elif rule.kind == "html":
            return web.Response(text="<!doctype html><title>Sign in</title><h1>Sign in</h1>", content_type="text/html")
        elif rule.kind == "envelope":
            body = b'{"result":{"items":[]}}'
        return web.Response(body=body, content_type=_JSON)

    async def _show_stats(self, _request: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(self._stats), content_type=_JSON)

    async def _forget_stats(self, _request: web.Request) -> web.Response:
        self._stats = Stats()
        return web.Response(status=204)

    async def _show_trouble(self, _request: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(self._script.rules), content_type=_JSON)

    async def _make_trouble(self, request: web.Request) -> web.Response:
        try:
            self._script = Script(trouble.parse(await request.read()))
        except msgspec.MsgspecError as error:
            return _problem(400, str(error))
        return web.Response(status=204)

    async def _end_trouble(self, _request: web.Request) -> web.Response:
        self._script = Script()
        return web.Response(status=204)


async def _health(_request: web.Request) -> web.Response:
    return web.Response(body=b'{"status":"ok"}', content_type=_JSON)


def _from_here(handler: Handler) -> Handler:
    """The handler, for callers on this machine only."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        if not ipaddress.ip_address((request.remote or "0.0.0.0").partition("%")[0]).is_loopback:
            return _problem(403, "only from the machine that serves")
        return await handler(request)

    return guarded


def _problem(status: int, sentence: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode({"error": sentence}), content_type=_JSON, headers=headers)


async def _cut(request: web.Request, body: bytes) -> web.StreamResponse:
    """Half of the page, then the end of the connection."""
    response = web.StreamResponse(headers={"Content-Type": _JSON, "Content-Length": str(len(body))})
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


def run(options: ServeOptions, *, ready: Ready) -> None:
    """Serves until SIGTERM or Ctrl-C; calls *ready* with the API's URL once it answers.

    Raises ConfigError where the extra ``demo`` is missing or the port is taken.
    """
    asyncio.run(_serve(options, ready))


async def _serve(options: ServeOptions, ready: Ready) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(FlightsApi(options).application(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, options.host, options.port, backlog=1024)
        try:
            await site.start()
        except OSError as error:
            sentence = f"cannot listen on {options.host}:{options.port} ({error.strerror}); choose another port, or 0 for a free one"
            raise ConfigError([Problem(path="", message=sentence)]) from error
        host, port = runner.addresses[0][:2]
        ready(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
        await stop.wait()
    finally:
        await runner.cleanup()
