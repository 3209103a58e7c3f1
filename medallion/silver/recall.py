"""What Bronze holds of a few keys, brought to the driver and taken as the oracle takes it: `verify` compares it, `explain` tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from medallion.config.silver import Entity
from medallion.silver.earlier import counting, logical_time
from medallion.silver.events import DELETE, POSITION, REASON, RULE, SEQUENCE, TRUNCATE, col, value_columns
from medallion.silver.landed import Delivery
from medallion.testing.fold import Event

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

IGNORED = "IGNORED"
"""Why a delete is no event of a table that ignores deletes."""


@dataclass(frozen=True, kw_only=True)
class Recalled:
    """A Bronze row. *reason* is why it is no event, *rule* by which expectation. A *truncate* has no key of its own."""

    key: tuple[Any, ...]
    sequence: Any
    delete: bool
    truncate: bool = False
    values: Mapping[str, Any]
    position: tuple[int, int, int]
    reason: str | None
    rule: str | None

    @property
    def event(self) -> Event:
        """The row as an event."""
        return Event(
            key=self.key,
            sequence=self.sequence,
            delete=self.delete,
            truncate=self.truncate,
            values=self.values,
            position=self.position,
        )


def of_keys(rows: DataFrame, wanted: DataFrame, entity: Entity) -> list[Recalled]:
    """The rows of `medallion.silver.earlier.known` that have one of the keys of *wanted*, and all truncates."""
    values = value_columns(rows.columns, entity)
    names = dict.fromkeys([*entity.keys, *values, SEQUENCE, DELETE, *POSITION, REASON, RULE])
    cuts = TRUNCATE in rows.columns
    own = rows.where(~col(TRUNCATE)) if cuts else rows.withColumn(TRUNCATE, F.lit(False))
    found = own.join(F.broadcast(wanted), list(entity.keys), "left_semi")
    if cuts:
        found = found.unionByName(rows.where(TRUNCATE))
    return [
        Recalled(
            key=() if row[TRUNCATE] else tuple(row[name] for name in entity.keys),
            sequence=row[SEQUENCE],
            delete=row[DELETE],
            truncate=row[TRUNCATE],
            values={} if row[TRUNCATE] else {name: row[name] for name in values},
            position=(row[POSITION[0]], row[POSITION[1]], row[POSITION[2]]),
            reason=IGNORED if row[REASON] is None and row[DELETE] and entity.deletes == "ignore" else row[REASON],
            rule=row[RULE],
        )
        for row in found.select(*[col(name) for name in names], col(TRUNCATE)).collect()
    ]


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a snapshot says of a key: *row* is its newest row there. None: it is absent, or *unsure*, since its rows did not pass."""

    delivery: Delivery
    row: Recalled | None
    unsure: bool

    @property
    def at(self) -> datetime:
        """The logical time of the snapshot, as the table spells it."""
        return logical_time(self.delivery).replace(tzinfo=None)


def of_snapshots(rows: Sequence[Recalled], told: Sequence[Delivery], key: tuple[Any, ...]) -> Iterator[Said]:
    """What each snapshot says of a key, in the order in which they are told."""
    for delivery in told:
        versions = {placed.version for placed in delivery.chunks}
        mine = [row for row in rows if row.key == key and row.position[0] in versions]
        there = [row for row in mine if row.reason is None]
        newest = max(there, key=lambda row: (row.sequence, row.position), default=None)
        yield Said(delivery=delivery, row=newest, unsure=newest is None and bool(mine))


def snapshot_events(rows: Sequence[Recalled], told: Sequence[Delivery], keys: Sequence[tuple[Any, ...]], entity: Entity) -> Iterator[Event]:
    """Snapshots as events: an upsert of a key that is there, a delete where one is absent that was; of one logical time the last counts."""
    last = counting(told)
    by_key: dict[tuple[Any, ...], list[Recalled]] = {}
    for row in rows:
        by_key.setdefault(row.key, []).append(row)
    for key in keys:
        there = False
        for said in of_snapshots(by_key.get(key, []), last, key):
            if said.row is not None:
                there = True
                yield Event(key=key, sequence=said.at, values=said.row.values, position=said.row.position)
            elif there and not said.unsure and entity.deletes != "ignore":
                there = False
                yield Event(key=key, sequence=said.at, delete=True, values={}, position=(said.delivery.snapshot_version or 0, 0, 0))
