"""The oracle: what a Silver table must contain, as a plain fold over the events of each key.

This is the contract of docs/silver-models.md as a short fold; the Spark code is tested against it, and
``medallion verify`` holds a lake's own tables against it. It reads events in any order and any number of times.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal, TypeAlias

Key: TypeAlias = Hashable
Sequenced: TypeAlias = Any
"""A sequence: anything that sorts; a tuple where there are several columns."""
Tie: TypeAlias = Literal["last_wins", "delete_wins", "quarantine"]


@dataclass(frozen=True, kw_only=True)
class Event:
    """One Bronze row. *position* is (log version, ordinal of the chunk, row): unique, so nothing is undefined."""

    key: Key
    sequence: Sequenced
    delete: bool = False
    values: Mapping[str, Any]
    position: tuple[int, int, int]
    truncate: bool = False
    """Whether it deletes every key at its sequence; it has no key of its own."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a history: ``[start, end)``, open where *end* is None; *event* is whose values it shows."""

    key: Key
    start: Sequenced
    end: Sequenced | None
    event: Event


def contested(events: Sequence[Event]) -> bool:
    """Whether events of one key and one sequence differ in content; a truncate says what any delete says."""
    own = [event for event in events if not event.truncate]
    differ = any((event.delete, event.values) != (own[0].delete, own[0].values) for event in own)
    return differ or (len(own) < len(events) and any(not event.delete for event in own))


def winners(events: Iterable[Event], *, tie: Tie = "last_wins") -> list[Event]:
    """One event for each sequence of a key, in order: the one of highest rank; under ``quarantine`` none of a contested one."""

    def rank(event: Event) -> tuple[Any, ...]:
        return (event.sequence, event.delete if tie == "delete_wins" else False, event.position)

    groups = [list(group) for _, group in groupby(sorted(events, key=rank), key=lambda event: event.sequence)]
    return [max(group, key=rank) for group in groups if tie != "quarantine" or not contested(group)]


def said(events: Iterable[Event], *, tie: Tie = "last_wins", ignored: Sequence[str] = ()) -> list[Event]:
    """The winners, where a null of an *ignored* column is what the nearest earlier event of the same life said."""
    told: list[Event] = []
    for event in winners(events, tie=tie):
        if not event.delete and told and not told[-1].delete:
            before = told[-1].values
            unsaid = {name: before.get(name) for name in ignored if event.values.get(name) is None}
            event = replace(event, values={**event.values, **unsaid})
        told.append(event)
    return told


def history(
    events: Iterable[Event], *, tracked: Sequence[str] | None = None, tie: Tie = "last_wins", ignored: Sequence[str] = ()
) -> list[Row]:
    """The rows of one key's history, oldest first; *tracked* are the columns whose change opens a row (default: all)."""
    rows: list[Row] = []
    for event in said(events, tie=tie, ignored=ignored):
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


def current(events: Iterable[Event], *, tie: Tie = "last_wins", ignored: Sequence[str] = ()) -> Event | None:
    """The event whose values a table of current rows shows for this key; None where the key is deleted or unknown."""
    newest = said(events, tie=tie, ignored=ignored)[-1:]
    return None if not newest or newest[0].delete else newest[0]


def merged(events: Iterable[Event], *, tie: Tie = "last_wins", ignored: Sequence[str] = ()) -> tuple[Event, Sequenced | None] | None:
    """The last upsert of a key, and its latest delete if no upsert is newer; None where the key was only ever deleted or is unknown."""
    told = said(events, tie=tie, ignored=ignored)
    upserts = [event for event in told if not event.delete]
    return (upserts[-1], told[-1].sequence if told[-1].delete else None) if upserts else None


def by_key(events: Iterable[Event]) -> dict[Key, list[Event]]:
    """The events of each key, truncates among those of every key; what has no key or no sequence is no event and left out."""
    keyed: dict[Key, list[Event]] = {}
    truncates: list[Event] = []
    for event in events:
        if event.sequence is None:
            continue
        if event.truncate:
            truncates.append(event)
        elif event.key is not None:
            keyed.setdefault(event.key, []).append(event)
    for key, mine in keyed.items():
        mine += [replace(event, key=key, delete=True, values={}) for event in truncates]
    return keyed
