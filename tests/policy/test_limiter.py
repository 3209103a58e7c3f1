"""No host gets more requests in a second than it allows."""

from __future__ import annotations

import math
from bisect import bisect_left

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medallion.policy.limiter import Limiter, Rate, postpone, reserve


def send_times(rate: Rate, arrivals: list[float]) -> list[float]:
    """When requests are sent that come at *arrivals*."""
    limiter, sent = Limiter(), []
    for now in arrivals:
        limiter, wait = reserve(limiter, now, rate)
        sent.append(now + wait)
    return sent


def most_in_a_second(sent: list[float]) -> int:
    """The most sends in any half-open second."""
    return max(bisect_left(sent, first + 1.0) - number for number, first in enumerate(sent))


@settings(max_examples=150)
@given(
    rps=st.one_of(st.integers(1, 200), st.floats(0.5, 200)),
    burst=st.integers(1, 20),
    start=st.floats(0, 1e7),
    gaps=st.lists(st.one_of(st.just(0.0), st.floats(0, 0.2), st.floats(0, 5)), min_size=1, max_size=300),
)
def test_no_second_holds_more_than_the_rate(rps: float, burst: int, start: float, gaps: list[float]) -> None:
    """However requests come, any half-open second holds fewer than rps + burst of them, in their order, none before it came."""
    arrivals = [start]
    for gap in gaps:
        arrivals.append(arrivals[-1] + gap)
    sent = send_times(Rate(rps=rps, burst=burst), arrivals)
    assert most_in_a_second(sent) <= math.ceil(rps + burst) - 1
    assert sent == sorted(sent)
    assert all(time >= arrival for time, arrival in zip(sent, arrivals, strict=True))


@pytest.mark.parametrize(("burst", "most"), [(1, 20), (10, 29)])
def test_twenty_a_second_is_twenty(burst: int, most: int) -> None:
    """At 20 rps no half-open second sees more than 20 requests, and a burst adds its own size less one."""
    assert most_in_a_second(send_times(Rate(rps=20, burst=burst), [0.0] * 200)) == most


def test_the_rate_is_reached() -> None:
    """When there is always something to do, the long run is at the rate, not below."""
    assert send_times(Rate(rps=50), [0.0] * 501)[-1] == pytest.approx(10.0, rel=1e-5)


def test_a_burst_goes_at_once_after_a_pause() -> None:
    """After a pause as many as the burst go without waiting; the next one waits."""
    sent = send_times(Rate(rps=2, burst=3), [100.0] * 5)
    assert sent == pytest.approx([100.0, 100.0, 100.0, 100.5, 101.0], rel=1e-5)


def test_a_pause_saves_up_no_more_than_a_burst() -> None:
    """An hour of silence does not pay for an hour of requests."""
    rate = Rate(rps=10, burst=2)
    limiter, _ = reserve(Limiter(), 0.0, rate)
    waits = []
    for _ in range(4):
        limiter, wait = reserve(limiter, 3600.0, rate)
        waits.append(wait)
    assert waits == pytest.approx([0.0, 0.0, 0.1, 0.2], rel=1e-3)


def test_postponed_nothing_goes_before_the_time() -> None:
    """After a Retry-After the next requests go at its end, spaced as ever; a shorter one does not cut it down."""
    rate = Rate(rps=10)
    limiter = postpone(postpone(Limiter(), 60.0), 30.0)
    limiter, first = reserve(limiter, 5.0, rate)
    limiter, second = reserve(limiter, 5.0, rate)
    assert (first, second) == (pytest.approx(55.0), pytest.approx(55.1))


def test_without_a_rate_only_silence_waits() -> None:
    """A host without a limit is asked at once, except when it said how long to wait."""
    assert reserve(Limiter(), 5.0, None) == (Limiter(), 0.0)
    limiter = postpone(Limiter(), 8.0)
    assert reserve(limiter, 5.0, None) == (limiter, 3.0)
    assert reserve(limiter, 9.0, None) == (limiter, 0.0)


@pytest.mark.parametrize("fields", [{"rps": 0}, {"rps": -1}, {"rps": math.inf}, {"rps": math.nan}, {"rps": 1, "burst": 0}])
def test_a_rate_that_means_nothing_is_refused(fields: dict[str, float]) -> None:
    """Wrong numbers fail where they are written."""
    with pytest.raises(ValueError, match="rps"):
        Rate(**fields)
