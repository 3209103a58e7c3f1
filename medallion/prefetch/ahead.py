"""Pages of a source that only blocks: the next one is read by a thread of its own while this one is parsed and landed."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from medallion.clock import Clock
from medallion.events import Listener, Noticed, PageFetched
from medallion.prefetch.prefetcher import stopped
from medallion.source.protocol import Lane, Page, PageSource
from medallion.stop import StopFlag

_LOOK_AT_STOP = 0.1
"""Seconds between two looks at the stop flag while nothing comes."""


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """A PageSource that reads *source* one page ahead. All of it runs in one thread, which is not that of the caller."""

    name: str
    source: PageSource
    clock: Clock
    listener: Listener
    stop: StopFlag

    def pages(self, lanes: Iterable[Lane]) -> Iterator[Page]:
        """See PageSource. A stop gives the page that has arrived and raises TerminatedError, without waiting for the next one."""
        reader = _Reader(self, tuple(lanes))
        reader.start()
        try:
            while (page := self._arrived(reader)) is not None:
                reader.room.release()
                yield page
        finally:
            reader.closed = True
            reader.room.release()
            if not self.stop.requested:
                reader.join()

    def _arrived(self, reader: _Reader) -> Page | None:
        while True:
            try:
                came, seconds = reader.given.get(timeout=_LOOK_AT_STOP)
            except Empty:
                if self.stop.requested:
                    raise stopped() from None
                continue
            if isinstance(came, BaseException):
                raise came
            if came is not None:
                self.listener(PageFetched(source=self.name, bytes=came.wire_bytes, records=len(came.records), seconds=seconds))
            return came


class _Reader(threading.Thread):
    """One call of ``pages``: reads a page whenever there is room, until it is closed."""

    def __init__(self, settings: Ahead, lanes: Sequence[Lane]) -> None:
        super().__init__(name=f"source-{settings.name}", daemon=True)
        self._settings = settings
        self._lanes = lanes
        self.given: SimpleQueue[tuple[Page | BaseException | None, float]] = SimpleQueue()
        """Pages; None behind the last one; the error that ended them."""
        self.room = threading.Semaphore(1)
        self.closed = False

    def run(self) -> None:
        """See Thread."""
        clock = self._settings.clock
        pages = self._settings.source.pages(self._lanes)
        try:
            while True:
                self.room.acquire()
                if self.closed:
                    return
                since = clock.monotonic()
                page = next(pages, None)
                self.given.put((page, clock.monotonic() - since))
                if page is None:
                    return
        except BaseException as error:  # noqa: BLE001  it is raised again in the thread that asked
            self.given.put((error, 0.0))
        finally:
            self._close(pages)

    def _close(self, pages: Iterator[Page]) -> None:
        try:
            if (close := getattr(pages, "close", None)) is not None:
                close()
        except Exception as error:  # noqa: BLE001  nothing is lost any more: it is said, and does not hide why the reading ended
            self._settings.listener(Noticed(subject=self._settings.name, sentence=f"closing the source failed: {error}"))
