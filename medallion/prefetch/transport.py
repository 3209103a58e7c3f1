"""The seam to the network: one request, one whole answer, within caps on bytes and time."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from medallion.errors import PageError, PageTooLargeError, SourceError, SourceUnavailable
from medallion.source.request import Answer, Request

ENCODINGS = "gzip, deflate"
"""What is accepted as content encoding, and no other is read."""
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_GZIP_FILE = b"\x1f\x8b\x08"


@dataclass(frozen=True, kw_only=True)
class Caps:
    """What one page may take: bytes on the wire, bytes when decoded, time from the request to the last byte."""

    wire_bytes: int
    decoded_bytes: int
    page_timeout: timedelta


class Transport(Protocol):
    """Sends requests as they are: follows no redirect, adds no credential, repeats nothing.

    Raises SourceUnavailable for what may pass (no connection, no answer in time), PageError for an answer that was cut off,
    PageTooLargeError above the caps, SourceError for what will not pass; never an error of the library below.
    """

    async def send(self, request: Request) -> Answer:
        """The answer, whatever its status, with its body decoded."""

    async def close(self) -> None:
        """No connection is open any more."""


class BlockingTransport(Protocol):
    """:class:`Transport` for one request at a time."""

    def send(self, request: Request) -> Answer:
        """The answer, whatever its status, with its body decoded."""

    def close(self) -> None:
        """No connection is open any more."""


def inflate(body: bytes, encoding: str | None, *, cap: int, request: Request) -> bytes:
    """*body* decoded from its ``Content-Encoding``, and once more where what is in it is a gzip file itself; errors name *request*.

    Raises PageTooLargeError as soon as *cap* bytes are passed, PageError for a broken or unknown encoding.
    """
    name = (encoding or "identity").strip().lower()
    if name in ("identity", "") or not body:
        if len(body) > cap:
            raise too_large(request, cap, "bytes")
        return _unpacked(body, cap=cap, request=request)
    if name not in ("gzip", "x-gzip", "deflate"):
        raise PageError(f"{request.shown}: the body has the content encoding {name[:40]!r}, although only {ENCODINGS} was accepted")
    try:
        decoded = _inflated(body, cap=cap, request=request, raw=name == "deflate" and not _has_zlib_header(body))
    except zlib.error as error:
        raise PageError(f"{request.shown}: the {name} body is broken ({error})") from error
    return _unpacked(decoded, cap=cap, request=request)


def proxy_refused(request: Request, way: str, status: int | None) -> SourceError:
    """The error of a request that did not get past its proxy."""
    said = "" if status is None else f" with status {status}"
    sentence = f"{request.shown}: no connection{way}: it refused{said}; check api.proxy"
    return SourceUnavailable(sentence) if status is not None and status >= 500 else SourceError(sentence)


def too_large(request: Request, cap: int, what: str) -> PageTooLargeError:
    """The error of a page with more than *cap* of *what*."""
    return PageTooLargeError(
        f"{request.shown}: the page has more than {cap} {what}; it was cut off there: ask for smaller pages, or raise api.limits"
    )


def _unpacked(body: bytes, *, cap: int, request: Request) -> bytes:
    """What a file of gzip holds; other bodies as they are. No text that is JSON or CSV begins as one does."""
    if not body.startswith(_GZIP_FILE):
        return body
    try:
        return _inflated(body, cap=cap, request=request, raw=False)
    except zlib.error as error:
        raise PageError(f"{request.shown}: the gzip file in the body is broken ({error})") from error


def _inflated(body: bytes, *, cap: int, request: Request, raw: bool) -> bytes:
    parts, room = [], cap
    while body:
        member = zlib.decompressobj(-zlib.MAX_WBITS if raw else _GZIP_OR_ZLIB)
        part = member.decompress(body, room + 1)
        if len(part) > room:
            raise too_large(request, cap, "decoded bytes")
        if not member.eof:
            raise PageError(f"{request.shown}: the compressed body was cut off")
        parts.append(part)
        room -= len(part)
        body = member.unused_data.lstrip(b"\0")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _has_zlib_header(body: bytes) -> bool:
    return len(body) > 1 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
