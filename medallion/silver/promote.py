"""Follow the log: everything that is new in a Bronze table becomes true in a Silver table, once."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pyspark.errors import StreamingQueryException
from pyspark.sql import functions as F

from medallion.clock import Clock
from medallion.config.pipeline import Pipeline
from medallion.config.silver import DELETED_AT, Entity
from medallion.errors import ChainError, CheckpointMissingError, MedallionError, StateError, TerminatedError
from medallion.events import BatchApplied, Listener, Noticed
from medallion.layout import BronzeLayout, SilverLayout
from medallion.silver import applied
from medallion.silver.batch import MicroBatch, identity, tables
from medallion.silver.claims import acquire, release
from medallion.silver.export import Exporter
from medallion.silver.home import layout_of, table_of
from medallion.silver.landed import Landed
from medallion.silver.models import ledger
from medallion.silver.models.tables import Tables
from medallion.silver.promoted import Promoted, Unmet
from medallion.silver.publish import layout_for
from medallion.silver.receipt import Shelf
from medallion.silver.source import ends
from medallion.silver.stream import NAME, START, LogSource, queries
from medallion.spark import failure
from medallion.stop import StopFlag
from medallion.storage.filesystem import FileSystem
from medallion.storage.location import Location

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SWAPPING = "swapping"
"""The part of the state that is there while a table that was made again takes the old one's place."""
_LOOK_EVERY = 1
"""Seconds between two looks at the stop flag while a query runs."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an entity is made of and where it lives, as locations; *target* may be a table's name in a catalog."""

    load_pattern: Literal["full", "cdc", "current_history"]
    bronze: str
    target: str
    state: str
    layout: SilverLayout


def place(pipeline: Pipeline, entity: Entity) -> Place:
    """The locations of an entity's Bronze table, Silver table and state."""
    source = pipeline.source_of(entity)
    origin = source or entity.bronze
    assert origin is not None, "the configuration was checked"
    layout = layout_of(pipeline, entity)
    return Place(
        load_pattern=origin.load_pattern,
        bronze=Location.parse(pipeline.platform.bronze.root).child(BronzeLayout(system=origin.system, table=origin.table).folder).uri,
        target=table_of(pipeline, entity),
        state=Location.parse(pipeline.platform.state.root).child(layout.state).uri,
        layout=layout,
    )


def promote(
    spark: SparkSession,
    pipeline: Pipeline,
    entity: Entity,
    state: FileSystem,
    *,
    shelf: Shelf | None = None,
    exporter: Exporter | None = None,
    replay: bool = False,
    take_over: bool = False,
    accept_quarantine: bool = False,
    clock: Clock,
    listener: Listener,
    stop: StopFlag,
) -> Promoted:
    """Everything that the log holds is in the entity's table. *state* is the file system at the state root; *shelf* takes the receipt,
    *exporter* writes the table out.

    *replay* reads the log from its beginning into the same table, which changes nothing where the table is right.
    *accept_quarantine* lets more rows be set aside than the entity's limit allows.
    Raises BusyError or FencedError (another promotion), StateError (log, checkpoint and table disagree), ChecksumError, QualityError,
    TerminatedError; whatever it raises, what was applied before stays, and the same command goes on from there.
    """
    started, since = clock.now(), clock.monotonic()
    where = place(pipeline, entity)
    work = tables(spark, target=where.target, state=where.state, layout=layout_for(entity))
    claim = acquire(
        state,
        where.layout.part("claims"),
        attempt=f"promote-{uuid.uuid4().hex[:12]}",
        clock=clock,
        takeover_after=pipeline.platform.bronze.takeover_after,
        take_over=take_over,
    )
    try:
        if state.exists(where.layout.part(SWAPPING)):
            raise StateError(
                f"{where.target} was being put in place of an older one when the process ended; nothing was changed: run promote with "
                "--rebuild again"
            )
        planned = _plan(spark, pipeline, entity, where, work, state, replay=replay, listener=listener)
        if planned.ends:
            batch = MicroBatch(
                entity=entity,
                load_pattern=where.load_pattern,
                bronze=where.bronze,
                target=where.target,
                state=where.state,
                checksum=pipeline.run.promote.checksum,
                claim=Location.parse(pipeline.platform.state.root).child(claim.path).uri,
                next_claim=Location.parse(pipeline.platform.state.root).child(claim.next_path).uri,
                attempt=claim.held.attempt,
                table_id=planned.table_id,
                replay=replay,
                accept_quarantine=accept_quarantine,
                clock=clock,
            )
            _run(spark, batch, planned.ends, checkpoint=f"{where.state}/checkpoint", stop=stop)
        if exporter is not None:
            exporter.export(work.target)
        table = work.target.frame()
        rows = 0 if table is None else table.count()
        if shelf is not None:
            shelf.write(planned.version, planned.sha256, rows)
    finally:
        release(state, claim)
    done = applied.since(work.applied, started) if planned.ends else []
    if done and ledger.soft(entity) and table is not None:
        marked = table.where(F.col(DELETED_AT).isNotNull()).count()
        listener(Noticed(subject=entity.entity, sentence=f"{marked:,} rows are marked as deleted in {DELETED_AT}"))
    for row in done:
        listener(
            BatchApplied(
                entity=entity.entity, first_version=row.first_version, last_version=row.last_version, rows=row.rows, seconds=row.seconds
            )
        )
    totals = {
        name: sum(getattr(row, name) for row in done)
        for name in ("rows", "quarantined", "dropped", "ties", "late", "inserted", "updated", "deleted")
    }
    return Promoted(
        entity=entity.entity,
        batches=len(done),
        seconds=clock.monotonic() - since,
        last_version=max((row.last_version for row in done), default=-1),
        table_rows=rows,
        unmet=tuple(
            Unmet(name=rule.name, action=rule.action, rows=sum(row.rules.get(rule.name, 0) for row in done)) for rule in entity.expectations
        ),
        **totals,
    )


