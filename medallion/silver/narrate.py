"""Why a key's rows are what they are: each event of the key, in order, with what it did. Pure; the rule is the oracle's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal, TypeAlias

from medallion.config.silver import DELETED_AT, Entity
from medallion.gate.quarantine import DROPPED
from medallion.silver.events import ignored_columns, tracked_columns
from medallion.silver.landed import Delivery
from medallion.silver.models.ledger import soft
from medallion.silver.models.periodic import KeptBy, slice_of
from medallion.silver.recall import IGNORED, Recalled, of_snapshots
from medallion.testing.fold import Event, Tie, by_key, said

What: TypeAlias = Literal["opened", "continued", "closed", "overtaken", "nothing", "repeated", "lost", "unsure", "aside", "waits"]
Kind: TypeAlias = Literal["upsert", "delete", "truncate", "absent", "row"]


@dataclass(frozen=True, kw_only=True)
class Told:
    """One event of a key, or one row that is none. *position* is (log version, chunk, row); of an absence the snapshot's version alone."""

    sequence: Any
    kind: Kind
    position: tuple[int, int, int] | tuple[int]
    what: What
    why: str
    late: bool = False
    """Whether an event of higher sequence stood before it in the log."""
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class _Open:
    """The row of the key that is open between two events; *values* is None where there is none."""

    start: Any = None
    values: Mapping[str, Any] | None = None


def of_events(rows: Sequence[Recalled], entity: Entity, *, last_version: int) -> list[Told]:
    """The key's *rows* of a table of events, as far as it was promoted (*last_version*), then those that are no events.

    Truncates among *rows* are events of the key, if it has any of its own.
    """
    if all(row.truncate for row in rows):
        return []
    key = next(row.key for row in rows if not row.truncate)
    promoted = [row for row in rows if row.position[0] <= last_version and row.reason is None]
    tie: Tie = "last_wins" if entity.on_sequence_tie == "error" else entity.on_sequence_tie
    events = sorted(promoted, key=lambda row: (row.sequence, row.delete if tie == "delete_wins" else False, row.position))
    ignored = ignored_columns(list(_values(rows)), entity)
    counted = said(by_key(row.event for row in events).get(key, []), tie=tie, ignored=ignored)
    winners = {event.position: at for at, event in enumerate(counted)}
    there = {row.position: row for row in events}
    state, told = _Open(), list[Told]()
    for _, group in groupby(events, key=lambda row: row.sequence):
        same = list(group)
        winner = next((row for row in same if row.position in winners), None)
        for row in same:
            if row is winner:
                what, why = _did(counted, winners[row.position], there, state, entity, ignored)
            else:
                what, why = _beside(row, winner, entity)
            late = any(other.sequence > row.sequence and other.position < row.position for other in events)
            told.append(_told(row, what, why, late=late))
    return [*told, *_rest(rows, last_version)]


def of_runs(rows: Sequence[Recalled], deliveries: Sequence[Delivery], entity: Entity, *, last_version: int) -> list[Told]:
    """What the snapshots say of the key of *rows*, in the order in which they count, then the rows that no snapshot counts."""
    if not rows:
        return []
    key = rows[0].key
    ignored = ignored_columns(list(_values(rows)), entity)
    done = [one for one in deliveries if one.last_version <= last_version and one.snapshot is not None]
    newest = {one.snapshot.logical_date: one.last_version for one in done if one.snapshot is not None}
    state, told, counted = _Open(), list[Told](), set[tuple[int, int, int]]()
    for one in of_snapshots(rows, done, key):
        at, version = one.at, one.delivery.last_version
        assert one.delivery.snapshot is not None, "only snapshots were asked for"
        last = newest[one.delivery.snapshot.logical_date]
        versions = {placed.version for placed in one.delivery.chunks}
        if last != version:
            why = f"replaced by the snapshot of the same logical time that log version {last} completes"
            told.append(Told(sequence=at, kind="row" if one.row else "absent", position=(version,), what="lost", why=why))
            counted |= {row.position for row in rows if row.position[0] in versions}
        elif one.unsure:
            why = "its row did not pass, so the key is not absent: what the table has stays"
            told.append(Told(sequence=at, kind="absent", position=(version,), what="unsure", why=why))
        elif one.row is None:
            what, why = _absent(state, at, entity)
            told.append(Told(sequence=at, kind="absent", position=(version,), what=what, why=why))
        else:
            what, why = _came(one.row.event, one.row, state, at, entity, ignored)
            told.append(_told(one.row, what, why, sequence=at))
            counted.add(one.row.position)
            for row in rows:
                if row.position[0] in versions and row.reason is None and row is not one.row:
                    counted.add(row.position)
                    told.append(_told(row, "lost", f"another row of the key is newer in this snapshot: {_at(one.row)}", sequence=at))
    return [*told, *_rest([row for row in rows if row.position not in counted], last_version)]


