"""What a promotion has to do: where in the log its table stands and where batches will end; and what it leaves for the next one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from medallion.bronze.log import Stored
from medallion.config.pipeline import Pipeline
from medallion.config.silver import Entity
from medallion.config.values import parse_instant
from medallion.errors import ChainError, CheckpointMissingError
from medallion.events import Listener, Noticed
from medallion.silver import applied
from medallion.silver.home import Place
from medallion.silver.identity import require_same
from medallion.silver.landed import Landed
from medallion.silver.models.tables import Tables
from medallion.silver.receipt import News, Shelf, Snapshot
from medallion.silver.source import ends, refolded
from medallion.silver.stream import START
from medallion.storage.filesystem import FileSystem

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True, kw_only=True)
class Planned:
    """The offsets at which batches will end, none where nothing is new; all of them deliver the log *after* one up to *version*."""

    ends: Sequence[dict[str, Any]]
    after: dict[str, Any]
    table_id: str | None
    """Of the table, where it is known to stay."""
    version: int
    sha256: str
    snapshot: applied.Snapshot | None = None
    """The newest that is in the table, where the table is made of snapshots."""
    rows: int | None = None
    """Of the table as it stands; None: not known."""
    entries: tuple[Stored, ...] = ()
    """What was read of the log, and may be needed again."""
    instead: Mapping[int, int] = field(default_factory=dict)
    """Where all snapshots are folded again: the version of the one that a batch takes, by the version at which it ends."""


def go_on(pipeline: Pipeline, entity: Entity, shelf: Shelf, news: News) -> Planned:
    """What there is to do, where a receipt says that the table is as the last promotion left it."""
    last = news.entries[-1] if news.entries else None
    known = news.receipt.snapshot
    planned = _ends(pipeline, entity, news.entries)
    return Planned(
        ends=planned,
        after={"version": news.receipt.version, "sha256": news.receipt.sha256},
        table_id=news.receipt.table_id,
        version=last.version if last else news.receipt.version,
        sha256=last.sha256 if last else news.receipt.sha256,
        snapshot=applied.Snapshot(version=known.version, logical_date=parse_instant(known.logical_date)) if known else None,
        rows=news.receipt.rows,
        entries=(*shelf.schemas(news.entries), *news.entries) if planned else (),
    )


def begin(pipeline: Pipeline, entity: Entity, entries: Sequence[Stored]) -> Planned:
    """What there is to do, where nothing was promoted yet: all *entries* of the log."""
    last = entries[-1] if entries else None
    return Planned(
        ends=_ends(pipeline, entity, entries),
        after=START,
        table_id=None,
        version=last.version if last else START["version"],
        sha256=last.sha256 if last else START["sha256"],
        rows=0,
        entries=tuple(entries),
    )


def _ends(pipeline: Pipeline, entity: Entity, fresh: Sequence[Stored]) -> list[dict[str, Any]]:
    limits = pipeline.run.promote.batch
    return ends(fresh, max_files=limits.max_files, max_bytes=limits.max_bytes, by_run=entity.model == "periodic_snapshot")


def rows_after(planned: Planned, heard: Sequence[applied.Applied], entity: Entity, shelf: Shelf | None) -> int | None:
    """Rows of the table: those that it had, and what the batches did. None where that is not sure and they must be counted."""
    if planned.rows is None or shelf is None or entity.model == "periodic_snapshot":
        return None
    if not planned.ends:
        return planned.rows
    if not heard or shelf.table_version() != heard[-1].table_version:
        return None
    return planned.rows + sum(row.inserted - row.deleted for row in heard)


def leave(shelf: Shelf, planned: Planned, done: Sequence[applied.Applied], rows: int) -> None:
    """The receipt of what was done."""
    snapshot = applied.snapshot_of(done[-1]) if done else planned.snapshot
    shelf.write(
        planned.version,
        planned.sha256,
        rows,
        table_id=done[-1].table_id if done else planned.table_id,
        snapshot=Snapshot(version=snapshot.version, logical_date=snapshot.logical_date.isoformat()) if snapshot else None,
    )


def plan(
    spark: SparkSession,
    pipeline: Pipeline,
    entity: Entity,
    where: Place,
    work: Tables,
    state: FileSystem,
    *,
    replay: bool,
    refold: bool = False,
    listener: Listener,
) -> Planned:
    """What there is to do. Table, checkpoint and log are checked against each other.

    Snapshots come in the order of the log; by *replay* and *refold* in the order of their logical time.
    """
    table_id = None
    last = applied.newest(work.applied)
    checkpoint = where.layout.part("checkpoint")
    if replay:
        for file in list(state.files(checkpoint)):
            state.delete(file.path)
    else:
        if work.target.frame() is not None and not state.exists(f"{checkpoint}/metadata"):
            raise CheckpointMissingError(
                f"{where.target} has rows but no checkpoint at {where.state}/checkpoint says how far it goes; nothing was changed: "
                "run promote with --replay, which reads Bronze again into this table and ends with the same rows"
            )
        if last is not None:
            require_same(last.identity, entity, where.load_pattern, table=where.target)
            for sentence in applied.check_table(work.target, last):
                listener(Noticed(subject=entity.entity, sentence=sentence))
            table_id = last.table_id
        work.target.settle()
    there = work.target.frame() is not None
    snapshot = None
    of_snapshots = where.load_pattern == "full" and entity.model != "periodic_snapshot"
    if last is not None and there and of_snapshots:
        here = table_id or work.target.table_id()
        # Each row of `applied` is of a snapshot, in the order of the log: the one that goes furthest is the newest.
        snapshot = applied.snapshot_of(last) if last.table_id == here else applied.newest_snapshot(work.applied, table_id=here)
    after: dict[str, Any] = START if replay or last is None else {"version": last.last_version, "sha256": last.sha256}
    landed = Landed(spark=spark, root=where.bronze)
    newest = landed.newest(at_least=after["version"])
    if newest < after["version"]:
        raise ChainError(
            f"the log at {where.bronze} ends at version {newest}, but {after['version']} was applied: "
            "it was cut or restored to an older state; nothing was changed: restore the log, or make the table again with --rebuild"
        )
    if newest == after["version"]:
        if newest >= 0 and landed.entries(newest, newest)[0].sha256 != after["sha256"]:
            raise ChainError(f"the log at {where.bronze} is not the one that was applied up to version {newest}; nothing was changed")
        return Planned(ends=(), after=after, table_id=table_id, version=newest, sha256=after["sha256"], snapshot=snapshot)
    fresh = landed.entries(after["version"] + 1, newest, prev_sha256=after["sha256"])
    again = refolded(fresh) if of_snapshots and (replay or refold) else []
    return Planned(
        ends=[end for end, _ in again] or _ends(pipeline, entity, fresh),
        instead={end["version"]: version for end, version in again},
        after=after,
        table_id=table_id,
        version=newest,
        sha256=fresh[-1].sha256,
        snapshot=snapshot,
        rows=None if there else 0,
        entries=tuple(fresh),
    )
