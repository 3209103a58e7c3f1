"""What a run did so far, counted from its events: for the progress that is shown and the table at the end."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, TypeAlias

from medallion.clock import Clock
from medallion.events import BatchApplied, ChunkCommitted, Event, PageFetched, PromotionCompleted, PromotionOpened, RequestRetried

Subject: TypeAlias = tuple[Literal["source", "entity"], str]
"""A source and an entity may have one name."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Of one source, store or entity. *bytes* are those of answers, *since* the monotonic seconds of its first event."""

    pages: int = 0
    records: int = 0
    bytes: int = 0
    retries: int = 0
    commits: int = 0
    committed_rows: int = 0
    batches: int = 0
    applied_rows: int = 0
    since: float = 0.0
    last_page: float = 0.0

    @property
    def pages_per_second(self) -> float:
        """Pages a second from the first event to the last page; 0 before there is anything to measure."""
        return self.pages / (self.last_page - self.since) if self.last_page > self.since else 0.0


class Tally:
    """A listener that counts; safe to share between threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counts: dict[Subject, Counts] = {}
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Counts *event*."""
        subject = subject_of(event)
        now = self._clock.monotonic()
        with self._lock:
            known = self._counts.get(subject) or Counts(since=now)
            self._counts[subject] = _counted(known, event, now)

    def of(self, subject: Subject) -> Counts:
        """The counts of a source or an entity so far."""
        with self._lock:
            return self._counts.get(subject, Counts())

    @property
    def all(self) -> Mapping[Subject, Counts]:
        """All counts so far, by subject, in the order of their first events."""
        with self._lock:
            return MappingProxyType(dict(self._counts))


def name_of(event: Event) -> str:
    """The name of what an event is about."""
    for name in ("source", "entity", "subject"):
        found = getattr(event, name, None)
        if found is not None:
            return str(found)
    raise TypeError(f"{event!r} is about nothing")


def subject_of(event: Event) -> Subject:
    """The source or entity that an event is about; where an event does not say which, it is taken for a source."""
    return "entity" if isinstance(event, PromotionOpened | BatchApplied | PromotionCompleted) else "source", name_of(event)


def _counted(counts: Counts, event: Event, now: float) -> Counts:
    if isinstance(event, PageFetched):
        return replace(
            counts, pages=counts.pages + 1, records=counts.records + event.records, bytes=counts.bytes + event.bytes, last_page=now
        )
    if isinstance(event, RequestRetried):
        return replace(counts, retries=counts.retries + 1)
    if isinstance(event, ChunkCommitted):
        return replace(counts, commits=counts.commits + 1, committed_rows=counts.committed_rows + event.rows)
    if isinstance(event, BatchApplied):
        return replace(counts, batches=counts.batches + 1, applied_rows=counts.applied_rows + event.rows)
    return counts
