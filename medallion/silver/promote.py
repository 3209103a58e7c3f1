"""Follow the log: everything that is new in a Bronze table becomes true in a Silver table, once."""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException, StreamingQueryException
from pyspark.sql import functions as F

from medallion.clock import Clock
from medallion.config.pipeline import Pipeline
from medallion.config.silver import DELETED_AT, Entity
from medallion.errors import MedallionError, StateError, TerminatedError
from medallion.events import BatchApplied, Listener, Noticed
from medallion.policy.retry import FailedAttempt, RetryPolicy, is_retryable, retrying
from medallion.silver import applied
from medallion.silver.agenda import Planned, begin, go_on, leave, plan, rows_after
from medallion.silver.ahead import Ahead
from medallion.silver.batch import MicroBatch, tables
from medallion.silver.claims import acquire, release
from medallion.silver.export import Exporter
from medallion.silver.home import place
from medallion.silver.models import ledger
from medallion.silver.promoted import Promoted, Unmet
from medallion.silver.publish import layout_for
from medallion.silver.receipt import Shelf
from medallion.silver.stream import NAME, LogSource, queries
from medallion.spark import failure, is_classic
from medallion.stop import StopFlag
from medallion.storage.filesystem import FileSystem
from medallion.storage.location import Location

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SWAPPING = "swapping"
"""The part of the state that is there while a table that was made again takes the old one's place."""
_LOOK_EVERY = 1
"""Seconds between two looks at the stop flag while a query runs."""
_HANDED_ON = 1000
"""So many entries of the log at most are handed on to the batches; more they read again."""


def promote(
    spark: SparkSession,
    pipeline: Pipeline,
    entity: Entity,
    state: FileSystem,
    *,
    shelf: Shelf | None = None,
    exporter: Exporter | None = None,
    replay: bool = False,
    refold: bool = False,
    take_over: bool = False,
    accept_quarantine: bool = False,
    clock: Clock,
    listener: Listener,
    stop: StopFlag,
) -> Promoted:
    """Everything that the log holds is in the entity's table. *state* is the file system at the state root; *shelf* takes the receipt,
    *exporter* writes the table out.

    *replay* reads the log from its beginning into the same table, which changes nothing where the table is right. It takes snapshots by
    their logical time, and so does *refold*, which is for a table that is not there yet.
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
        planned = None if shelf is None or replay else _by_receipt(pipeline, entity, shelf)
        if planned is None:
            planned = plan(spark, pipeline, entity, where, work, state, replay=replay, refold=refold, listener=listener)
        heard: list[applied.Applied] = []
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
                newest=planned.snapshot,
                instead=planned.instead,
                entries=planned.entries if len(planned.entries) <= _HANDED_ON else (),
                heard=heard,
                clock=clock,
            )
            with _counting(spark, batch, planned) as ahead:
                again = _run(spark, replace(batch, ahead=ahead), planned.ends, checkpoint=f"{where.state}/checkpoint", stop=stop)
            if again:
                planned = replace(planned, rows=None)  # what a try wrote that failed after it, nobody heard
        if exporter is not None:
            exporter.export(work.target)
        rows = rows_after(planned, heard, entity, shelf)
        if rows is None:
            table = work.target.frame()
            rows = 0 if table is None else table.count()
        done = heard or (applied.since(work.applied, started) if planned.ends else [])
        if shelf is not None:
            leave(shelf, planned, done, rows)
    finally:
        release(state, claim)
    if done and ledger.soft(entity) and (table := work.target.frame()) is not None:
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


def _counting(spark: SparkSession, batch: MicroBatch, planned: Planned) -> AbstractContextManager[Ahead | None]:
    """The rows of the first batch are being counted, while its stream starts; None where a batch runs in another process, or the log would
    have to be read once more for it."""
    return batch.counts_ahead(spark, planned.after, planned.ends[0]) if is_classic(spark) and batch.entries else nullcontext()


def _by_receipt(pipeline: Pipeline, entity: Entity, shelf: Shelf) -> Planned | None:
    """What there is to do where a receipt says so, or nothing was promoted yet; None where table and state must be looked at by Spark."""
    news = shelf.news()
    if news is not None:
        return go_on(pipeline, entity, shelf, news) if news.receipt.table_id is not None else None
    entries = shelf.untouched()
    return None if entries is None else begin(pipeline, entity, entries)


_PASSING = re.compile(
    r"to connect back|io\.delta\.exceptions\.\w*(?:Changed|Concurrent)\w*Exception|\[(?:TABLE_OR_VIEW_ALREADY_EXISTS|DELTA_PATH_EXISTS)\]"
)
"""How Spark says that a Python of its own was not up in ten seconds, which no setting changes: a busy machine, and not our data. And how
Delta says that somebody else committed, or made the table: most often we did, by a request whose answer was lost."""
_PATIENCE = RetryPolicy(attempts=6)
"""How often a query is started in all where that happens, or a store was away, with pauses. Its batches are idempotent, and what its
checkpoint holds stands."""

_registering = threading.Lock()
"""Each stream keeps the registration that it was loaded from. Spark changes the environment of one while it sends it to tasks: of two
streams that share one, a task may get half of it (java.io.OptionalDataException)."""


def _run(spark: SparkSession, batch: MicroBatch, planned: Sequence[dict[str, Any]], *, checkpoint: str, stop: StopFlag) -> int:
    """Streaming has gone through all planned batches; returns how often it had to be started again.

    Its errors arrive as the typed errors that they are.
    """
    again = 0

    def failed(_: FailedAttempt) -> None:
        nonlocal again
        again += 1
        stop.check()

    for number, part in enumerate(queries(planned, spark.version)):
        if number and not batch.heard and batch.load_pattern == "full":  # called in another process, which ended with its query
            last = applied.newest(tables(spark, target=batch.target, state=batch.state).applied)
            if last is not None and last.attempt == batch.attempt:
                batch = replace(batch, newest=applied.snapshot_of(last))
        retrying(_PATIENCE, sleep=batch.clock.sleep, on_retry=failed, passes=_passes)(
            _query, spark, batch, part, checkpoint=checkpoint, stop=stop
        )
    return again


def _passes(error: BaseException) -> bool:
    return is_retryable(error) or (isinstance(error, MedallionError) and _PASSING.search(error.sentence) is not None)


def _query(spark: SparkSession, batch: MicroBatch, planned: Sequence[dict[str, Any]], *, checkpoint: str, stop: StopFlag) -> None:
    with _registering:
        spark.dataSource.register(LogSource)
        stream = spark.readStream.format(NAME).option("ends", json.dumps(list(planned))).load()
    writer = stream.writeStream.foreachBatch(batch).option("checkpointLocation", checkpoint).trigger(availableNow=True)
    try:
        query = writer.start()
    except (PySparkException, Py4JError) as error:  # it begins its checkpoint
        raise translated(str(error)) from error
    try:
        while not query.awaitTermination(_LOOK_EVERY):
            if stop.requested:
                if batch.ahead is not None:  # the batch may be waiting for it
                    batch.ahead.end()
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
