"""Records become pages: cut where the source can be resumed, so that whatever is committed is never asked again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from medallion.clock import Clock
from medallion.errors import PageTooLargeError
from medallion.source.protocol import DONE, Lane, Page, Position, Record, RecordSource

MOST_BYTES = 64 * 1024**2
"""Of the records between two positions: they are held in memory."""


@dataclass(frozen=True, kw_only=True)
class RecordPages:
    """A PageSource made of a RecordSource, lane after lane. A page ends behind a record with a position, once it has *records*
    records, *bytes* bytes of JSON, or is *seconds* old.
    """

    source: RecordSource
    clock: Clock
    records: int = 1000
    bytes: int = 1024**2
    seconds: float = 1.0

    def pages(self, lanes: Sequence[Lane]) -> Iterator[Page]:
        """See PageSource. Where the source fails, the records that it can be resumed behind are given before its error is raised."""
        for lane in lanes:
            yield from self._of(lane)

    def _of(self, lane: Lane) -> Iterator[Page]:
        open_page = _OpenPage(lane=lane.name, position=lane.position or {})
        given = self.source.records(lane)
        began = self.clock.monotonic()
        try:
            while True:
                try:
                    record, following = next(given)
                    open_page.add(as_json(record), following)
                except StopIteration:
                    break
                except Exception:
                    if open_page.resumable:
                        yield open_page.upto_position()
                    raise
                full = len(open_page.rows) >= self.records or open_page.size >= self.bytes
                if following is not None and (full or self.clock.monotonic() - began >= self.seconds):
                    yield open_page.upto_position()
                    open_page = _OpenPage(lane=lane.name, position=following)
                    began = self.clock.monotonic()
        finally:
            if (close := getattr(given, "close", None)) is not None:
                close()
        yield open_page.last()


@dataclass(kw_only=True)
class _OpenPage:
    lane: str
    position: Position
    rows: list[bytes] = field(default_factory=list)
    size: int = 0
    """Bytes of them."""
    resumable: int = 0
    """Records up to the last one with a position."""
    following: Position = field(default_factory=dict)

    def add(self, row: bytes, following: Position | None) -> None:
        self.rows.append(row)
        self.size += len(row)
        if following is not None:
            self.resumable, self.following = len(self.rows), following
        elif self.size > MOST_BYTES:
            raise PageTooLargeError(
                f"more than {MOST_BYTES // 1024**2} MB of records in a row have no position, and are held in memory until one has: "
                "give a position with every record, or with every thousandth"
            )

    def upto_position(self) -> Page:
        rows = self.rows[: self.resumable]
        return Page(lane=self.lane, position=self.position, next=self.following, records=rows, wire_bytes=sum(map(len, rows)))

    def last(self) -> Page:
        return Page(lane=self.lane, position=self.position, next=DONE, records=self.rows, wire_bytes=self.size)


def as_json(record: Record) -> bytes:
    """*record* as a JSON object on one line; TypeError or ValueError for what is none."""
    if isinstance(record, Mapping):
        return msgspec.json.encode(record)
    if not isinstance(record, bytes):
        raise TypeError(f"a record must be a mapping or JSON as bytes, got {type(record).__name__}")
    return msgspec.json.format(record, indent=-1) if b"\n" in record or b"\r" in record else record.strip()
