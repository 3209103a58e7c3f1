"""How many requests to have under way, found out by asking: more by one as long as all is well, half when it is not; pure.

All times are monotonic seconds. A host that is asked too much says so (429, 503), or answers slower and slower.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

Heard: TypeAlias = Literal["ok", "throttled", "other"]
"""What an answer says of the load: all is well, too much, or nothing."""


@dataclass(frozen=True, kw_only=True)
class WidthPolicy:
    """Between *least* and *most* requests under way, *first* at the beginning.

    Latency is too high where its running mean is above *slower* times its floor and *margin* seconds above it.
    """

    least: int = 1
    first: int = 4
    most: int = 64
    slower: float = 3.0
    margin: float = 0.05
    backed_off: float = 0.5

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.first <= self.most or self.slower <= 1 or self.margin < 0 or not 0 < self.backed_off < 1:
            raise ValueError(f"1 <= least <= first <= most, slower above 1, backed_off between 0 and 1: {self}")


@dataclass(frozen=True, kw_only=True)
class Width:
    """What is known so far: the width, the floor of the latency and its running mean, and when the width was cut."""

    size: float
    floor: float = math.inf
    mean: float = 0.0
    cut_at: float = -math.inf

    @property
    def allowed(self) -> int:
        """Requests that may be under way."""
        return int(self.size)


_WEIGHT = 0.1
"""Of the newest latency in the running mean."""
_FORGETTING = 0.001
"""By how much the floor rises with each answer, so that a host that became slower for good is not held against its best day."""


def began(policy: WidthPolicy) -> Width:
    """The width before anything was heard."""
    return Width(size=policy.first)


def after(width: Width, heard: Heard, policy: WidthPolicy, *, started: float, now: float) -> Width:
    """The width once a request that went out at *started* was answered at *now*.

    It is cut once for all requests that were under way together: answers to what was sent before the last cut say nothing of
    the width after it.
    """
    if heard == "throttled":
        return _cut(width, policy, started, now)
    if heard == "other":
        return width
    latency = max(0.0, now - started)
    floor = min(latency, width.floor * (1 + _FORGETTING))
    mean = latency if width.floor == math.inf else (1 - _WEIGHT) * width.mean + _WEIGHT * latency
    width = replace(width, floor=floor, mean=mean)
    if mean > floor * policy.slower and mean > floor + policy.margin:
        return _cut(width, policy, started, now)
    if started < width.cut_at:
        return width
    return replace(width, size=min(float(policy.most), width.size + 1 / width.size))


def _cut(width: Width, policy: WidthPolicy, started: float, now: float) -> Width:
    if started < width.cut_at:
        return width
    return replace(
        width,
        size=max(float(policy.least), width.size * policy.backed_off),
        mean=0.0 if width.floor == math.inf else width.floor,
        cut_at=now,
    )
