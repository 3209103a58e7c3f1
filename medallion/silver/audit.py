"""Hold a table against its Bronze log: files against their sums, keys against the oracle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pyspark.sql import Row as SparkRow
from pyspark.sql import functions as F

from medallion.bronze.entry import ChunkEntry
from medallion.config.pipeline import Pipeline
from medallion.config.silver import DELETED_AT, Entity
from medallion.gate import checksum
from medallion.silver import applied, slices
from medallion.silver.batch import tables
from medallion.silver.events import (
    DELETE,
    MARKS,
    POSITION,
    SEQUENCE,
    TRUNCATE,
    col,
    events,
    ignored_columns,
    marked,
    normalized,
    tracked_columns,
    value_columns,
)
from medallion.silver.fold import newest
from medallion.silver.landed import Delivery, Landed, Placed
from medallion.silver.models.ledger import soft
from medallion.silver.models.tables import EVENT, keys_in_table
from medallion.silver.promote import Place, place
from medallion.silver.source import delivers_run
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
    files: int
    keys: int
    differences: tuple[Difference, ...]


def audit(spark: SparkSession, pipeline: Pipeline, entity: Entity, *, sample: int) -> Audit:
    """The log's chain and all chunk files are checked, and *sample* keys of the table are folded again from Bronze by the oracle.

    As far as the log was applied; what is newer is not looked at. Raises ChainError, LogEntryError or ChecksumError at the first
    fault of Bronze.
    """
    where = place(pipeline, entity)
    landed = Landed(spark=spark, root=where.bronze)
    last = applied.newest(tables(spark, target=where.target, state=where.state).applied)
    if last is None:
        return Audit(entity=entity.entity, versions=0, files=0, keys=0, differences=())
    by_run = entity.model == "periodic_snapshot"
    deliveries = list(_deliveries(landed, where, last.last_version, by_run=by_run))
    chunks = [placed for delivery in deliveries for placed in delivery.chunks]
    files = {
        landed.path(placed): checksum.Expected(bytes=placed.chunk.files[0].bytes, sha256=placed.chunk.files[0].sha256) for placed in chunks
    }
    checksum.check(spark, files, mode="full")
    target = tables(spark, target=where.target, state=where.state).target.frame()
    if target is None or not chunks:
        return Audit(entity=entity.entity, versions=last.last_version + 1, files=len(files), keys=0, differences=())
    if by_run:
        keys, wrong = slices.compare(landed, deliveries, entity, where.load_pattern, target, sample=sample)
        differences = [Difference(key=place, expected=tuple(lacks), found=tuple(has)) for place, lacks, has in wrong]
        return Audit(entity=entity.entity, versions=last.last_version + 1, files=len(files), keys=keys, differences=tuple(differences))
    keys, differences = _compare(landed, chunks, deliveries, where, entity, target, sample)
    return Audit(entity=entity.entity, versions=last.last_version + 1, files=len(files), keys=keys, differences=tuple(differences))


def _deliveries(landed: Landed, where: Place, last: int, *, by_run: bool) -> Iterator[Delivery]:
    """All that the log delivers up to *last*: the events, or snapshot after snapshot (*by_run*: run after run)."""
    stored = landed.entries(0, last)
    if where.load_pattern != "full" and not by_run:
        placed = [
            Placed(version=one.version, chunk=chunk) for one in stored if isinstance(one.entry, ChunkEntry) for chunk in one.entry.chunks
        ]
        yield Delivery(first_version=0, last_version=last, sha256=stored[-1].sha256, chunks=tuple(placed))
        return
    for one in stored:
        if delivers_run(one.entry, by_run=by_run):
            yield landed.deliver(one.version, one.version, prev_sha256=one.entry.prev_sha256, by_run=by_run)


def _compare(
    landed: Landed, chunks: Sequence[Placed], deliveries: Sequence[Delivery], where: Place, entity: Entity, target: DataFrame, sample: int
) -> tuple[int, list[Difference]]:
    """How many keys were folded again, and those of them that differ."""
    rows = normalized(landed.rows(chunks), entity.normalize)
    known = events(marked(rows, entity), entity)
    values = value_columns(rows.columns, entity)
    own = known.where(~col(TRUNCATE)) if TRUNCATE in known.columns else known
    drawn = (
        own.select(*[col(name) for name in entity.keys]).distinct().orderBy(F.xxhash64(*[col(name) for name in entity.keys])).limit(sample)
    )
    picked = [tuple(row) for row in drawn.collect()]
    if not picked:
        return 0, []
    wanted = landed.spark.createDataFrame(picked, drawn.schema)
    of_sample = own.join(F.broadcast(wanted), list(entity.keys), "left_semi")
    if where.load_pattern == "full":
        told = list(_snapshot_events(of_sample, deliveries, entity, values, picked))
    else:
        told = [_event(row, entity, values) for row in of_sample.collect()]
        if TRUNCATE in known.columns:
            told += [_event(row, entity, values) for row in known.where(TRUNCATE).collect()]
    shown = {entity.rename.get(name, name): name for name in values}
    renamed = wanted.toDF(*keys_in_table(entity))
    found: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
    for row in target.join(F.broadcast(renamed), keys_in_table(entity), "left_semi").collect():
        found.setdefault(tuple(row[name] for name in keys_in_table(entity)), []).append(_found(row, shown, entity))
    differences = []
    keyed = by_key(told)
    for key in picked:
        expected = sorted(_expected(keyed.get(key, []), shown, entity, values), key=str)
        have = sorted(found.get(key, []), key=str)
        if expected != have:
            differences.append(Difference(key=key, expected=tuple(expected), found=tuple(have)))
    return len(picked), differences


def _event(row: SparkRow, entity: Entity, values: Sequence[str]) -> Event:
    return Event(
        key=tuple(row[name] for name in entity.keys),
        sequence=row[SEQUENCE],
        delete=row[DELETE],
        truncate=TRUNCATE in row and row[TRUNCATE],
        values={name: row[name] for name in values},
        position=(row[POSITION[0]], row[POSITION[1]], row[POSITION[2]]),
    )


def _snapshot_events(
    known: DataFrame, deliveries: Sequence[Delivery], entity: Entity, values: Sequence[str], picked: Sequence[tuple[Any, ...]]
) -> Iterator[Event]:
    """Snapshots as events: one an existing key, a delete where one is absent that was there; of equal logical times the newest counts."""
    by_time = {delivery.snapshot.logical_date: delivery for delivery in deliveries if delivery.snapshot is not None}
    deduped = {}
    for time, delivery in by_time.items():
        versions = [placed.version for placed in delivery.chunks]
        mine = known.where(col(POSITION[0]).isin(versions)) if versions else known.limit(0)
        one = newest(mine.select(*[col(name) for name in [*values, *MARKS]]), keys=entity.keys, tie="last_wins")
        deduped[time] = {tuple(row[name] for name in entity.keys): row for row in one.collect()}
    before: set[tuple[Any, ...]] = set()
    for time, there in deduped.items():
        at, run_version = datetime.fromisoformat(time).replace(tzinfo=None), by_time[time].snapshot_version or 0
        for key in picked:
            if key in there:
                told = _event(there[key], entity, values)
                yield Event(key=key, sequence=at, values=told.values, position=told.position)
            elif key in before:
                yield Event(key=key, sequence=at, delete=True, values={}, position=(run_version, 0, 0))
        before = set(there)


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
    known = row.asDict()
    assert EVENT in known, "every table of ours has it"
    history_columns = (entity.history_columns.start_at, entity.history_columns.end_at) if entity.model == "scd_type_2" else ()
    marks = (DELETED_AT,) if soft(entity) else ()
    return tuple(known.get(name) for name in [*shown, *history_columns, *marks])
