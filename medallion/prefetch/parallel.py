"""Requests by aiohttp: many at a time on one event loop."""

from __future__ import annotations

import asyncio

import aiohttp
from yarl import URL

from medallion.errors import PageError, SourceError, SourceUnavailable
from medallion.prefetch.route import STRAIGHT, Route
from medallion.prefetch.transport import ENCODINGS, Caps, inflate, proxy_refused, too_large
from medallion.source.request import Answer, Request, folded, origin

_READ_AHEAD = 1 << 18
"""Bytes that aiohttp holds of a body before it stops reading from the socket."""


class AiohttpTransport:
    """One session, opened at the first request on the running loop; at most *connections* at a time."""

    def __init__(self, *, caps: Caps, connections: int, route: Route = STRAIGHT) -> None:
        self._caps = caps
        self._route = route
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: Request) -> Answer:
        session = self._session or self._open()
        try:
            async with session.request(
                request.method,
                URL(request.target, encoded=True),
                headers=request.headers,
                data=request.body,
                allow_redirects=False,
                proxy=self._route.proxy_to(request.url),
            ) as response:
                wire = await self._read(response, request)
                headers = folded(response.headers.items())
        except asyncio.TimeoutError:
            seconds = self._caps.page_timeout.total_seconds()
            raise SourceUnavailable(f"{request.shown}: no whole answer within {seconds:g}s (page_timeout)") from None
        except aiohttp.ClientError as error:
            # `from None`: these errors print the URL, which may hold a credential.
            raise _translated(error, request, self._route.shown) from None
        except (OSError, ValueError) as error:
            raise SourceUnavailable(f"{request.shown}: {type(error).__name__} while the request was sent") from None
        body = inflate(wire, headers.get("content-encoding"), cap=self._caps.decoded_bytes, request=request)
        return Answer(status=response.status, headers=headers, body=body, url=request.target, wire_bytes=len(wire))

    async def close(self) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, ssl=self._route.context() or True),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": ENCODINGS, "User-Agent": "medallion-foundry"},
            timeout=aiohttp.ClientTimeout(total=self._caps.page_timeout.total_seconds()),
            auto_decompress=False,
            read_bufsize=_READ_AHEAD,
            trust_env=False,  # .netrc must not add credentials; the proxy is that of the route
        )
        return self._session

    async def _read(self, response: aiohttp.ClientResponse, request: Request) -> bytes:
        cap, content = self._caps.wire_bytes, response.content
        if (response.content_length or 0) > cap:
            response.close()
            raise too_large(request, cap, "bytes")
        first = await content.readany()
        if content.at_eof():
            parts = [first]
        else:
            parts, size = [first], len(first)
            while part := await content.readany():
                parts.append(part)
                size += len(part)
                if size > cap:
                    response.close()
                    raise too_large(request, cap, "bytes")
        return first if len(parts) == 1 else b"".join(parts)


def _translated(error: aiohttp.ClientError, request: Request, way: str) -> SourceError:
    """The typed error for one of aiohttp's; the most specific kinds first."""
    where, here = request.shown, origin(request.url)
    if isinstance(error, (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError)):
        return SourceError(f"{where}: the TLS connection to {here} failed ({_reason(error)}); check the certificate and the host's name")
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return proxy_refused(request, way, error.status)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return SourceUnavailable(f"{where}: the host name of {here} cannot be resolved")
    if isinstance(error, aiohttp.ClientConnectorError):
        return SourceUnavailable(f"{where}: no connection to {here}{way} ({_reason(error)})")
    if isinstance(error, aiohttp.ClientPayloadError):
        return PageError(f"{where}: the body was cut off")
    if isinstance(error, aiohttp.InvalidURL):
        return SourceError(f"{where}: this is no URL that can be asked")
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return SourceUnavailable(f"{where}: {here} closed the connection without an answer")
    return SourceUnavailable(f"{where}: {type(error).__name__} while {here} was asked")


def _reason(error: aiohttp.ClientError) -> str:
    inner = getattr(error, "os_error", None) or getattr(error, "certificate_error", None)
    return str(getattr(inner, "strerror", None) or inner or type(error).__name__)
