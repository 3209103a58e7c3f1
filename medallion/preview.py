"""One page of a source, to look at before anything is landed: no Spark, no Bronze, one request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from medallion.clock import Clock
from medallion.config.secret import SecretResolver
from medallion.config.source import Source
from medallion.config.values import parse_instant
from medallion.errors import NotYetError, Problem
from medallion.events import Listener, RequestRetried, nobody
from medallion.prefetch.blocking import RequestsTransport
from medallion.prefetch.hosts import Hosts
from medallion.prefetch.open import asker_of, caps_of
from medallion.source.incremental import lanes
from medallion.source.protocol import DONE, Window


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


def preview(
    source: Source,
    *,
    resolver: SecretResolver,
    clock: Clock,
    rows: int = 20,
    listener: Listener = nobody,
    logical_date: datetime | None = None,
) -> Preview:
    """The first page that a first run of *source* would ask for, and at most *rows* of its records.

    Raises what a run would raise: ConfigError, SourceError, StoppedEarly.
    """
    api = source.api
    if source.type != "api" or api is None:
        raise NotYetError([Problem(path=f"sources.{source.name}", message=f"type {source.type} cannot be previewed yet")])
    now = clock.now()
    asker = asker_of(source, resolver=resolver, hosts=Hosts(clock=clock), clock=clock, logical_date=logical_date or now)
    window = Window(start=None, end=None)
    if (incremental := api.incremental) is not None:
        end = parse_instant(incremental.end_value) if incremental.end_value else now
        cut = lanes(Window(start=parse_instant(incremental.initial_value), end=end), incremental.window)
        window = cut[0].window if cut else window
    position = asker.endpoint.paginator.first()
    request = asker.endpoint.request(asker.endpoint.lane(window), position)
    transport = RequestsTransport(caps=caps_of(api), clock=clock)
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
    shown: list[dict[str, Any]] = [msgspec.json.decode(record) for record in fetched.decoded.records[:rows]]
    return Preview(
        request=request.shown,
        columns=tuple(dict.fromkeys(name for row in shown for name in row)),
        rows=tuple(shown),
        records=len(fetched.decoded.records),
        more=fetched.next != DONE and "short" not in (fetched.next or {}),
        bytes=fetched.answer.wire_bytes,
        seconds=fetched.seconds,
    )
