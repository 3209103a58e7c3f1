"""The flow as functions: sources are extracted, entities are promoted, or both; each ends with a value, not with an exception."""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from medallion.bronze.children import Children
from medallion.bronze.dated import DatedPages
from medallion.bronze.extract import ExtractResult, extract
from medallion.bronze.opening import ExtractOptions
from medallion.bronze.parents import ParentTable
from medallion.clock import Clock
from medallion.config.names import closest
from medallion.config.pipeline import Pipeline, parents_first
from medallion.config.secret import SecretResolver
from medallion.config.shape import references
from medallion.config.silver import Entity
from medallion.config.source import Source
from medallion.config.values import RUN_DATE
from medallion.errors import ConfigError, MedallionError, Problem, TerminatedError, worst
from medallion.events import Failed, Listener, Noticed, PromotionCompleted, PromotionOpened
from medallion.layout import BronzeLayout
from medallion.policy.budget import RetryBudget
from medallion.policy.limiter import Rate
from medallion.prefetch.hosts import Hosts
from medallion.prefetch.open import open_pages
from medallion.silver.home import table_of
from medallion.source.frames import open_frames
from medallion.source.protocol import LaneSource
from medallion.stop import StopFlag
from medallion.storage.filesystem import FileSystem
from medallion.storage.location import Location
from medallion.storage.registry import open_filesystem, provider_for

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from medallion.silver.promote import Promoted

Status = Literal["done", "unchanged", "failed", "skipped"]
"""unchanged: nothing was new. skipped: it was not tried, since something before it failed."""


@dataclass(frozen=True, kw_only=True)
class Flow:
    """What a flow is made of: the configuration, and what it must not reach for itself."""

    pipeline: Pipeline
    resolver: SecretResolver
    clock: Clock
    listener: Listener
    stop: StopFlag
    start_spark: Callable[[str], SparkSession]
    """The session of this process, by a name for it; called where one is needed, and not before."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The sources to extract and the entities to promote."""

    sources: tuple[Source, ...]
    entities: tuple[Entity, ...]


@dataclass(frozen=True, kw_only=True)
class SourceOutcome:
    """How the extraction of a source ended. *result* is there where it came to its end, *error* where it did not."""

    source: str
    status: Status
    result: ExtractResult | None = None
    error: MedallionError | None = None


