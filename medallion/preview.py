"""One page of a source, to look at before anything is landed: no Spark, no Bronze, one request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from medallion.clock import Clock
from medallion.config.file import File
from medallion.config.platform import Platform
from medallion.config.secret import SecretResolver
from medallion.config.source import Source
from medallion.errors import NotYetError, Problem, SourceError
from medallion.events import Listener, RequestRetried, nobody
from medallion.prefetch.blocking import RequestsTransport
from medallion.prefetch.hosts import Hosts
from medallion.prefetch.open import asker_of, caps_of
from medallion.prefetch.route import route_of
from medallion.schema import RESCUED
from medallion.source.custom import custom_class, custom_pages
from medallion.source.incremental import first_lane
from medallion.source.listing import Listing
from medallion.source.protocol import DONE, Lane
from medallion.storage.roots import Roots


@dataclass(frozen=True, kw_only=True)
class FirstPage:
    """What a source gives first: *records* as it wrote them; *request* is what was asked, masked."""

    request: str
    records: Sequence[bytes]
    more: bool
    """Whether there seem to be further pages."""
    bytes: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Preview:
    """The first records of the first page. *columns* are in the order in which they come; *request* is what was asked, masked."""

    request: str
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]
    records: int
    """On the whole page."""
    more: bool
    """Whether there seem to be further pages."""
    bytes: int
    seconds: float
    of: str = "page"
    """What *records* are of."""


def preview(
    source: Source,
    *,
    resolver: SecretResolver,
    clock: Clock,
    rows: int = 20,
    listener: Listener = nobody,
    logical_date: datetime | None = None,
    platform: Platform | None = None,
) -> Preview:
    """The first page that a first run of *source* would ask for, and at most *rows* of its records.

    Of files it is the beginning of the oldest one; *platform* says how their storage is reached.
    Raises what a run would raise: ConfigError, SourceError, StorageError, StoppedEarly.
    """
    if source.type == "file" and source.file is not None:
        roots = Roots(platform=platform or Platform(), resolver=resolver, clock=clock, listener=listener)
        return _of_files(source.file, roots, rows=rows, clock=clock)
    lane = first_lane(source.incremental, clock.now())
    return _shown(first_page(source, lane, resolver=resolver, clock=clock, rows=rows, listener=listener, logical_date=logical_date), rows)


def first_page(
    source: Source,
    lane: Lane,
    *,
    resolver: SecretResolver,
    clock: Clock,
    rows: int,
    listener: Listener = nobody,
    logical_date: datetime | None = None,
) -> FirstPage:
    """The first page of *lane*. A class of somebody else's is asked for *rows* records.

    Raises NotYetError for what gives no pages by itself, and what :func:`preview` raises.
    """
    now = clock.now()
    if source.type == "custom":
        return _of_class(source, resolver, lane, clock=clock, rows=rows, logical_date=logical_date or now)
    api = source.api
    if source.type != "api" or api is None:
        raise NotYetError([Problem(path=f"sources.{source.name}", message=f"type {source.type} cannot be previewed yet")])
    if source.parent is not None:
        sentence = f"is asked for each record of {source.parent.source}, and preview reads none: look at what extract lands"
        raise NotYetError([Problem(path=f"sources.{source.name}.parent", message=sentence)])
    asker = asker_of(source, resolver=resolver, hosts=Hosts(clock=clock), clock=clock, logical_date=logical_date or now)
    position = asker.endpoint.paginator.first()
    request = asker.endpoint.request(asker.endpoint.lane(lane.window), position)
    transport = RequestsTransport(caps=caps_of(api), clock=clock, route=route_of(api, resolver, f"sources.{source.name}.api"))
    try:
        fetched = asker.fetch_blocking(
            transport,
            request,
            position,
            sleep=clock.sleep,
            on_retry=lambda failed: listener(
                RequestRetried(source=source.name, reason=failed.error.sentence, attempt=failed.number, wait=failed.wait)
            ),
        )
    finally:
        transport.close()
    more = fetched.next != DONE and "short" not in (fetched.next or {})
    return FirstPage(
        request=request.shown, records=fetched.decoded.records, more=more, bytes=fetched.answer.wire_bytes, seconds=fetched.seconds
    )


def _of_class(source: Source, resolver: SecretResolver, lane: Lane, *, clock: Clock, rows: int, logical_date: datetime) -> FirstPage:
    if custom_class(source).kind == "frames":
        sentence = "gives frames, which Spark reads, and preview starts none: look at what extract lands"
        raise NotYetError([Problem(path=f"sources.{source.name}.custom.class", message=sentence)])
    since = clock.monotonic()
    pages = custom_pages(source, resolver, clock=clock, logical_date=logical_date, page_records=rows)
    with closing(pages.pages([lane])) as given:
        page = next(given, None)
    records = () if page is None else page.records
    more, size = page is not None and page.next != DONE, 0 if page is None else page.wire_bytes
    return FirstPage(request=custom_class(source).shown, records=records, more=more, bytes=size, seconds=clock.monotonic() - since)


def _of_files(file: File, roots: Roots, *, rows: int, clock: Clock) -> Preview:
    from medallion.source.beginning import opened  # with pyarrow, which no other preview needs

    since = clock.monotonic()
    listing = Listing.of(file, roots.open)
    there = sorted(listing.now(), key=lambda one: (one.modified, one.path))
    if not there:
        raise SourceError(f"there is no file {listing.shown}; look at file.path")
    size = 0
    for one in there:
        beginning = opened(listing, one, rows)
        size += beginning.bytes
        if beginning.rows:
            break
    return Preview(
        request=f"{listing.uri(one.path)}, the oldest of {len(there):,}" + ("" if beginning.whole else ", its beginning"),
        columns=tuple(dict.fromkeys(name for row in beginning.rows for name in row)),
        rows=beginning.rows[:rows],
        records=len(beginning.rows),
        more=len(there) > 1,
        bytes=size,
        seconds=clock.monotonic() - since,
        of="file",
    )


def _shown(page: FirstPage, rows: int) -> Preview:
    decoded = [msgspec.json.decode(record) for record in page.records[:rows]]
    shown: list[dict[str, Any]] = [row if isinstance(row, dict) else {RESCUED: row} for row in decoded]
    columns = tuple(dict.fromkeys(name for row in shown for name in row))
    return Preview(
        request=page.request,
        columns=columns,
        rows=tuple(shown),
        records=len(page.records),
        more=page.more,
        bytes=page.bytes,
        seconds=page.seconds,
    )
