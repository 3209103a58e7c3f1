"""The whole flow: what is selected is extracted, then promoted, and ends with a value, not with an exception."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from medallion.bronze.opening import ExtractOptions
from medallion.config.names import closest
from medallion.config.pipeline import Pipeline
from medallion.config.silver import Entity
from medallion.config.source import Source
from medallion.errors import ConfigError, Problem
from medallion.events import ChunkCommitted, Event, Listener, Noticed, RunCompleted, everyone
from medallion.extraction import extract_all
from medallion.flow import Flow, must_end, needs_jvm
from medallion.outcome import EntityOutcome, Outcome
from medallion.promotion import promote_all, resting_of
from medallion.start import SparkStart


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The sources to extract and the entities to promote."""

    sources: tuple[Source, ...]
    entities: tuple[Entity, ...]


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


def run(
    flow: Flow,
    selection: Selection,
    options: ExtractOptions,
    *,
    replay: bool = False,
    accept_quarantine: bool = False,
    rebuild: bool = False,
) -> Outcome:
    """Extraction, then promotion of what the logs hold by then.

    The Spark session starts while sources are read, as soon as it is clear that a table will need it. What a failed source committed is
    promoted like everything else (an incomplete snapshot never is), unless the configuration says that a failure stops the run. Where
    Spark cannot be started, what was read stays.
    """
    began = flow.clock.monotonic()
    spark = SparkStart(partial(flow.start_spark, flow.pipeline.pipeline))
    jvm_first = needs_jvm(flow.pipeline, silver=bool(selection.entities))
    if jvm_first:
        spark.session()
    by_spark = any(source.by_spark and source.type != "file" for source in selection.sources)  # of files there may be no new one
    if by_spark or (selection.entities and (replay or rebuild or len(resting_of(flow, selection.entities)) < len(selection.entities))):
        spark.begin()
    heard = replace(flow, listener=everyone([flow.listener, _begins(spark, selection)]))
    sources = extract_all(heard, selection.sources, options, session=spark.session)
    if not selection.entities or must_end(flow, [one.error for one in sources]):
        entities = tuple(EntityOutcome(entity=one.entity, status="skipped") for one in selection.entities)
    else:
        if not spark.ready:
            flow.listener(Noticed(subject="spark", sentence="is starting"))
        entities = promote_all(
            flow,
            spark.session,
            selection.entities,
            replay=replay,
            take_over=options.take_over,
            accept_quarantine=accept_quarantine,
            rebuild=rebuild,
        )
    return Outcome(pipeline=flow.pipeline.pipeline, sources=sources, entities=entities, seconds=flow.clock.monotonic() - began)


def _begins(spark: SparkStart, selection: Selection) -> Listener:
    """Begins to start Spark when a source has brought something that a table will be made of."""
    whole = {source.name for source in selection.sources if source.load_pattern == "full"}

    def hear(event: Event) -> None:
        landed = isinstance(event, ChunkCommitted) and event.source not in whole
        completed = isinstance(event, RunCompleted) and event.source in whole and event.same_as is None
        if selection.entities and (landed or completed):
            spark.begin()

    return hear


def _source_name(pipeline: Pipeline, entity: Entity) -> str | None:
    source = pipeline.source_of(entity)
    return None if source is None else source.name
