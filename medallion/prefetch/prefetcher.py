"""Many requests at a time: an event loop in a thread of its own, pages handed over in order within each lane."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from medallion.errors import MedallionError, TerminatedError
from medallion.events import Event, Listener, PageFetched, RequestRetried
from medallion.policy.retry import FailedAttempt
from medallion.prefetch.attempt import Asker, Fetched
from medallion.prefetch.handover import Delivery, End, Handover
from medallion.prefetch.lanes import Asked, LaneState
from medallion.prefetch.slots import Slot, Slots
from medallion.prefetch.transport import Transport
from medallion.source.protocol import Lane, Page
from medallion.stop import StopFlag

BUFFER_BYTES = 64 * 1024 * 1024
_FIRST_ESTIMATE = 256 * 1024
_GUESSES = 2
"""Pages at a guess in a lane, as a multiple of the concurrency: a slow page in front does not leave the others idle."""
_AHEAD = 4
"""Pages that may wait for the consumer, as a multiple of the concurrency: enough to bridge a chunk that is being written."""
_GATHER = 0.002
"""Seconds for which pages are gathered before a consumer that sleeps is woken."""
_LOOK_AT_STOP = 0.1
"""Seconds between two looks at the stop flag while nothing comes."""


@dataclass(frozen=True, kw_only=True)
class Prefetcher:
    """A PageSource that keeps up to *concurrency* requests under way over all lanes, fewer where the
    width of *asker* says so; how it asks is in *asker*.

    Pages by number or offset are asked for ahead of the one that says whether there are more; what is behind the end is dropped.
    Pages that wait for the consumer are at most four times *concurrency*, and with the room booked for those under way they
    take at most *buffer_bytes*; a single larger page passes. *connect* opens the transport; it is called on the event loop's
    thread, once for each call of :meth:`pages`.
    """

    asker: Asker
    connect: Callable[[], Transport]
    concurrency: int
    listener: Listener
    stop: StopFlag
    buffer_bytes: int = BUFFER_BYTES

    def pages(self, lanes: Iterable[Lane]) -> Iterator[Page]:
        """The pages of *lanes*, which are taken one by one; see PageSource. A stop gives what has arrived, then raises TerminatedError."""
        run = _Run(self, lanes)
        thread = threading.Thread(target=run.work, name=f"prefetch-{self.asker.source}", daemon=True)
        thread.start()
        try:
            yield from self._taken(run)
        finally:
            run.call(run.finish)
            thread.join()

    def _taken(self, run: _Run) -> Iterator[Page]:
        told = False
        while True:
            if self.stop.requested and not told:
                told = True
                run.call(run.terminate)
            item = run.handover.take(_LOOK_AT_STOP)
            if isinstance(item, Delivery):
                self.listener(page_fetched(self.asker.source, item))
                yield item.page
                del item
            elif isinstance(item, End):
                if item.error is not None:
                    raise item.error
                return
            elif item is not None:
                self.listener(item)


@dataclass(frozen=True, kw_only=True)
class _Under:
    """A page that is under way, and its slot."""

    state: LaneState
    asked: Asked
    slot: Slot


class _Run:
    """One call of ``pages``. Everything but *work* and *call* runs on the event loop."""

    def __init__(self, settings: Prefetcher, lanes: Iterable[Lane]) -> None:
        self._settings = settings
        self._waiting: Iterator[Lane] | None = iter(lanes)
        self._active: list[LaneState] = []
        self._tasks: dict[Asked, asyncio.Task[None]] = {}
        self._slots = Slots(self._width, self._pump)
        self._booked, self._estimate = 0, _FIRST_ESTIMATE
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over = False
        self._waking: asyncio.TimerHandle | None = None
        self._ended: asyncio.Future[None] | None = None
        self._started = threading.Event()
        self.handover = Handover(settings.buffer_bytes, lambda: self.call(self._pump), pages=_AHEAD * settings.concurrency)

    def work(self) -> None:
        """The whole run, on the thread that calls it."""
        try:
            asyncio.run(self._main())
        except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to the consumer, who waits for it
            self.handover.put(End(error=error))
            self.handover.wake()
        finally:
            self._started.set()

    def call(self, action: Callable[[], None]) -> None:
        """Runs *action* on the event loop soon, from any thread; nothing happens once the run is over."""
        self._started.wait()
        if self._loop is not None and not self._over:
            with contextlib.suppress(RuntimeError):  # the loop was closed just now: there is nothing left to act on
                self._loop.call_soon_threadsafe(action)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = self._loop.create_future()
        transport = self._settings.connect()
        self._started.set()
        try:
            self._transport = transport
            self._pump()
            await self._ended
        finally:
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await transport.close()

    def _pump(self) -> None:
        """Asks for whatever may be asked for now."""
        if self._settings.stop.requested:
            self.terminate()
        while (found := self._next()) is not None:
            task = self._tasks[found.asked] = asyncio.get_running_loop().create_task(self._fetch(found))
            task.add_done_callback(self._look_at)
        if not self._tasks and not self._active and self._waiting is None:
            self.finish()

    def _next(self) -> _Under | None:
        """What may be asked for now, with a slot and room in memory; None if there is nothing, or one of them is lacking."""
        if self._over or not self._slots.free or not self.handover.room(self._estimate, self._booked):
            return None
        try:
            found = self._choose()
        except MedallionError as error:  # of whoever makes the lanes
            self.finish(error)
            return None
        if found is None:
            return None
        state, asked = found
        asked.booked = self._estimate
        self._booked += asked.booked
        return _Under(state=state, asked=asked, slot=self._slots.take())

    def _width(self) -> int:
        return min(self._settings.concurrency, self._settings.asker.width.allowed())

    def _choose(self) -> tuple[LaneState, Asked] | None:
        """What to ask next: the heads of open lanes, then new lanes, then guesses, evenly over the lanes."""
        for state in self._active:
            if (asked := state.ask(guesses=0)) is not None:
                return state, asked
        while self._waiting is not None:
            if (lane := next(self._waiting, None)) is None:
                self._waiting = None
                break
            state = LaneState(lane, self._settings.asker.endpoint)
            if (asked := state.ask(guesses=0)) is not None:
                self._active.append(state)
                return state, asked
        for number, state in enumerate(self._active):
            if (asked := state.ask(guesses=self._width() * _GUESSES)) is not None:
                self._active.append(self._active.pop(number))
                return state, asked
        return None

    async def _fetch(self, under: _Under | None) -> None:
        """Asks for a page, and then, in the same step in which that was taken apart, for the next one that may be asked for."""
        while under is not None:
            asked = under.asked
            try:
                outcome = await self._outcome(asked, under.slot)
                if self._tasks.pop(asked, None) is None or self._over:
                    return
                self._arrived(under.state, asked, outcome)
            finally:
                under.slot.release()
            under = self._next()
            if under is not None and (task := asyncio.current_task()) is not None:
                self._tasks[under.asked] = task
        self._pump()

    async def _outcome(self, asked: Asked, slot: Slot) -> Fetched | MedallionError:
        try:
            return await self._settings.asker.fetch(
                self._transport, asked.request, lambda: asked.position, guess=asked.guess, slot=slot, on_retry=self._tell
            )
        except MedallionError as error:
            return error

    def _arrived(self, state: LaneState, asked: Asked, outcome: Fetched | MedallionError) -> None:
        size = outcome.held if isinstance(outcome, Fetched) else 0
        self._booked += size - asked.booked
        asked.booked = size
        self._estimate = max(size, (7 * self._estimate + size) // 8)
        state.came(asked, outcome)
        dropped: list[Asked] = []
        try:
            for delivery in state.settle(dropped):
                self._booked -= delivery.held
                self._hand_over(delivery)
        except MedallionError as error:
            self.finish(error)
        for one in dropped:
            self._booked -= one.booked
            if (task := self._tasks.pop(one, None)) is not None:
                task.cancel()
        if state.done:
            self._active.remove(state)

    def _hand_over(self, item: Delivery | Event) -> None:
        if self.handover.put(item) and self._waking is None:
            self._waking = asyncio.get_running_loop().call_later(_GATHER, self._wake)

    def _wake(self) -> None:
        self._waking = None
        self.handover.wake()

    def _tell(self, failed: FailedAttempt) -> None:
        self._hand_over(retried(self._settings.asker.source, failed))

    def _look_at(self, task: asyncio.Task[None]) -> None:
        """A task never fails but by a mistake of ours, or of a plug-in; that must not make the consumer wait for ever."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self.finish(error)

    def terminate(self) -> None:
        """Ends the run as one that was told to stop."""
        self.finish(stopped())

    def finish(self, error: BaseException | None = None) -> None:
        """Ends the run; requests that are under way are cancelled. Only the first call counts."""
        if not self._over and self._ended is not None:
            self._over = True
            self.handover.put(End(error=error))
            self.handover.wake()
            self._ended.set_result(None)


def page_fetched(source: str, delivery: Delivery) -> PageFetched:
    """The event of a page that is handed on."""
    return PageFetched(source=source, bytes=delivery.page.wire_bytes, records=len(delivery.page.records), seconds=delivery.seconds)


def stopped() -> TerminatedError:
    """The error of a run that was told to stop."""
    return TerminatedError("stopped by SIGTERM; what was complete is committed: run the same command again to go on")


def retried(source: str, failed: FailedAttempt) -> RequestRetried:
    """The event of an attempt that is repeated."""
    return RequestRetried(source=source, reason=failed.error.sentence, attempt=failed.number, wait=failed.wait)
