"""The oracle of ``periodic_snapshot``: which completed run a table shows for each date, or for each run of a date."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypeAlias

Place: TypeAlias = tuple[date] | tuple[date, str]


@dataclass(frozen=True, kw_only=True)
class CompletedRun:
    """A run that was completed: *version* is that of its ``run_completed``, *day* that of its logical date; *rows* in any order."""

    run_id: str
    day: date
    version: int
    rows: Sequence[Any]


def periodic(runs: Iterable[CompletedRun], *, by: Literal["date", "run"]) -> dict[Place, CompletedRun]:
    """For each day, or each day and run, the one run whose rows the table has: of several the one that was completed last."""
    shown: dict[Place, CompletedRun] = {}
    for run in sorted(runs, key=lambda run: run.version):
        shown[(run.day,) if by == "date" else (run.day, run.run_id)] = run
    return shown
