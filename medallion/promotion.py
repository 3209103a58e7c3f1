"""Entities are promoted, some side by side; each ends with a value, not with an exception, and what is at rest needs no Spark."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, TypedDict

from medallion.clock import Clock
from medallion.config.silver import Entity
from medallion.errors import MedallionError, TerminatedError
from medallion.events import Failed, Listener, PromotionCompleted, PromotionOpened
from medallion.flow import Flow, open_root
from medallion.outcome import EntityOutcome
from medallion.silver.home import table_of
from medallion.silver.promoted import Promoted
from medallion.silver.receipt import Receipt, Shelf
from medallion.stop import StopFlag

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from medallion.silver.export import Exporter


class Common(TypedDict):
    """What promotions are given, however they are done."""

    shelf: Shelf | None
    exporter: Exporter | None
    clock: Clock
    listener: Listener
    stop: StopFlag


def promote_all(
    flow: Flow,
    session: Callable[[], SparkSession],
    entities: Sequence[Entity],
    *,
    replay: bool = False,
    take_over: bool = False,
    accept_quarantine: bool = False,
    rebuild: bool = False,
) -> tuple[EntityOutcome, ...]:
    """Each entity's table holds what the log of its Bronze table says; outcomes come in the order of *entities*.

    *session* is asked for where a table must be looked at: not for those whose receipt still stands. Some entities are promoted side by
    side, as the configuration says; the listener is called from several threads. An entity that fails says so in its outcome; the others
    go on, unless SIGTERM came: those that had not begun are skipped then. Where Spark cannot be started, each that needs it fails.
    """
    resting = {} if replay or rebuild else resting_of(flow, entities)
    spark: SparkSession | None = None
    broken: MedallionError | None = None
    if len(resting) < len(entities):
        try:
            spark = session()
        except MedallionError as error:
            flow.listener(Failed(subject="spark", code=error.code, sentence=error.sentence))
            broken = error
    terminated, looking = threading.Event(), threading.Lock()
    asked = {"replay": replay, "take_over": take_over, "accept_quarantine": accept_quarantine, "rebuild": rebuild}

    def outcome(entity: Entity) -> EntityOutcome:
        source, path = flow.pipeline.source_of(entity), table_of(flow.pipeline, entity)
        about = EntityOutcome(entity=entity.entity, status="skipped", source=source.name if source else None, path=path)
        try:
            with looking:  # of those that have not begun, one says that the run was stopped
                if terminated.is_set():
                    return about
                if flow.stop.requested:
                    terminated.set()
                flow.stop.check()
            if entity.entity in resting:
                return _rested(flow, resting[entity.entity], about)
            if spark is None:
                return replace(about, status="failed", error=broken)
            return _promote(flow, spark, entity, about, **asked)
        except MedallionError as error:
            if isinstance(error, TerminatedError):
                terminated.set()
            flow.listener(Failed(subject=entity.entity, code=error.code, sentence=error.sentence))
            return replace(about, status="failed", error=error)

    with ThreadPoolExecutor(flow.pipeline.run.promote.side_by_side, thread_name_prefix="promote") as workers:
        return tuple(workers.map(outcome, entities))


def resting_of(flow: Flow, entities: Sequence[Entity]) -> Mapping[str, Receipt]:
    """The receipts that still stand, by entity: nothing is new for these tables, and no Spark was needed to see it."""
    shelves = [shelf for entity in entities if (shelf := _shelf(flow, entity)) is not None]
    found = {shelf.entity.entity: shelf.standing() for shelf in shelves}
    return {name: receipt for name, receipt in found.items() if receipt is not None}


def _promote(flow: Flow, spark: SparkSession, entity: Entity, about: EntityOutcome, **options: bool) -> EntityOutcome:
    """*about*, filled in. Spark's own errors come out as typed ones."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    from medallion.silver.export import Exporter
    from medallion.silver.promote import promote, translated
    from medallion.silver.rebuild import rebuild as make_again

    flow.listener(PromotionOpened(entity=entity.entity))
    platform = flow.pipeline.platform
    state = open_root(flow, platform.state.root)
    common: Common = {
        "shelf": _shelf(flow, entity),
        "exporter": Exporter.of(flow.pipeline, entity, flow.roots) if entity.exports else None,
        "clock": flow.clock,
        "listener": flow.listener,
        "stop": flow.stop,
    }
    try:
        if options.pop("rebuild", False):
            silver = None if platform.silver.root is None else open_root(flow, platform.silver.root)
            del options["replay"]
            done = make_again(spark, flow.pipeline, entity, state, silver, **common, **options)
        else:
            done = promote(spark, flow.pipeline, entity, state, **common, **options)
    except (PySparkException, Py4JError) as error:
        raise translated(str(error)) from error
    flow.listener(PromotionCompleted(entity=entity.entity, rows=done.rows, seconds=done.seconds))
    changed = done.inserted + done.updated + done.deleted + done.quarantined
    return replace(about, status="done" if changed else "unchanged", promoted=done, silver_rows=done.table_rows)


def _shelf(flow: Flow, entity: Entity) -> Shelf | None:
    """Where the entity's receipts are; None where it has none."""
    platform = flow.pipeline.platform
    if platform.silver.root is None or not Shelf.keeps(flow.pipeline, entity):
        return None
    bronze, silver, state = (open_root(flow, root) for root in (platform.bronze.root, platform.silver.root, platform.state.root))
    return Shelf(pipeline=flow.pipeline, entity=entity, bronze=bronze, silver=silver, state=state)


def _rested(flow: Flow, receipt: Receipt, about: EntityOutcome) -> EntityOutcome:
    flow.listener(PromotionOpened(entity=about.entity))
    flow.listener(PromotionCompleted(entity=about.entity, rows=0, seconds=0.0))
    promoted = Promoted(entity=about.entity, table_rows=receipt.rows)
    return replace(about, status="unchanged", promoted=promoted, silver_rows=receipt.rows)
