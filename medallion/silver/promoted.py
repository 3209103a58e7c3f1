"""What a promotion did, as a value. Needs no Spark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Unmet:
    """An expectation, and how many rows of a promotion do not meet it."""

    name: str
    action: Literal["warn", "drop", "quarantine", "fail"]
    rows: int


@dataclass(frozen=True, kw_only=True)
class Promoted:
    """What a promotion did. *rows* are Bronze rows taken, *inserted*, *updated*, *deleted* Silver rows written."""

    entity: str
    batches: int = 0
    rows: int = 0
    quarantined: int = 0
    dropped: int = 0
    unmet: tuple[Unmet, ...] = ()
    """One for each expectation of the entity, in the order of the configuration; none where nothing was looked at."""
    ties: int = 0
    late: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    seconds: float = 0.0
    last_version: int = -1
    table_rows: int = 0
    """Rows of the table as it stands."""
