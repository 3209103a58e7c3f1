"""Time that passes only when somebody waits."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from medallion.testing.clock import START, FakeClock


def test_sleeping_takes_virtual_time() -> None:
    """A sleep moves both clocks by what was asked for and is remembered."""
    clock = FakeClock()
    clock.sleep(90)
    clock.advance(10)
    assert (clock.monotonic(), clock.now(), clock.sleeps) == (100.0, START + timedelta(seconds=100), [90])


def test_a_shift_moves_the_wall_clock_only() -> None:
    """Setting the clock back an hour leaves monotonic time alone."""
    clock = FakeClock()
    clock.shift(-timedelta(hours=1))
    assert (clock.monotonic(), clock.now()) == (0.0, START - timedelta(hours=1))


def test_pauses_side_by_side_end_in_order() -> None:
    """Three tasks that wait at once take as long as the longest of them, the shortest first."""
    clock, ended = FakeClock(), []

    async def wait(seconds: float) -> None:
        await clock.pause(seconds)
        ended.append((seconds, clock.monotonic()))

    async def all_three() -> None:
        await asyncio.gather(wait(5), wait(1), wait(3))

    asyncio.run(all_three())
    assert ended == [(1, 1.0), (3, 3.0), (5, 5.0)]


def test_a_cancelled_pause_holds_nobody_up() -> None:
    """Whoever is cancelled while waiting is no longer waited for."""
    clock = FakeClock()

    async def both() -> None:
        task = asyncio.ensure_future(clock.pause(1000))
        await asyncio.sleep(0)
        task.cancel()
        await clock.pause(2)
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(both())
    assert clock.monotonic() == 2.0
