"""What the tests of prefetching share: a source by its settings, and everything that it gives."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from medallion.clock import Clock, SystemClock
from medallion.config.secret import Secrets
from medallion.config.source import Source
from medallion.errors import MedallionError
from medallion.events import Event
from medallion.prefetch.hosts import Hosts
from medallion.prefetch.open import open_pages
from medallion.source.protocol import Lane, Page, PageSource, Window
from medallion.stop import StopFlag
from medallion.testing.clock import FakeClock

SECRET = "s3cret-value"
ALL = Lane(name="all", window=Window(start=None, end=None))


def source_of(url: str, *, schema: str | None = None, **api: Any) -> Source:
    """A source with records under ``data``; by default eight requests at a time, pages by number."""
    settings = {"base_url": url, "endpoint": "/p", "records_path": "data", "pagination": {"type": "page"}, **api}
    return Source.model_validate({"name": "s", "system": "s", "table": "t", "load_pattern": "cdc", "schema": schema, "api": settings})


@dataclass
class Asking:
    """One source, read by a test."""

    url: str
    clock: Clock = field(default_factory=FakeClock)
    stop: StopFlag = field(default_factory=StopFlag)
    events: list[Event] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    hosts: Hosts | None = None

    def open(self, **api: Any) -> PageSource:
        """The pages of :func:`source_of`."""
        return open_pages(
            source_of(self.url, **api),
            resolver=Secrets(environ={"KEY": SECRET}),
            hosts=self.hosts or Hosts(clock=self.clock),
            clock=self.clock,
            listener=self.events.append,
            stop=self.stop,
        )

    def read(self, *, lanes: Sequence[Lane] = (ALL,), **api: Any) -> list[int]:
        """The ids of all records, in the order in which they come; what was read before an error is in *pages*."""
        for page in self.open(**api).pages(lanes):
            self.pages.append(page)
        return self.ids

    def fail(self, **api: Any) -> MedallionError:
        """The error that reading ends with."""
        try:
            self.read(**api)
        except MedallionError as error:
            return error
        raise AssertionError("no error")

    @property
    def ids(self) -> list[int]:
        """Of what was read so far."""
        return [json.loads(record)["id"] for page in self.pages for record in page.records]


def rows(count: int) -> list[dict[str, Any]]:
    """Records with ids from 0 on."""
    return [{"id": number} for number in range(count)]


def eventually(condition: Callable[[], bool]) -> None:
    """Waits until *condition* holds, and still does a moment later."""
    clock, held = SystemClock(), 0
    until = clock.monotonic() + 10
    while held < 5:
        assert clock.monotonic() < until
        held = held + 1 if condition() else 0
        clock.sleep(0.005)
