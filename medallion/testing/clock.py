"""A clock that a test moves: waiting takes no time and is remembered."""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime, timedelta, timezone

START = datetime(2026, 11, 23, 8, 0, tzinfo=timezone.utc)


class FakeClock:
    """A Clock whose time passes only by waiting, :meth:`advance` and :meth:`shift`; safe to share between threads."""

    def __init__(self, start: datetime = START) -> None:
        self.sleeps: list[float] = []
        """Every wait that was asked for, in seconds, in order."""
        self._wall = start
        self._elapsed = 0.0
        self._waiting: list[float] = []
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The wall clock: the start, plus what has passed, plus every shift."""
        return self._wall + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """Seconds since the clock was made; no shift moves it."""
        return self._elapsed

    def sleep(self, seconds: float) -> None:
        """Returns at once, *seconds* later."""
        with self._lock:
            self.sleeps.append(seconds)
            self._elapsed += max(0.0, seconds)

    async def pause(self, seconds: float) -> None:
        """Returns as soon as nothing is left to do before *seconds* have passed; of several pauses the shortest ends first."""
        with self._lock:
            self.sleeps.append(seconds)
            target = self._elapsed + max(0.0, seconds)
            self._waiting.append(target)
        try:
            await asyncio.sleep(0)  # whoever is ready says first how long it waits
            while not self._reach(target):
                await asyncio.sleep(0)
        finally:
            with self._lock:
                self._waiting.remove(target)

    def advance(self, seconds: float) -> None:
        """Time has passed without anybody waiting."""
        with self._lock:
            self._elapsed += seconds

    def shift(self, by: timedelta) -> None:
        """Somebody has set the wall clock; monotonic time goes on as before."""
        with self._lock:
            self._wall += by

    def _reach(self, target: float) -> bool:
        with self._lock:
            if target == min(self._waiting):
                self._elapsed = max(self._elapsed, target)
            return self._elapsed >= target
