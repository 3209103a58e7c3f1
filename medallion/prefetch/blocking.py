"""Requests by requests: one at a time, for the mode without asyncio and for looking at one page."""

from __future__ import annotations

import http.client
import io
import re
import socket
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from medallion.clock import Clock
from medallion.errors import PageError, SourceError, SourceUnavailable
from medallion.prefetch.route import STRAIGHT, Route
from medallion.prefetch.transport import ENCODINGS, Caps, inflate, proxy_refused, too_large
from medallion.source.request import Answer, Request, folded, origin

_PIECE = 1 << 16


class RequestsTransport:
    """One session on one thread; the cap on time holds for the whole answer, also where every byte comes slowly."""

    def __init__(self, *, caps: Caps, clock: Clock, route: Route = STRAIGHT) -> None:
        self._caps = caps
        self._route = route
        self._clock = clock
        self._session: requests.Session | None = None

    def send(self, request: Request) -> Answer:
        session = self._session or self._open()
        proxy = self._route.proxy_to(request.url)
        seconds = self._caps.page_timeout.total_seconds()
        try:
            with session.request(
                request.method,
                request.target,
                headers=dict(request.headers),
                data=request.body,
                allow_redirects=False,
                proxies={"http": proxy, "https": proxy} if proxy else {},
                stream=True,
                timeout=seconds,
            ) as response:
                wire = self._read(response, request)
                headers = folded(response.raw.headers.iteritems())
                status = response.status_code
        except (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError):
            raise SourceUnavailable(f"{request.shown}: no whole answer within {seconds:g}s (page_timeout)") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
            # `from None`: these errors print the URL, which may hold a credential.
            raise _translated(error, request, self._route.shown) from None
        body = inflate(wire, headers.get("content-encoding"), cap=self._caps.decoded_bytes, request=request)
        return Answer(status=status, headers=headers, body=body, url=request.target, wire_bytes=len(wire))

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _open(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False  # .netrc must not add credentials; the proxy is that of the route
        session.proxies = {}
        if self._route.ca_bundle is not None:
            session.verify = self._route.ca_bundle
        certificate, key = self._route.client_certificate, self._route.client_key
        if certificate is not None:
            session.cert = certificate if key is None else (certificate, key)
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        session.headers.update({"Accept-Encoding": ENCODINGS, "User-Agent": "medallion-foundry"})
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Adapter(self._clock, self._caps.page_timeout.total_seconds()))
        self._session = session
        return session

    def _read(self, response: requests.Response, request: Request) -> bytes:
        cap = self._caps.wire_bytes
        if int(response.headers.get("Content-Length") or 0) > cap:
            raise too_large(request, cap, "bytes")
        parts, size = [], 0
        while part := response.raw.read1(_PIECE, decode_content=False):
            parts.append(part)
            size += len(part)
            if size > cap:
                raise too_large(request, cap, "bytes")
        return b"".join(parts)


class _Timed(io.RawIOBase):
    """Reads from a socket until an instant, however slowly the bytes come; TimeoutError after that."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, clock: Clock, seconds: float) -> None:
        self._raw, self._sock, self._clock = raw, sock, clock
        self._until = clock.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Adapter(HTTPAdapter):
    """Connections whose answers, headers and body, come within *seconds*: the time-out of requests starts again with every byte."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        class Response(http.client.HTTPResponse):
            def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
                super().__init__(sock, *args, **kwargs)
                self.fp = io.BufferedReader(_Timed(self.fp.detach(), sock, clock, seconds))

        class Plain(HTTPConnection):
            response_class = Response

        class Secure(HTTPSConnection):
            response_class = Response

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self._pools = {"http": PlainPool, "https": SecurePool}
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _translated(error: Exception, request: Request, way: str) -> SourceError:
    where, here = request.shown, origin(request.url)
    if isinstance(error, requests.exceptions.SSLError):
        return SourceError(f"{where}: the TLS connection to {here} failed; check the certificate and the host's name")
    if isinstance(error, requests.exceptions.ProxyError) and (found := re.search(r"Tunnel connection failed: (\d{3})", str(error))):
        return proxy_refused(request, way, int(found[1]))
    if isinstance(error, (requests.exceptions.ChunkedEncodingError, urllib3.exceptions.ProtocolError, http.client.IncompleteRead)):
        return PageError(f"{where}: the body was cut off")
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema)):
        return SourceError(f"{where}: this is no URL that can be asked")
    if isinstance(error, requests.ConnectionError):
        return SourceUnavailable(f"{where}: no connection to {here}{way}, or it was closed without an answer")
    return SourceUnavailable(f"{where}: {type(error).__name__} while {here} was asked")