@dataclass(frozen=True, kw_only=True)
class Planned:
    """The offsets at which batches will end, none where nothing is new; all of them deliver the log up to *version*."""

    ends: Sequence[dict[str, Any]]
    table_id: str | None
    """Of the table, where it is known to stay."""
    version: int
    sha256: str


def _plan(
    spark: SparkSession,
    pipeline: Pipeline,
    entity: Entity,
    where: Place,
    work: Tables,
    state: FileSystem,
    *,
    replay: bool,
    listener: Listener,
) -> Planned:
    """What there is to do. Table, checkpoint and log are checked against each other."""
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
            for sentence in applied.check_table(work.target, last, identity(entity, where.load_pattern)):
                listener(Noticed(subject=entity.entity, sentence=sentence))
            table_id = last.table_id
        work.target.settle()
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
        return Planned(ends=(), table_id=table_id, version=newest, sha256=after["sha256"])
    limits = pipeline.run.promote.batch
    fresh = landed.entries(after["version"] + 1, newest, prev_sha256=after["sha256"])
    by_run = entity.model == "periodic_snapshot"
    planned = ends(fresh, max_files=limits.max_files, max_bytes=limits.max_bytes, by_run=by_run)
    return Planned(ends=planned, table_id=table_id, version=newest, sha256=fresh[-1].sha256)


_NO_WORKER = "to connect back"
"""How Spark says that a Python of its own was not up in ten seconds, which no setting changes: a busy machine, and not our data."""
_TRIES = 3
"""How often a query is started in all where that happens. Its batches are idempotent, and most often it was before the first of them."""

_registering = threading.Lock()
"""Each stream keeps the registration that it was loaded from. Spark changes the environment of one while it sends it to tasks: of two
streams that share one, a task may get half of it (java.io.OptionalDataException)."""


def _run(spark: SparkSession, batch: MicroBatch, planned: Sequence[dict[str, Any]], *, checkpoint: str, stop: StopFlag) -> None:
    """Streaming has gone through all planned batches; its errors arrive as the typed errors that they are."""
    for part in queries(planned, spark.version):
        for left in reversed(range(_TRIES)):
            try:
                _query(spark, batch, part, checkpoint=checkpoint, stop=stop)
                break
            except MedallionError as error:
                if left == 0 or _NO_WORKER not in error.sentence:
                    raise


def _query(spark: SparkSession, batch: MicroBatch, planned: Sequence[dict[str, Any]], *, checkpoint: str, stop: StopFlag) -> None:
    with _registering:
        spark.dataSource.register(LogSource)
        stream = spark.readStream.format(NAME).option("ends", json.dumps(list(planned))).load()
    query = stream.writeStream.foreachBatch(batch).option("checkpointLocation", checkpoint).trigger(availableNow=True).start()
    try:
        while not query.awaitTermination(_LOOK_EVERY):
            if stop.requested:
                query.stop()
                raise TerminatedError(f"stopped by SIGTERM while {batch.entity.entity} was promoted: run the same command again to go on")
    except StreamingQueryException as error:
        raise translated(str(error)) from error
    finally:
        if query.isActive:
            query.stop()


def translated(text: str) -> MedallionError:
    """The typed error behind what Spark says of a failed query."""
    return failure(text, "what was applied before stays: run the same command again")
