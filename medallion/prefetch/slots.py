"""How many requests are under way: a slot each, which is free again as soon as the answer is whole, before anybody looks into it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class Slots:
    """Slots for as many requests as *width* says, which may change; *on_free* is called when one is free that nobody waits for.

    For the tasks of one event loop.
    """

    def __init__(self, width: Callable[[], int], on_free: Callable[[], None]) -> None:
        self._width, self._on_free = width, on_free
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def free(self) -> bool:
        """Whether one more request may be sent now; those that wait to be repeated come first."""
        return self._taken < self._width() and not self._waiting

    def take(self) -> Slot:
        """One of those that are free."""
        self._taken += 1
        return Slot(self)

    def _give(self) -> None:
        self._taken -= 1
        while self._waiting and self._taken < self._width():
            waiting = self._waiting.popleft()
            if not waiting.done():
                self._taken += 1
                waiting.set_result(None)
        if self.free:
            self._on_free()

    async def _take(self) -> None:
        if self.free:
            self._taken += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give()
            raise


class Slot:
    """That of one page, whose attempts come one after the other."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._held = True

    async def hold(self) -> None:
        """An attempt may be made; where the slot was given back, this waits for one that is free."""
        if not self._held:
            await self._slots._take()
            self._held = True

    async def arrived(self) -> None:
        """The answer is whole. Others are sent before this returns: taking a page apart takes longer than sending a request."""
        self.release()
        await asyncio.sleep(0)  # the tasks that were made for the requests that may be sent now take their first step
        await asyncio.sleep(0)

    def release(self) -> None:
        """Nothing is under way for this page."""
        if self._held:
            self._held = False
            self._slots._give()
