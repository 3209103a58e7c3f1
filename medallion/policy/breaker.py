"""When a host or store that keeps failing is left alone; pure: the caller says what time it is.

Closed, every call goes. After ``failures`` failed calls in a row it is open and none goes. After ``cooldown`` it is half-open:
one call, the probe, goes and decides. All times are monotonic seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal, TypeAlias

Outcome: TypeAlias = Literal["ok", "failed", "cancelled"]
"""How a call ended: answered (any answer that is no sign of trouble), failed in a way worth waiting for, or never decided."""

State: TypeAlias = Literal["closed", "open", "half_open"]


@dataclass(frozen=True, kw_only=True)
class BreakerPolicy:
    """After *failures* in a row no call is made for *cooldown*."""

    failures: int = 5
    cooldown: timedelta = timedelta(seconds=30)

    def __post_init__(self) -> None:
        if self.failures < 1 or self.cooldown <= timedelta(0):
            raise ValueError(f"failures must be 1 or more and cooldown longer than zero: {self}")


@dataclass(frozen=True, kw_only=True)
class Breaker:
    """What is known of one host: failed calls in a row, since when it is open, since when a probe is under way."""

    failures: int = 0
    opened_at: float | None = None
    probing_since: float | None = None


def state(breaker: Breaker, now: float, policy: BreakerPolicy) -> State:
    """Closed, open or half-open at *now*."""
    if breaker.opened_at is None:
        return "closed"
    return "half_open" if now >= breaker.opened_at + policy.cooldown.total_seconds() else "open"


def seconds_until_permitted(breaker: Breaker, now: float, policy: BreakerPolicy) -> float:
    """How long until a call may be made; 0 if one may be made now.

    While a probe is under way this is an upper bound: a probe of which nothing is heard for a cooldown is given up.
    """
    if breaker.opened_at is None:
        return 0.0
    since = breaker.opened_at if breaker.probing_since is None else breaker.probing_since
    return max(0.0, since + policy.cooldown.total_seconds() - now)


def permits(breaker: Breaker, now: float, policy: BreakerPolicy) -> bool:
    """Whether a call may be made at *now*; if it is made, :func:`before` must be told."""
    return seconds_until_permitted(breaker, now, policy) == 0.0


def before(breaker: Breaker, now: float, policy: BreakerPolicy) -> Breaker:
    """The breaker as it stands once a permitted call has started: half-open, that call is the probe."""
    return breaker if breaker.opened_at is None or not permits(breaker, now, policy) else replace(breaker, probing_since=now)


def after(breaker: Breaker, outcome: Outcome, now: float, policy: BreakerPolicy, *, started: float | None = None) -> Breaker:
    """The breaker as it stands once a call has ended with *outcome*.

    *started* is when the call was told to :func:`before`. With it, a call from before the breaker opened is not taken for the
    probe when it ends late; give it wherever calls run side by side.
    """
    if breaker.opened_at is None:
        if outcome == "cancelled":
            return breaker
        failures = 0 if outcome == "ok" else breaker.failures + 1
        return Breaker(failures=failures, opened_at=now if failures >= policy.failures else None)
    if breaker.probing_since is None or (started is not None and started <= breaker.opened_at):
        return breaker
    if outcome == "cancelled":
        return replace(breaker, probing_since=None)
    return Breaker() if outcome == "ok" else Breaker(failures=breaker.failures + 1, opened_at=now)
