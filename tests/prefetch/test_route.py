"""Proxies, private authorities and client certificates, by both ways of asking, against real servers."""

from __future__ import annotations

import asyncio
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme
from asking import SECRET, Asking, rows

from medallion.errors import ConfigError, SourceError
from medallion.prefetch.route import Route
from medallion.testing.server import pages, serve

PAGES = pages(rows(5), size=2)
QUICK = {"retry": {"attempts": 1}, "limits": {"page_timeout": "5s"}}


class Relay:
    """A proxy that tunnels and forwards, or, with a certificate, a TLS front; it notes the first lines of what it is told."""

    def __init__(self, *, to: str = "", tls: ssl.SSLContext | None = None, refuse: bool = False) -> None:
        self.heads: list[str] = []
        self._to, self._tls, self._refuse = to, tls, refuse
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._listen()), daemon=True)
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self) -> int:
        """The port."""
        self._thread.start()
        self._ready.wait()
        return self._port

    def stop(self) -> None:
        """Nobody is listened to any more."""
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    async def _listen(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._over.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._talk(reader, writer))
        self._tasks.add(task)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            try:
                await self._relay(reader, writer)
            finally:
                writer.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = b""
        place = self._to
        if not self._tls:
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head.decode("latin-1"))
            target = head.split(b" ")[1].decode()
            place = target.removeprefix("http://").partition("/")[0]
            if self._refuse:
                writer.write(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
                return
        host, _, port = place.partition(":")
        there, back = await asyncio.open_connection(host, int(port))
        if head.startswith(b"CONNECT"):
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        elif head:  # an origin takes a path, and one request is enough for a test
            back.write(head.replace(f"http://{place}".encode(), b"", 1))
        await asyncio.gather(_copy(reader, back), _copy(there, writer))


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while part := await source.read(1 << 16):
        if part.startswith(b"GET http://"):
            # What follows on a connection that is kept open is for the same origin.
            method, target, rest = part.split(b" ", 2)
            part = b" ".join([method, b"/" + target.split(b"/", 3)[3], rest])
        sink.write(part)
        await sink.drain()
    sink.close()


@contextmanager
def running(relay: Relay) -> Iterator[int]:
    """The port of a relay until the block ends."""
    port = relay.start()
    try:
        yield port
    finally:
        relay.stop()


@contextmanager
def tls_server(authority: trustme.CA, *, client: trustme.CA | None = None) -> Iterator[int]:
    """The port of an API that speaks TLS with a certificate of *authority*, and asks for one of *client*."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    if client is not None:
        client.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    with serve(PAGES) as server, running(Relay(to=server.url.removeprefix("http://"), tls=context)) as port:
        yield port


@pytest.fixture
def bundle(tmp_path: Path) -> tuple[trustme.CA, str]:
    """A private authority and the file that trusts it."""
    authority = trustme.CA()
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return authority, str(path)


def test_a_private_authority_is_trusted_where_it_is_named(way: dict[str, Any], bundle: tuple[trustme.CA, str]) -> None:
    """With its bundle the pages come; without it the error says TLS, and nothing is retried."""
    authority, path = bundle
    with tls_server(authority) as port:
        url = f"https://localhost:{port}"
        assert Asking(url).read(**way, tls={"ca_bundle": path}) == [0, 1, 2, 3, 4]
        error = Asking(url).fail(**way, **QUICK)
    assert type(error) is SourceError
    assert "TLS" in error.sentence


def test_a_client_certificate_is_shown(way: dict[str, Any], bundle: tuple[trustme.CA, str], tmp_path: Path) -> None:
    """A server that asks for one lets in who has one."""
    authority, path = bundle
    leaf = authority.issue_cert("me")
    leaf.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "me.pem"))
    with tls_server(authority, client=authority) as port:
        url = f"https://localhost:{port}"
        tls = {"ca_bundle": path, "client_certificate": str(tmp_path / "me.pem")}
        assert Asking(url).read(**way, tls=tls) == [0, 1, 2, 3, 4]
        assert isinstance(Asking(url).fail(**way, **QUICK, tls={"ca_bundle": path}), SourceError)


def test_requests_go_through_the_proxy(way: dict[str, Any], bundle: tuple[trustme.CA, str]) -> None:
    """Plain ones are forwarded, TLS ones tunnelled; credentials of the proxy go to the proxy."""
    authority, path = bundle
    proxy = Relay()
    with running(proxy) as port, serve(PAGES) as server, tls_server(authority) as secure:
        through = {"url": f"http://127.0.0.1:{port}", "username": "me", "password": "secret:env:KEY"}
        assert Asking(server.url).read(**way, proxy=through) == [0, 1, 2, 3, 4]
        assert Asking(f"https://localhost:{secure}").read(**way, proxy=through, tls={"ca_bundle": path}) == [0, 1, 2, 3, 4]
    pair = b64encode(f"me:{SECRET}".encode()).decode()
    assert any(head.startswith("GET http://") for head in proxy.heads)
    assert any(head.startswith("CONNECT localhost") for head in proxy.heads)
    assert all(f"Proxy-Authorization: Basic {pair}" in head for head in proxy.heads)


def test_a_proxy_that_refuses_is_a_typed_error_without_its_password(way: dict[str, Any], bundle: tuple[trustme.CA, str]) -> None:
    """A tunnel that is not given ends the run at once, and the sentence names the proxy."""
    with running(Relay(refuse=True)) as port:
        proxy = {"url": f"http://127.0.0.1:{port}", "username": "me", "password": "secret:env:KEY"}
        error = Asking("https://localhost:1").fail(**way, **QUICK, proxy=proxy)
    assert type(error) is SourceError
    assert f"through the proxy http://127.0.0.1:{port}" in error.sentence
    assert "407" in error.sentence
    assert SECRET not in error.sentence


def test_the_environments_proxy_counts_only_where_it_is_asked_for(way: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY in somebody's shell changes no run that did not ask for it."""
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    proxy = Relay()
    with running(proxy) as port, serve(PAGES) as server:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        Asking(server.url).read(**way)
        assert proxy.heads == []
        Asking(server.url).read(**way, proxy={"url": "environment"})
        assert proxy.heads


def test_the_environment_may_except_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy for the scheme, unless the host is excepted."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    route = Route(proxy="environment")
    assert route.proxy_to("https://h/x") is None
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert route.proxy_to("https://h/x") == "http://proxy:3128"
    assert route.proxy_to("http://h/x") is None
    assert route.proxy_to("https://inside.example:8443/x") is None
    assert Route().proxy_to("https://h/x") is None


def test_files_that_cannot_be_used_are_a_wrong_configuration(tmp_path: Path) -> None:
    """They are named before anything is asked."""
    (tmp_path / "no.pem").write_text("no certificate", encoding="utf-8")
    for name, said in (("missing.pem", "tls.ca_bundle: there is no file"), ("no.pem", "no certificates")):
        with pytest.raises(ConfigError, match=said):
            Asking("https://h").open(tls={"ca_bundle": str(tmp_path / name)})
