"""One request at a time, without asyncio: while a page is read, the next one is fetched by one other thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass

from medallion.events import Event, Listener
from medallion.policy.retry import FailedAttempt
from medallion.prefetch.attempt import Asker
from medallion.prefetch.handover import Delivery
from medallion.prefetch.lanes import LaneState
from medallion.prefetch.prefetcher import page_fetched, retried, stopped
from medallion.prefetch.transport import BlockingTransport
from medallion.source.protocol import Lane, Page
from medallion.stop import StopFlag

_LOOK_AT_STOP = 0.1
"""Seconds between two looks at the stop flag while nothing comes, and longest stretch of a wait."""


@dataclass(frozen=True, kw_only=True)
class SequentialPrefetcher:
    """A PageSource with one request under way, lane after lane: parsing and landing hide behind the fetch of the next page."""

    asker: Asker
    connect: Callable[[], BlockingTransport]
    listener: Listener
    stop: StopFlag

    def pages(self, lanes: Iterable[Lane]) -> Iterator[Page]:
        """The pages of *lanes*; see PageSource. A stop gives what has arrived, then raises TerminatedError."""
        run = _Run(self, lanes)
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"prefetch-{self.asker.source}") as worker:
            coming = worker.submit(run.next_page)
            try:
                while (delivery := self._arrived(run, coming)) is not None:
                    coming = worker.submit(run.next_page)
                    self.listener(page_fetched(self.asker.source, delivery))
                    yield delivery.page
                    del delivery
            finally:
                run.closed = True
                worker.submit(run.close).result()

    def _arrived(self, run: _Run, coming: Future[Delivery | None]) -> Delivery | None:
        while True:
            try:
                return coming.result(timeout=_LOOK_AT_STOP)
            except NotYet:
                if coming.done():
                    raise
            finally:
                while run.told:
                    self.listener(run.told.popleft())


class _Run:
    """One call of ``pages``; its methods run on the worker's thread."""

    def __init__(self, settings: SequentialPrefetcher, lanes: Iterable[Lane]) -> None:
        self._settings = settings
        self._waiting = iter(lanes)
        self._state: LaneState | None = None
        self._transport = settings.connect()
        self.told: deque[Event] = deque()
        self.closed = False

    def next_page(self) -> Delivery | None:
        """The next page of all lanes; None behind the last one."""
        if self._settings.stop.requested:
            raise stopped()
        while self._state is None or self._state.done:
            if (lane := next(self._waiting, None)) is None:
                return None
            self._state = LaneState(lane, self._settings.asker.endpoint)
        asked = self._state.ask(guesses=0)
        if asked is None:
            return None
        fetched = self._settings.asker.fetch_blocking(
            self._transport, asked.request, asked.position, sleep=self._sleep, on_retry=self._tell
        )
        self._state.came(asked, fetched)
        return next(self._state.settle([]), None)

    def close(self) -> None:
        """No connection is open any more."""
        self._transport.close()

    def _sleep(self, seconds: float) -> None:
        clock = self._settings.asker.clock
        until = clock.monotonic() + seconds
        while (left := until - clock.monotonic()) > 0:
            if self._settings.stop.requested or self.closed:
                raise stopped()
            clock.sleep(min(left, _LOOK_AT_STOP))

    def _tell(self, failed: FailedAttempt) -> None:
        self.told.append(retried(self._settings.asker.source, failed))
