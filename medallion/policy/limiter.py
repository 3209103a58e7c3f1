"""When the next request may be sent, so that a host gets no more than it allows; pure: the caller says what time it is.

GCRA, the leaky bucket without a bucket: the whole state is one instant. All times are monotonic seconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

_SLACK = 1e-6
"""Share by which requests are spaced wider than the rate says, so that rounding never lets one more into a second."""
_SECOND = 1.002
"""A second, and the moment that lies between looking at the clock and sending."""


@dataclass(frozen=True, kw_only=True)
class Rate:
    """*rps* requests a second in the long run, *burst* of them at once after a pause.

    In any half-open second fewer than ``rps + burst`` are sent: at 20 rps and a burst of 1, at most 20.
    """

    rps: float
    burst: int = 1

    @property
    def most_in_a_second(self) -> int:
        """The most that are sent in any half-open second."""
        return math.ceil(self.rps + self.burst) - 1

    def __post_init__(self) -> None:
        if not 0 < self.rps < math.inf or self.burst < 1:
            raise ValueError(f"rps must be above zero and burst 1 or more: {self}")


@dataclass(frozen=True, kw_only=True)
class Limiter:
    """What is reserved at one host so far: when the next request would come if all came evenly, and a time of silence."""

    theoretical_arrival: float = -math.inf
    not_before: float = -math.inf


def reserve(limiter: Limiter, now: float, rate: Rate | None) -> tuple[Limiter, float]:
    """The limiter with one more request in it, and how many seconds from *now* that request must wait.

    Requests go in the order of their reservations. Without a *rate* only :func:`postpone` makes them wait.
    """
    if rate is None:
        return limiter, max(0.0, limiter.not_before - now)
    interval = (1 + _SLACK) / rate.rps
    send = max(now, limiter.theoretical_arrival - (rate.burst - 1) * interval, limiter.not_before)
    return replace(limiter, theoretical_arrival=max(limiter.theoretical_arrival, send) + interval), send - now


def postpone(limiter: Limiter, until: float) -> Limiter:
    """The limiter that lets nothing be reserved for a time before *until*; what is reserved already is not called back."""
    return replace(limiter, not_before=max(limiter.not_before, until))


def seconds_until_room(sent: Sequence[float], now: float, rate: Rate) -> float:
    """How long a request whose turn has come waits more, where those before it went out later than they were to.

    *sent* are the instants of the latest sends, oldest first, at least :attr:`Rate.most_in_a_second` of them where there were as many.
    A waiter that wakes late would otherwise find itself in one second with too many of those that wake in time.
    """
    if len(sent) < rate.most_in_a_second:
        return 0.0
    return max(0.0, sent[-rate.most_in_a_second] + _SECOND - now)