def of_kept(rows: Sequence[Recalled], deliveries: Sequence[Delivery], *, by: KeptBy, last_version: int) -> list[Told]:
    """Which completed run shows the key's *rows* in a table of kept runs, in the order of the log; then the rows that no run shows."""
    done = [one for one in deliveries if one.last_version <= last_version]
    places = [(one, slice_of(one.snapshot, one.last_version, by=by)) for one in done if one.snapshot is not None]
    newest = {(place.day, place.run_id): place.version for _, place in places}
    told, counted = list[Told](), set[tuple[int, int, int]]()
    for one, place in places:
        versions = {placed.version for placed in one.chunks}
        last = newest[place.day, place.run_id]
        shown = f"snapshot_date {place.day}" + (f", snapshot_run {place.run_id}" if place.run_id else "")
        for row in rows:
            if row.position[0] in versions and row.reason is None:
                counted.add(row.position)
                if last == place.version:
                    told.append(_told(row, "opened", f"the table keeps it under {shown}", sequence=place.day))
                else:
                    told.append(_told(row, "lost", f"the run that log version {last} completes replaced {shown}", sequence=place.day))
    rest = [row for row in rows if row.position not in counted]
    waiting = [_told(row, "waits", "its run is not promoted yet") for row in rest if row.reason is None]
    return [*told, *_rest([row for row in rest if row.reason is not None], last_version), *waiting]


def _did(
    counted: Sequence[Event],
    at: int,
    rows: Mapping[tuple[int, int, int], Recalled],
    state: _Open,
    entity: Entity,
    ignored: Sequence[str],
) -> tuple[What, str]:
    """What the *at*-th event that counts did, *rows* being those of Bronze by position; *state* is changed."""
    event = counted[at]
    row = rows[event.position]
    if entity.model == "scd_type_2":
        if not event.delete:
            return _came(event, row, state, event.sequence, entity, ignored)
        return _gone(state, event.sequence, "a truncate" if row.truncate else "a delete", "closed the row open since {start} at {at}")
    later = counted[at + 1 :]
    if soft(entity) and not event.delete:
        later = [one for one in later if not one.delete]
    if later:
        stays = "" if event.delete else _stays(row, [rows[one.position] for one in later], ignored)
        return "overtaken", f"an event of sequence {_spelled(later[0].sequence)} follows{stays}"
    if not event.delete:
        after = f"; a later delete marks it in {DELETED_AT}" if counted[-1].delete else ""
        return "opened", f"the newest {'upsert' if after else 'event'}: the table shows it{_unsaid(event, row, ignored)}{after}"
    named = f"the newest event is a {'truncate' if row.truncate else 'delete'}"
    if not soft(entity):
        return "closed", f"{named}: the table has no row of the key"
    if all(one.delete for one in counted):
        return "nothing", f"{named}, and the key never had a row"
    return "closed", f"{named}: it marks the row in {DELETED_AT}"


def _came(event: Event, row: Recalled, state: _Open, at: Any, entity: Entity, ignored: Sequence[str]) -> tuple[What, str]:
    before, start = state.values, state.start
    unsaid = {name: before[name] for name in ignored if before is not None and event.values.get(name) is None}
    values = state.values = {**event.values, **unsaid}
    said_before = _unsaid(Event(key=event.key, sequence=at, values=values, position=event.position), row, ignored)
    if before is None:
        state.start = at
        return "opened", f"nothing was {'open' if entity.model == 'scd_type_2' else 'there'}{said_before}"
    changed = [name for name in tracked_columns(list(values), entity) if before.get(name) != values[name]]
    if entity.model != "scd_type_2":
        state.start = at
        return ("opened", f"{', '.join(changed)} changed{said_before}") if changed else ("continued", f"nothing changed{said_before}")
    if not changed:
        return "continued", f"no tracked column differs from the row open since {_spelled(start)}{said_before}"
    state.start = at
    return "opened", f"closed the row open since {_spelled(start)}: {', '.join(changed)} changed{said_before}"


