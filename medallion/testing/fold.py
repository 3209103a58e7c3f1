"""The oracle: what a Silver table must contain, as a plain fold over the events of each key.

This is the contract of docs/silver-models.md in forty lines; the Spark code is tested against it, and
``medallion verify`` holds a lake's own tables against it. It reads events in any order and any number of times.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal, TypeAlias

Key: TypeAlias = Hashable
Sequenced: TypeAlias = Any
"""A sequence: anything that sorts; a tuple where there are several columns."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One Bronze row. *position* is (log version, ordinal of the chunk, row): unique, so nothing is undefined."""

    key: Key
    sequence: Sequenced
    delete: bool = False
    values: Mapping[str, Any]
    position: tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a history: ``[start, end)``, open where *end* is None; *event* is whose values it shows."""

    key: Key
    start: Sequenced
    end: Sequenced | None
    event: Event


def winners(events: Iterable[Event], *, tie: Literal["last_wins", "delete_wins"] = "last_wins") -> list[Event]:
    """One event for each sequence of a key, in order: the one of highest rank."""

    def rank(event: Event) -> tuple[Any, ...]:
        return (event.sequence, event.delete if tie == "delete_wins" else False, event.position)

    return [max(group, key=rank) for _, group in groupby(sorted(events, key=rank), key=lambda event: event.sequence)]


def history(
    events: Iterable[Event], *, tracked: Sequence[str] | None = None, tie: Literal["last_wins", "delete_wins"] = "last_wins"
) -> list[Row]:
    """The rows of one key's history, oldest first; *tracked* are the columns whose change opens a row (default: all)."""
    rows: list[Row] = []
    for event in winners(events, tie=tie):
        newest = rows[-1] if rows and rows[-1].end is None else None
        columns = sorted(event.values) if tracked is None else tracked
        if event.delete:
            if newest is not None:
                rows[-1] = Row(key=newest.key, start=newest.start, end=event.sequence, event=newest.event)
        elif newest is not None and all(newest.event.values.get(name) == event.values.get(name) for name in columns):
            rows[-1] = Row(key=newest.key, start=newest.start, end=None, event=event)
        else:
            if newest is not None:
                rows[-1] = Row(key=newest.key, start=newest.start, end=event.sequence, event=newest.event)
            rows.append(Row(key=event.key, start=event.sequence, end=None, event=event))
    return rows


def current(events: Iterable[Event], *, tie: Literal["last_wins", "delete_wins"] = "last_wins") -> Event | None:
    """The event whose values a table of current rows shows for this key; None where the key is deleted or unknown."""
    newest = winners(events, tie=tie)[-1:]
    return None if not newest or newest[0].delete else newest[0]


def by_key(events: Iterable[Event]) -> dict[Key, list[Event]]:
    """The events of each key; those without a key or a sequence are no events and left out."""
    keyed: dict[Key, list[Event]] = {}
    for event in events:
        if event.key is not None and event.sequence is not None:
            keyed.setdefault(event.key, []).append(event)
    return keyed
