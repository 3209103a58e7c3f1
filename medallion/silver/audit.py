"""Hold a table against its Bronze log: a random sample of keys, folded again by the oracle.

The oracle is `medallion.testing.fold`, the same that the tests use and that a user's own tests can import; nothing that writes a table
imports it, so the two cannot share a mistake.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspark.sql import Row as SparkRow
from pyspark.sql import functions as F

from medallion.config.pipeline import Pipeline
from medallion.config.silver import DELETED_AT, Entity
from medallion.silver import applied, slices
from medallion.silver.batch import tables
from medallion.silver.earlier import chunks_of, deliveries, known
from medallion.silver.events import REASON, TRUNCATE, col, ignored_columns, tracked_columns, value_columns
from medallion.silver.home import Place, place
from medallion.silver.landed import Delivery, Landed
from medallion.silver.models.ledger import soft
from medallion.silver.models.tables import EVENT, keys_in_table
from medallion.silver.recall import of_keys, snapshot_events
from medallion.testing.fold import Event, Row, Tie, by_key, current, history, merged

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A key whose rows are not those that its events make."""

    key: tuple[Any, ...]
    expected: tuple[tuple[Any, ...], ...]
    found: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What was looked at, and what is wrong."""

    entity: str
    versions: int
    keys: int
    differences: tuple[Difference, ...]


def audit(spark: SparkSession, pipeline: Pipeline, entity: Entity, *, sample: int, seed: int = 0) -> Audit:
    """*sample* keys, of those that Bronze or the table has, are folded again from Bronze by the oracle; *seed* says which.

    Of a table of kept runs it is dates, or runs. As far as the log was applied; what is newer is not looked at.
    Raises ChainError or LogEntryError at the first fault of the log.
    """
    where = place(pipeline, entity)
    landed = Landed(spark=spark, root=where.bronze)
    work = tables(spark, target=where.target, state=where.state)
    last = applied.newest(work.applied)
    if last is None:
        return Audit(entity=entity.entity, versions=0, keys=0, differences=())
    by_run = entity.model == "periodic_snapshot"
    told = deliveries(landed, where.load_pattern, last.last_version, by_run=by_run)
    target, ruled = work.target.frame(), applied.ruled(work.applied)
    keys, differences = 0, list[Difference]()
    if target is not None and any(delivery.chunks for delivery in told):
        if by_run:
            keys, wrong = slices.compare(landed, told, entity, where.load_pattern, target, ruled=ruled, sample=sample, seed=seed)
            differences = [Difference(key=at, expected=tuple(lacks), found=tuple(has)) for at, lacks, has in wrong]
        else:
            keys, differences = _compare(landed, told, where, entity, target, ruled, sample, seed)
    return Audit(entity=entity.entity, versions=last.last_version + 1, keys=keys, differences=tuple(differences))


def _compare(
    landed: Landed,
    told: Sequence[Delivery],
    where: Place,
    entity: Entity,
    target: DataFrame,
    ruled: Sequence[applied.Ruled],
    sample: int,
    seed: int,
) -> tuple[int, list[Difference]]:
    """How many keys were folded again, and those of them that differ."""
    rows = known(landed, chunks_of(told), entity, ruled)
    values = value_columns(rows.columns, entity)
    keys = [col(name) for name in entity.keys]
    own = rows.where(~col(TRUNCATE)) if TRUNCATE in rows.columns else rows
    shown_keys = target.select(*[col(shown).alias(name) for shown, name in zip(keys_in_table(entity), entity.keys, strict=True)])
    all_keys = own.where(col(REASON).isNull()).select(*keys).union(shown_keys).distinct()
    drawn = all_keys.orderBy(F.xxhash64(*keys, F.lit(seed)), *keys).limit(sample)
    picked = [tuple(row) for row in drawn.collect()]
    if not picked:
        return 0, []
    wanted = landed.spark.createDataFrame(picked, drawn.schema)
    recalled = of_keys(rows, wanted, entity)
    if where.load_pattern == "full":
        keyed = by_key(snapshot_events(recalled, told, picked, entity))
    else:
        keyed = by_key(row.event for row in recalled if row.reason is None)
    shown = {entity.rename.get(name, name): name for name in values}
    renamed = wanted.toDF(*keys_in_table(entity))
    found: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
    for row in target.join(F.broadcast(renamed), keys_in_table(entity), "left_semi").collect():
        found.setdefault(tuple(row[name] for name in keys_in_table(entity)), []).append(_found(row, shown, entity))
    differences = []
    for key in picked:
        expected = sorted(_expected(keyed.get(key, []), shown, entity, values), key=str)
        have = sorted(found.get(key, []), key=str)
        if expected != have:
            differences.append(Difference(key=key, expected=tuple(expected), found=tuple(have)))
    return len(picked), differences


def _expected(told: Sequence[Event], shown: dict[str, str], entity: Entity, values: Sequence[str]) -> list[tuple[Any, ...]]:
    """The rows that the oracle makes of one key's events, as :func:`_found` spells rows."""
    tie: Tie = "last_wins" if entity.on_sequence_tie == "error" else entity.on_sequence_tie
    ignored = ignored_columns(values, entity)
    if soft(entity):
        row = merged(told, tie=tie, ignored=ignored)
        return [] if row is None else [(*[row[0].values[name] for name in shown.values()], row[1])]
    if entity.model != "scd_type_2":
        now = current(told, tie=tie, ignored=ignored)
        return [] if now is None else [tuple(now.values[name] for name in shown.values())]

    def spelled(row: Row) -> tuple[Any, ...]:
        return (*[row.event.values[name] for name in shown.values()], row.start, row.end)

    return [spelled(row) for row in history(told, tracked=tracked_columns(values, entity), tie=tie, ignored=ignored)]


def _found(row: SparkRow, shown: dict[str, str], entity: Entity) -> tuple[Any, ...]:
    known_columns = row.asDict()
    assert EVENT in known_columns, "every table of ours has it"
    history_columns = (entity.history_columns.start_at, entity.history_columns.end_at) if entity.model == "scd_type_2" else ()
    marks = (DELETED_AT,) if soft(entity) else ()
    return tuple(known_columns.get(name) for name in [*shown, *history_columns, *marks])
