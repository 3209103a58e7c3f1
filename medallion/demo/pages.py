"""What a request asks for, and how an answer is spelled."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

import msgspec

from medallion.demo import dataset
from medallion.demo.feed import Feed

DEFAULT_SIZE = 500
LARGEST_SIZE = 10_000
_EARLIEST, _LATEST = 0, 32_503_680_000  # the years 1970 and 3000


class BadRequest(Exception):
    """The request cannot be answered, and why."""

    status = 400


class NotThere(BadRequest):
    """There is nothing of what is asked for."""

    status = 404


class _Place(msgspec.Struct, frozen=True, array_like=True):
    """What a cursor means: opaque to clients."""

    since: int
    until: int
    first: int


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Which part of a list is wanted; *page* is None where a cursor leads."""

    first: int
    count: int
    page: int | None


def instant(text: str, *, name: str) -> int:
    """Whole seconds since 1970 of an ISO 8601 instant, rounded up, so that half-open bounds stay exact; dates are midnight, UTC."""
    try:
        parsed = datetime.fromisoformat(text.replace("Z", "+00:00"))
        seconds = parsed.replace(tzinfo=parsed.tzinfo or timezone.utc).timestamp()
    except (ValueError, OverflowError) as error:
        raise BadRequest(f"{name}: {text!r} is not an instant such as 2013-01-01T00:00:00Z") from error
    return max(_EARLIEST, min(_LATEST, int(-(-seconds // 1))))


def change_page(feed: Feed, query: Mapping[str, str]) -> bytes:
    """The answer of ``/flights/changes``: by cursor, or by number where ``page`` is given.

    Raises BadRequest where a parameter makes no sense.
    """
    if query.get("order", "asc") != "asc":
        raise BadRequest("order: only asc")
    since = instant(query["since"], name="since") if "since" in query else _EARLIEST
    until = instant(query["until"], name="until") if "until" in query else _LATEST
    if "page" in query:
        wanted = _numbered(query)
        window = feed.window(since, until)
        return _numbered_page(window.rows(wanted.first, wanted.count)[0], wanted, window.total())
    place = _Place(since, until, 0)
    if "cursor" in query:
        place = _place(query["cursor"])
        if ("since" in query and place.since != since) or ("until" in query and place.until != until):
            raise BadRequest("cursor: belongs to another since or until")
    count = _number(query, "limit" if "limit" in query else "size", DEFAULT_SIZE, LARGEST_SIZE)
    rows, more = feed.window(place.since, place.until).rows(place.first, count)
    following = b"null"
    if more:
        following = b'"' + _cursor(_Place(place.since, place.until, place.first + count)) + b'"'
    return b"".join((b'{"data":[', rows, b'],"next":', following, b"}"))


def table_page(rows: list[bytes], query: Mapping[str, str]) -> bytes:
    """The answer of a table's endpoint, by number.

    Raises BadRequest where a parameter makes no sense.
    """
    wanted = _numbered(query)
    return _numbered_page(b",".join(rows[wanted.first : wanted.first + wanted.count]), wanted, len(rows))


def table_rows(name: str) -> list[bytes]:
    """A table of the data set, each row as JSON."""
    encode = msgspec.json.Encoder().encode
    return [encode(row) for row in dataset.read(name).to_pylist()]


def weather_rows() -> dict[str, list[bytes]]:
    """The rows of the weather by airport, each as JSON."""
    encode = msgspec.json.Encoder().encode
    found: dict[str, list[bytes]] = {}
    for row in dataset.read("weather").to_pylist():
        found.setdefault(row["origin"], []).append(encode(row))
    return found


def _numbered(query: Mapping[str, str]) -> Slice:
    page = _number(query, "page", 1, 1_000_000_000)
    count = _number(query, "size" if "size" in query else "limit", DEFAULT_SIZE, LARGEST_SIZE)
    return Slice(first=(page - 1) * count, count=count, page=page)


def _numbered_page(rows: bytes, wanted: Slice, total: int) -> bytes:
    pages = -(-total // wanted.count)
    return b"".join((b'{"data":[', rows, b'],"page":%d,"pages":%d,"total":%d}' % (wanted.page or 1, pages, total)))


def _number(query: Mapping[str, str], name: str, default: int, largest: int) -> int:
    text = query.get(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 12 or not 1 <= int(text) <= largest:
        raise BadRequest(f"{name}: {text!r} is not a whole number from 1 to {largest}")
    return int(text)


def _cursor(place: _Place) -> bytes:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).rstrip(b"=")


def _place(cursor: str) -> _Place:
    try:
        place = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=_Place)
    except (msgspec.MsgspecError, binascii.Error, ValueError) as error:
        raise BadRequest(f"cursor: {cursor!r} is not one of ours") from error
    if place.first < 0:
        raise BadRequest(f"cursor: {cursor!r} is not one of ours")
    return place
