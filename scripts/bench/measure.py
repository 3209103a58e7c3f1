"""The protocol of a measurement: two things run in turn, a ratio for each turn, the median with the middle half around it."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from medallion.clock import Clock

WARM_UP = 1
"""Turns that are run before those that count."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """What is promised: the median is at most *limit*, or at least where *at_least* says so."""

    name: str
    says: str
    limit: float
    unit: Literal["×", "s", "MB", "files"] = "×"
    at_least: bool = False

    def met_by(self, value: float) -> bool:
        """Whether a median of *value* keeps the promise."""
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was measured of a bar: a value for each turn, and of what it was made.

    *parts* are the turns' figures by name, in seconds where the name does not say something else; *note* is for people.
    """

    bar: Bar
    values: tuple[float, ...]
    parts: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    note: str = ""

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError(f"{self.bar.name}: nothing was measured")

    @property
    def median(self) -> float:
        """The value that counts."""
        return statistics.median(self.values)

    @property
    def middle(self) -> tuple[float, float]:
        """The 25 % and 75 % quartiles."""
        return quartiles(self.values)

    @property
    def met(self) -> bool:
        """Whether the bar is met."""
        return self.bar.met_by(self.median)


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """The values below which a quarter and three quarters of *values* lie, interpolated; both are the value if there is one."""
    if len(values) == 1:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def ratios(ours: Sequence[float], theirs: Sequence[float], *, at_least: float = 0.0) -> tuple[float, ...]:
    """Ours over theirs, turn by turn; *at_least* is the smallest that a baseline may be (the plan's time, where the floor is below it)."""
    return tuple(a / max(b, at_least) for a, b in zip(ours, theirs, strict=True))


def in_turn(
    sides: Mapping[str, Callable[[], float]],
    *,
    turns: int,
    warm_up: int = WARM_UP,
    progress: Callable[[str], None] = lambda _text: None,
) -> dict[str, tuple[float, ...]]:
    """Each side's figures over *turns* turns (A B A B …), after *warm_up* turns that are not counted.

    A side times itself, so that what it prepares and tidies up does not count. *progress* is told what is about to run.
    """
    figures: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(-warm_up, turns):
        for name, side in sides.items():
            progress(f"warm-up: {name}" if turn < 0 else f"{turn + 1} of {turns}: {name}")
            figure = side()
            if turn >= 0:
                figures[name].append(figure)
    return {name: tuple(found) for name, found in figures.items()}


def seconds(clock: Clock, work: Callable[[], object]) -> float:
    """How long *work* takes; garbage of what ran before is collected first, so that nobody pays for somebody else's."""
    gc.collect()
    began = clock.monotonic()
    work()
    return clock.monotonic() - began


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a benchmark is told: how many turns (None: its own number), and whom to tell what it does."""

    clock: Clock
    turns: int | None = None
    progress: Callable[[str], None] = lambda _text: None

    def in_turn(self, sides: Mapping[str, Callable[[], float]], *, turns: int, warm_up: int = WARM_UP) -> dict[str, tuple[float, ...]]:
        """:func:`in_turn` with the number of turns that was asked for, or else *turns*."""
        return in_turn(sides, turns=self.turns or turns, warm_up=warm_up, progress=self.progress)


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A measurement that can be asked for by name; it gives one or several bars."""

    name: str
    says: str
    measure: Callable[[Settings], Sequence[Measured]]