def _absent(state: _Open, at: Any, entity: Entity) -> tuple[What, str]:
    lacks = "the snapshot lacks it"
    if entity.deletes == "ignore":
        return "nothing", f"{lacks}, and deletes: ignore keeps what the table has"
    if entity.model == "scd_type_2":
        return _gone(state, at, lacks, "closed the row open since {start} at {at}")
    return _gone(state, at, lacks, f"marked the row in {DELETED_AT}" if soft(entity) else "the row is gone")


def _gone(state: _Open, at: Any, why: str, done: str) -> tuple[What, str]:
    before, start = state.values, state.start
    state.values = state.start = None
    if before is None:
        return "nothing", f"{why}, and nothing was there"
    return "closed", f"{why}: {done.format(start=_spelled(start), at=_spelled(at))}"


def _unsaid(event: Event, row: Recalled, ignored: Sequence[str]) -> str:
    """Of which columns an event's values are those of an earlier one."""
    names = [name for name in ignored if row.values.get(name) is None and event.values.get(name) is not None]
    return f"; {', '.join(names)} said by an earlier event" if names else ""


def _stays(row: Recalled, later: Sequence[Recalled], ignored: Sequence[str]) -> str:
    """Which of its values the table still shows, since no later event of the same life says another."""
    if any(one.delete for one in later):
        return ""
    names = [name for name in ignored if row.values.get(name) is not None and all(one.values.get(name) is None for one in later)]
    return f"; the table still shows its {', '.join(names)}" if names else ""


def _beside(row: Recalled, winner: Recalled | None, entity: Entity) -> tuple[What, str]:
    tied = f"a tie of sequence {_spelled(row.sequence)}, on_sequence_tie is {entity.on_sequence_tie}"
    if winner is None:
        return ("nothing" if row.truncate else "aside"), f"{tied}: none of its events counts, they are in the quarantine"
    if row.delete and winner.delete:
        return "repeated", f"it deletes the key at the same sequence as another: {_at(winner)}"
    if (row.delete, row.values) == (winner.delete, winner.values):
        return "repeated", f"the same event again: {_at(winner)}"
    return "lost", f"{tied}: {_at(winner)} counts"


def _rest(rows: Sequence[Recalled], last_version: int) -> Iterator[Told]:
    """The rows that are no events or no part of what was promoted, by position."""
    for row in sorted(rows, key=lambda row: row.position):
        if row.position[0] > last_version:
            yield _told(row, "waits", "not promoted yet")
        elif row.reason == IGNORED:
            yield _told(row, "nothing", "a delete, and deletes: ignore takes no notice")
        elif row.reason is not None:
            rule = f" by the expectation {row.rule}" if row.rule else ""
            yield _told(row, "aside", f"left out{rule}" if row.reason == DROPPED else f"in the quarantine{rule}: {row.reason}", kind="row")


def _told(row: Recalled, what: What, why: str, *, sequence: Any = None, late: bool = False, kind: Kind | None = None) -> Told:
    return Told(
        sequence=row.sequence if sequence is None else sequence,
        kind=kind or ("truncate" if row.truncate else "delete" if row.delete else "upsert"),
        position=row.position,
        what=what,
        why=why,
        late=late,
        values=dict(row.values),
    )


def _values(rows: Sequence[Recalled]) -> Sequence[str]:
    return list(next((row.values for row in rows if not row.truncate), {}))


def _spelled(sequence: Any) -> str:
    return f"({', '.join(map(str, sequence))})" if isinstance(sequence, tuple) else str(sequence)


def _at(row: Recalled) -> str:
    return "log version {}, chunk {}, row {}".format(*row.position)
