"""Why a table has the rows that it has of one key: every event of the key, down to the chunk file and to what was asked for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from medallion.bronze.again import LANE
from medallion.bronze.entry import ChunkEntry
from medallion.config.pipeline import Pipeline
from medallion.config.silver import Entity
from medallion.errors import ConfigError, Problem

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from medallion.silver.landed import Landed
    from medallion.silver.narrate import Told


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where rows of one chunk come from. *asked* has the first and last position of each lane, and how many pages."""

    file: str
    run_id: str
    at: str
    asked: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Explained:
    """A key of an entity. *origins* are by (log version, chunk); *rows* is what the table has now; *last_version* how far it goes."""

    entity: str
    key: Mapping[str, Any]
    events: tuple[Told, ...]
    origins: Mapping[tuple[int, int], Origin]
    rows: tuple[Mapping[str, Any], ...]
    last_version: int


def entities_of(entities: Sequence[Entity], names: Sequence[str]) -> tuple[Entity, ...]:
    """The entities whose keys are exactly *names*, as Bronze or the table calls them. Raises ConfigError where there is none."""
    found = tuple(one for one in entities if _bronze_names(one, names) == set(one.keys))
    if not found:
        keys = "; ".join(f"{one.entity} has {', '.join(one.keys) or 'none'}" for one in entities) or "there is no entity"
        raise ConfigError([Problem(path="--key", message=f"no entity has the keys {', '.join(names)}: {keys}")])
    return found


def explain(spark: SparkSession, pipeline: Pipeline, entity: Entity, key: Mapping[str, str]) -> Explained:
    """What happened to one key, *key* being its columns and their values as text.

    Raises ConfigError where a value is none of its column's type; ChainError, LogEntryError or ChecksumError for a broken log.
    """
    from pyspark.errors import PySparkException

    from medallion.silver import applied, earlier, narrate, recall
    from medallion.silver.batch import tables
    from medallion.silver.home import place
    from medallion.silver.landed import Landed
    from medallion.silver.models.periodic import kept_by
    from medallion.silver.promote import translated

    where = place(pipeline, entity)
    landed = Landed(spark=spark, root=where.bronze)
    work = tables(spark, target=where.target, state=where.state)
    last = applied.newest(work.applied)
    last_version = -1 if last is None else last.last_version
    newest = landed.newest(at_least=max(last_version, 0))
    by_run = entity.model == "periodic_snapshot"
    told = earlier.deliveries(landed, where.load_pattern, newest, by_run=by_run) if newest >= 0 else []
    chunks = earlier.chunks_of(told)
    if not chunks:
        return Explained(entity=entity.entity, key=dict(key), events=(), origins={}, rows=(), last_version=last_version)
    try:
        frame = earlier.known(landed, chunks, entity, applied.ruled(work.applied))
        wanted = _wanted(frame, entity, key)
        rows = recall.of_keys(frame, wanted, entity)
    except PySparkException as error:
        raise landed.missing(chunks) or translated(str(error)) from error
    if by_run:
        events = narrate.of_kept(rows, told, by=kept_by(entity, where.load_pattern), last_version=last_version)
    elif where.load_pattern == "full":
        events = narrate.of_runs(rows, told, entity, last_version=last_version)
    else:
        events = narrate.of_events(rows, entity, last_version=last_version)
    places: dict[tuple[int, int], list[int]] = {}
    for version, *inside in sorted(one.position for one in events):
        if inside:
            places.setdefault((version, inside[0]), []).append(inside[1])
    return Explained(
        entity=entity.entity,
        key=dict(zip(entity.keys, wanted.collect()[0], strict=True)),
        events=tuple(events),
        origins={place: _origin(landed, *place, rows) for place, rows in places.items()},
        rows=_rows(work.target.frame(), wanted, entity),
        last_version=last_version,
    )


def _bronze_names(entity: Entity, names: Sequence[str]) -> set[str]:
    back = {shown: name for name, shown in entity.rename.items()}
    return {name if name in entity.keys else back.get(name, name) for name in names}


def _wanted(frame: DataFrame, entity: Entity, key: Mapping[str, str]) -> DataFrame:
    """The key as a frame of one row, in the types that its columns have."""
    from pyspark.sql import functions as F

    given = {entity_name: text for name, text in key.items() for entity_name in _bronze_names(entity, [name])}
    types = {name: frame.schema[name].dataType.simpleString() for name in entity.keys}
    one = frame.sparkSession.range(1)
    wanted = one.select(*[F.lit(given[name]).try_cast(types[name]).alias(name) for name in entity.keys])
    found = wanted.collect()[0]
    wrong = [
        Problem(path="--key", message=f"{name} is {types[name]}, which {given[name]!r} is not")
        for name in entity.keys
        if found[name] is None
    ]
    if wrong:
        raise ConfigError(wrong)
    return wanted


def _origin(landed: Landed, version: int, ordinal: int, rows: Sequence[int]) -> Origin:
    """Where a chunk comes from; *rows* are those of it that are told of."""
    entry = landed.entries(version, version)[0].entry
    assert isinstance(entry, ChunkEntry), "rows come from chunks only"
    chunk = next(one for one in entry.chunks if one.ordinal == ordinal)
    asked: Mapping[str, Any] = msgspec.to_builtins(entry.asked)
    if (again := entry.asked.first.get(LANE)) is not None:  # in place of a request: where the rows landed first
        before = sum(one.rows for one in entry.chunks if one.ordinal < ordinal)
        first = {f"row {row}": "{}:{}:{}".format(*again["rows"][before + row]) for row in rows}
        asked = {"quarantine of": again["entity"], "landed first at": first}
    return Origin(file=f"{landed.root}/{chunk.file.path}", run_id=entry.run_id, at=entry.at, asked=asked)


def _rows(table: DataFrame | None, wanted: DataFrame, entity: Entity) -> tuple[Mapping[str, Any], ...]:
    from medallion.silver.models.tables import keys_in_table

    if table is None:
        return ()
    names = keys_in_table(entity)
    found = table.join(wanted.toDF(*names), names, "left_semi").collect()
    return tuple(row.asDict(recursive=True) for row in found)