@dataclass(frozen=True, kw_only=True)
class EntityOutcome:
    """How the promotion of an entity ended. *silver_rows* is the number of rows in its table, at *path*."""

    entity: str
    status: Status
    source: str | None = None
    """The source of this configuration that it is made of, if it is."""
    promoted: Promoted | None = None
    silver_rows: int | None = None
    path: str | None = None
    error: MedallionError | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a flow ended, source by source and entity by entity."""

    pipeline: str
    sources: tuple[SourceOutcome, ...] = ()
    entities: tuple[EntityOutcome, ...] = ()
    seconds: float = 0.0

    @property
    def errors(self) -> tuple[MedallionError, ...]:
        """What went wrong, sources before entities."""
        found = [*(one.error for one in self.sources), *(one.error for one in self.entities)]
        return tuple(error for error in found if error is not None)

    @property
    def exit_status(self) -> int:
        """The worst of all exit statuses; 0 where everything went well."""
        return worst(error.exit_status for error in self.errors)

    @property
    def nothing_new(self) -> bool:
        """Whether all went well and changed no table; without entities: no source had a row."""
        sources, entities = {one.status for one in self.sources}, {one.status for one in self.entities}
        return sources <= {"done", "unchanged"} and (entities or sources) == {"unchanged"}


def select(pipeline: Pipeline, names: Sequence[str] = ()) -> Selection:
    """What *names* mean: a source with the entities that are made of it, an entity with the source it is made of; none: everything.

    Raises ConfigError with each unknown name and the nearest known one.
    """
    if not names:
        return Selection(sources=pipeline.sources, entities=pipeline.silver)
    known = {source.name for source in pipeline.sources} | {entity.entity for entity in pipeline.silver}
    problems = []
    for name in names:
        if name not in known:
            meant = closest(name, known)
            hint = f"did you mean {meant}?" if meant else f"there are {', '.join(sorted(known)) or 'none'}"
            problems.append(Problem(path="--select", message=f"no source or entity is called {name!r}; {hint}"))
    if problems:
        raise ConfigError(problems)
    entities = tuple(one for one in pipeline.silver if one.entity in names or _source_name(pipeline, one) in names)
    needed = {*names, *(_source_name(pipeline, one) for one in entities)}
    return Selection(sources=tuple(one for one in pipeline.sources if one.name in needed), entities=entities)


def extract_all(
    flow: Flow, sources: Sequence[Source], options: ExtractOptions, *, session: Callable[[], SparkSession] | None = None
) -> tuple[SourceOutcome, ...]:
    """Each source is read into its Bronze table, one after the other, parents first, all with one limiter and one breaker a host.

    *session* gives the Spark session to a source that needs one; None: it is started then, and no other source needs Java.
    A source that fails says so in its outcome, and those that are made from its records are skipped; the others go on, unless the
    configuration says stop or SIGTERM came.
    """
    rate = flow.pipeline.run.rate_limit_rps
    budget = RetryBudget(**flow.pipeline.run.retry_budget.model_dump())
    hosts = Hosts(clock=flow.clock, rate=None if rate is None else Rate(rps=rate), budget=budget)
    outcomes: list[SourceOutcome] = []
    with tempfile.TemporaryDirectory(prefix="medallion-spool-") as spool:
        for source in parents_first(sources):
            failed = {one.source for one in outcomes if one.result is None}
            if _must_end(flow, [one.error for one in outcomes]) or (source.parent is not None and source.parent.source in failed):
                outcomes.append(SourceOutcome(source=source.name, status="skipped"))
                continue
            try:
                flow.stop.check()
                if source.parent is not None and source.parent.source not in {one.source for one in outcomes}:
                    sentence = f"{source.parent.source} is not read now: the records of its last completed run are asked for"
                    flow.listener(Noticed(subject=source.name, sentence=sentence))
                if source.by_spark:
                    result = _extract_frames(flow, source, options, session or partial(flow.start_spark, flow.pipeline.pipeline))
                else:
                    result = _extract(flow, source, hosts, options, Path(spool))
            except MedallionError as error:
                flow.listener(Failed(subject=source.name, code=error.code, sentence=error.sentence))
                outcomes.append(SourceOutcome(source=source.name, status="failed", error=error))
            else:
                idle = result.nothing_to_ask or result.same_as is not None or result.rows == 0
                outcomes.append(SourceOutcome(source=source.name, status="unchanged" if idle else "done", result=result))
    return tuple(outcomes)


def promote_all(
    flow: Flow, spark: SparkSession, entities: Sequence[Entity], *, replay: bool = False, take_over: bool = False
) -> tuple[EntityOutcome, ...]:
    """Each entity's table holds what the log of its Bronze table says; outcomes come in the order of *entities*.

    Some are promoted side by side, as the configuration says; the listener is called from several threads. An entity that fails
    says so in its outcome; the others go on, unless SIGTERM came: those that had not begun are skipped then.
    """
    terminated, looking = threading.Event(), threading.Lock()

    def outcome(entity: Entity) -> EntityOutcome:
        source, path = _source_name(flow.pipeline, entity), silver_path(flow.pipeline, entity)
        about = EntityOutcome(entity=entity.entity, status="skipped", source=source, path=path)
        try:
            with looking:  # of those that have not begun, one says that the run was stopped
                if terminated.is_set():
                    return about
                if flow.stop.requested:
                    terminated.set()
                flow.stop.check()
            return _promote(flow, spark, entity, about, replay=replay, take_over=take_over)
        except MedallionError as error:
            if isinstance(error, TerminatedError):
                terminated.set()
            flow.listener(Failed(subject=entity.entity, code=error.code, sentence=error.sentence))
            return replace(about, status="failed", error=error)

    with ThreadPoolExecutor(flow.pipeline.run.promote.side_by_side, thread_name_prefix="promote") as workers:
        return tuple(workers.map(outcome, entities))


def run(flow: Flow, selection: Selection, options: ExtractOptions, *, replay: bool = False) -> Outcome:
    """Extraction, then promotion of what the logs hold by then; the Spark session starts while sources are read.

    What a failed source committed is promoted like everything else (an incomplete snapshot never is), unless the configuration
    says that a failure stops the run. Where Spark cannot be started, what was read stays, and every entity fails.
    """
    began = flow.clock.monotonic()
    by_spark = any(source.by_spark for source in selection.sources)
    starting = _starting(flow) if selection.entities or by_spark or needs_jvm(flow.pipeline) else None
    if starting is not None and needs_jvm(flow.pipeline):
        starting.result()
    sources = extract_all(flow, selection.sources, options, session=None if starting is None else starting.result)
    if starting is None or not selection.entities or _must_end(flow, [one.error for one in sources]):
        entities = tuple(EntityOutcome(entity=one.entity, status="skipped") for one in selection.entities)
    else:
        if not starting.done():
            flow.listener(Noticed(subject="spark", sentence="is starting"))
        try:
            spark = starting.result()
        except MedallionError as error:
            flow.listener(Failed(subject="spark", code=error.code, sentence=error.sentence))
            entities = tuple(EntityOutcome(entity=one.entity, status="failed", error=error) for one in selection.entities)
        else:
            entities = promote_all(flow, spark, selection.entities, replay=replay, take_over=options.take_over)
    return Outcome(pipeline=flow.pipeline.pipeline, sources=sources, entities=entities, seconds=flow.clock.monotonic() - began)


def needs_jvm(pipeline: Pipeline) -> bool:
    """Whether even extraction needs Spark, because the Bronze root is served through it. Raises UnknownSchemeError."""
    bronze = pipeline.platform.bronze
    return provider_for(Location.parse(bronze.root), bronze.storage_backend).needs_jvm


def open_root(flow: Flow, root: str) -> FileSystem:
    """The files below one of the roots of the configuration."""
    return open_filesystem(root, backend=flow.pipeline.platform.bronze.storage_backend, clock=flow.clock, listener=flow.listener)


def silver_path(pipeline: Pipeline, entity: Entity) -> str:
    """Where the table of *entity* is: a path or URI, or the quoted name of a table in a catalog."""
    return table_of(pipeline, entity)


def _source_name(pipeline: Pipeline, entity: Entity) -> str | None:
    source = pipeline.source_of(entity)
    return None if source is None else source.name


def _must_end(flow: Flow, errors: Sequence[MedallionError | None]) -> bool:
    """Whether nothing more shall be tried after these errors."""
    failed = [error for error in errors if error is not None]
    stops = flow.pipeline.run.on_source_failure == "stop"
    return any(stops or isinstance(error, TerminatedError) for error in failed)


def _extract(flow: Flow, source: Source, hosts: Hosts, options: ExtractOptions, spool: Path) -> ExtractResult:
    clock, listener, stop = flow.clock, flow.listener, flow.stop

    def opened(logical_date: datetime) -> LaneSource:
        return open_pages(source, resolver=flow.resolver, hosts=hosts, clock=clock, listener=listener, stop=stop, logical_date=logical_date)

    for reference in references(source):  # what cannot be asked fails here, before anything is written
        flow.resolver.resolve(reference)
    pages: LaneSource = opened(options.run_date or clock.now())
    fs = open_root(flow, flow.pipeline.platform.bronze.root)
    if RUN_DATE in source.model_dump_json():
        pages = DatedPages(fs=fs, layout=BronzeLayout(system=source.system, table=source.table), opened=opened)
    bronze = flow.pipeline.platform.bronze
    above, asked = flow.pipeline.parent_of(source), source.parent
    if above is not None and asked is not None:
        table = ParentTable(fs=fs, layout=BronzeLayout(system=above.system, table=above.table), child=source.name, parent=asked)
        children = Children(inner=pages, table=table)
        return extract(source, children, fs, bronze=bronze, options=options, clock=clock, listener=listener, stop=stop, spool=spool)
    return extract(source, pages, fs, bronze=bronze, options=options, clock=clock, listener=listener, stop=stop, spool=spool)


def _extract_frames(flow: Flow, source: Source, options: ExtractOptions, session: Callable[[], SparkSession]) -> ExtractResult:
    from medallion.bronze.frames import extract_frames

    frames = open_frames(source, resolver=flow.resolver, listener=flow.listener)  # a missing secret shows before Spark starts
    spark = session()
    fs = open_root(flow, flow.pipeline.platform.bronze.root)
    bronze = flow.pipeline.platform.bronze
    return extract_frames(
        source, frames, fs, spark, bronze=bronze, options=options, clock=flow.clock, listener=flow.listener, stop=flow.stop
    )


def _promote(flow: Flow, spark: SparkSession, entity: Entity, about: EntityOutcome, *, replay: bool, take_over: bool) -> EntityOutcome:
    """*about*, filled in. Spark's own errors come out as typed ones."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    from medallion.silver.promote import promote, translated
    from medallion.silver.publish import DeltaTable

    flow.listener(PromotionOpened(entity=entity.entity))
    state = open_root(flow, flow.pipeline.platform.state.root)
    clock, listener, stop = flow.clock, flow.listener, flow.stop
    try:
        done = promote(spark, flow.pipeline, entity, state, replay=replay, take_over=take_over, clock=clock, listener=listener, stop=stop)
        frame = DeltaTable(spark=spark, path=silver_path(flow.pipeline, entity)).frame()
        rows = 0 if frame is None else frame.count()
    except (PySparkException, Py4JError) as error:
        raise translated(str(error)) from error
    flow.listener(PromotionCompleted(entity=entity.entity, rows=done.rows, seconds=done.seconds))
    changed = done.inserted + done.updated + done.deleted + done.quarantined
    return replace(about, status="done" if changed else "unchanged", promoted=done, silver_rows=rows)


def _starting(flow: Flow) -> Future[SparkSession]:
    """The session that is being started, in a thread of its own: a JVM takes seconds, in which pages can come in.

    The thread does not hold up the end of the process; the JVM ends with it. Where pyspark is at work already, as in a notebook,
    the session is taken in the calling thread: a session is active by thread, and no other would find it.
    """
    future: Future[SparkSession] = Future()

    def start() -> None:
        try:
            future.set_result(flow.start_spark(flow.pipeline.pipeline))
        except BaseException as error:  # noqa: BLE001  it is raised again where the session is asked for
            future.set_exception(error)

    if "pyspark" in sys.modules:
        start()
    else:
        threading.Thread(target=start, name="medallion-spark-start", daemon=True).start()
    return future
