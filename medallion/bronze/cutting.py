"""Pages become chunks: parsed several at a time, cut at whole pages, one schema in each."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from medallion.bronze.arrow import Parsed, RecordReader
from medallion.bronze.chunk import OpenChunk, ReadyChunk
from medallion.bronze.spooler import Sink
from medallion.bronze.watermark import CursorWatch, KinWatch
from medallion.clock import Clock
from medallion.errors import QualityError
from medallion.schema import Type
from medallion.source.joined import joined
from medallion.source.protocol import Page

PARSE_AT_ONCE = 1024 * 1024
"""Bytes of JSON that are parsed together, if pages are smaller."""


@dataclass(kw_only=True)
class ContentHash:
    """The SHA-256 of all records of a run in the order of their lanes: the same however pages and chunks were cut."""

    _lanes: dict[str, hashlib._Hash] = field(default_factory=dict)

    def add(self, lane: str, text: bytes) -> None:
        """The records of a page, joined by newlines."""
        if text:
            digest = self._lanes.setdefault(lane, hashlib.sha256())
            digest.update(text)
            digest.update(b"\n")

    def hexdigest(self) -> str:
        """Of everything added."""
        whole = hashlib.sha256()
        for lane in sorted(self._lanes):
            whole.update(self._lanes[lane].digest())
        return whole.hexdigest()


@dataclass(kw_only=True)
class Cutter:
    """Cuts the pages of one run. What it has read of a chunk that is not complete is :meth:`rest`."""

    reader: RecordReader
    chunk: OpenChunk
    sink: Sink
    clock: Clock
    watch: CursorWatch | None
    content: ContentHash | None
    notice: Callable[[str], None]
    kin: KinWatch | None = None
    """In place of *watch*, where each parent has a cursor of its own."""
    changes: tuple[str, ...] = ()
    """Of the schema, since the last chunk with rows: those of the declaration, at first."""
    pages: int = 0
    wire_bytes: int = 0
    rescued: int = 0
    """Rows with a value that fitted no column."""
    _waiting: list[tuple[Page, bytes]] = field(default_factory=list)
    _waiting_bytes: int = 0
    _columns: Mapping[str, Type] = field(default_factory=dict)
    """Of the open chunk."""
    _noticed: set[str] = field(default_factory=set)

    def cut(self, page: Page) -> Iterator[ReadyChunk]:
        """Takes *page*; gives the chunks that are complete now.

        Raises QualityError where a page breaks a frozen schema contract; the pages before it are in :meth:`rest` then.
        """
        text = joined(page.records)
        if not self.chunk.has_room(len(page.records), len(text)):
            yield from self._parse()
            yield from self._close()
        self.chunk.announce(len(page.records), len(text), self.clock.monotonic())
        self._waiting.append((page, text))
        self._waiting_bytes += len(text)
        due = self.chunk.is_due(self.clock.monotonic())
        if due or self._waiting_bytes >= PARSE_AT_ONCE:
            yield from self._parse()
        if due:
            yield from self._close()

    def rest(self) -> Iterator[ReadyChunk]:
        """What is left: the pages that make no whole chunk; before a QualityError those that came before the page it is about."""
        try:
            yield from self._parse()
        except QualityError:
            yield from self._close()
            raise
        yield from self._close()

    def _parse(self) -> Iterator[ReadyChunk]:
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        alike = True
        for index, (page, text) in enumerate(waiting):
            if alike and index + 1 < len(waiting) and self._taken_at_once(waiting[index:]):
                return
            parsed = self.reader.read(page.records)
            if parsed.plan is not None and parsed.plan.changes and self.chunk.has_rows:
                yield from self._close()
                for later, behind in waiting[index:]:
                    self.chunk.announce(len(later.records), len(behind), self.clock.monotonic())
            alike = parsed.plan is not None and bool(parsed.plan.changes)  # what this page brought may be what the others need
            self._take([(page, text)], parsed)

    def _taken_at_once(self, pages: Sequence[tuple[Page, bytes]]) -> bool:
        rows = sum(len(page.records) for page, _ in pages)
        at_once = self.reader.at_once(b"\n".join(text for _, text in pages if text), rows)
        if at_once is not None:
            self._take(pages, at_once)
        return at_once is not None

    def _take(self, pages: Sequence[tuple[Page, bytes]], parsed: Parsed) -> None:
        for page, text in pages:
            self.chunk.take(page, len(text))
            self.pages += 1
            self.wire_bytes += page.wire_bytes
            if self.content is not None:
                self.content.add(page.lane, text)
        if len(parsed.table):
            self.chunk.add(len(parsed.table), rescued=parsed.rescued)
            self.sink.add(parsed.table)
        self._columns = self.reader.columns
        self.rescued += parsed.rescued
        if self.watch is not None:
            self.watch.observe(parsed.table, self._columns)
        if self.kin is not None:
            self.kin.observe(parsed.table, self._columns, [(page.parent, len(page.records)) for page, _ in pages])
        if parsed.plan is not None:
            self.changes += parsed.plan.changes
            for note in parsed.plan.notes:
                self.say(note)

    def say(self, note: str) -> None:
        """Notices something, once a run."""
        if note not in self._noticed:
            self._noticed.add(note)
            self.notice(note)

    def _close(self) -> Iterator[ReadyChunk]:
        changes = self.changes
        if self.chunk.has_rows:
            self.changes = ()
        ready = self.chunk.close(self._columns, self.sink.close, changes)
        if ready is not None:
            yield ready if self.kin is None else replace(ready, candidates=self.kin.take())
