"""What a run would do, said without doing it: no request, no secret, no Spark."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from medallion.clock import Clock, SystemClock
from medallion.config.api import Api
from medallion.config.auth import ApiKeyAuth, BasicAuth, BearerAuth, CustomAuth, OAuth2
from medallion.config.bound import show_bound, show_span
from medallion.config.db import Db
from medallion.config.incremental import Incremental
from medallion.config.load import DEFAULT, Loaded, values
from medallion.config.paging import Pagination
from medallion.config.pipeline import Pipeline
from medallion.config.secret import Secrets
from medallion.config.silver import Entity
from medallion.config.source import Parent, SchemaContract, Source
from medallion.errors import ConfigError, Problem
from medallion.layout import BronzeLayout
from medallion.silver.home import layout_of, table_of
from medallion.source import files
from medallion.source.custom import custom_class
from medallion.source.declared import declared_of
from medallion.source.http import endpoint
from medallion.source.incremental import first_lanes
from medallion.source.jdbc import shown
from medallion.source.protocol import Window
from medallion.storage.location import Location


@dataclass(frozen=True, kw_only=True)
class SourcePlan:
    """What a first run asks of a source, and where it lands. Later runs start at the watermark."""

    name: str
    load_pattern: str
    first_request: str
    """Or the class that is asked, or the table or query."""
    auth: str | None
    pagination: str | None
    incremental: str | None
    windows: int
    """How many ranges are asked by themselves; 1: the whole in one."""
    parent: str | None
    """Whose records it is asked for, if it is."""
    pace: str | None
    lands_in: str
    columns: dict[str, str]
    """Those that are declared."""
    contract: str
    """What happens to what the table does not know."""


@dataclass(frozen=True, kw_only=True)
class EntityPlan:
    """A Silver table: what it is made of, and where it and its state live."""

    entity: str
    made_of: str
    model: str
    keys: tuple[str, ...]
    sequence_by: tuple[str, ...]
    deletes: str
    table: str
    state: str


@dataclass(frozen=True, kw_only=True)
class Setting:
    """An effective value and where it comes from."""

    path: str
    value: Any
    origin: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A whole run, before it."""

    pipeline: str
    file: str
    sources: tuple[SourcePlan, ...]
    entities: tuple[EntityPlan, ...]
    settings: tuple[Setting, ...]


def plan(loaded: Loaded, *, clock: Clock | None = None) -> Plan:
    """What a first run of *loaded* would do, now. Raises ConfigError for what shows only here, such as a schema that is no DDL."""
    pipeline = loaded.pipeline
    problems: list[Problem] = []
    sources = [found for source in pipeline.sources if (found := _source(source, pipeline, clock or SystemClock(), problems)) is not None]
    if problems:
        raise ConfigError([_placed(problem, loaded) for problem in problems])
    settings = [Setting(path=path, value=value, origin=loaded.origins[path]) for path, value in values(pipeline).items()]
    return Plan(
        pipeline=pipeline.pipeline,
        file=str(loaded.path),
        sources=tuple(sources),
        entities=tuple(_entity(entity, pipeline) for entity in pipeline.silver),
        settings=tuple(settings),
    )


def _source(source: Source, pipeline: Pipeline, clock: Clock, problems: list[Problem]) -> SourcePlan | None:
    now, api = clock.now(), source.api
    columns: dict[str, str] = {}
    try:
        columns = {name: str(kind) for name, kind in declared_of(source).items()}
    except ConfigError as error:
        problems += error.problems
    try:
        windows = first_lanes(source.incremental, now)
        first = _first_request(source, windows[0].window if windows else Window(start=None, end=None), clock)
    except ConfigError as error:
        problems += error.problems
        return None
    return SourcePlan(
        name=source.name,
        load_pattern=source.load_pattern,
        first_request=first,
        auth=_auth(api) if api is not None else _login(source.db) if source.db is not None else None,
        pagination=None if api is None else _pagination(api.pagination),
        incremental=None if source.incremental is None else _incremental(source.incremental, source.type),
        parent=None if source.parent is None else _parent(source.parent),
        windows=len(windows),
        pace=None if api is None else _pace(api, pipeline.run.rate_limit_rps),
        lands_in=Location.parse(pipeline.platform.bronze.root).child(BronzeLayout(system=source.system, table=source.table).folder).uri,
        columns=columns,
        contract=_contract(source.schema_contract),
    )


def _first_request(source: Source, window: Window, clock: Clock) -> str:
    if source.type == "custom":
        return custom_class(source).shown
    if source.type == "db" and source.db is not None:
        return shown(source.db)
    if source.type == "file" and source.file is not None:
        return files.shown(source.file)
    asked = endpoint(source, Secrets(environ={}), clock=clock, logical_date=clock.now())
    return asked.request(asked.lane(window), asked.paginator.first()).shown


def _placed(problem: Problem, loaded: Loaded) -> Problem:
    origin = loaded.origins.get(problem.path, "")
    name, _, line = origin.rpartition(":")
    if name == loaded.path.name and line.isdigit():
        return Problem(path=problem.path, message=problem.message, file=str(loaded.path), line=int(line))
    return problem


def _auth(api: Api) -> str:
    if isinstance(api.auth, BearerAuth):
        return f"bearer, {api.auth.token}"
    if isinstance(api.auth, BasicAuth):
        return f"basic, {api.auth.username} and {api.auth.password}"
    if isinstance(api.auth, ApiKeyAuth):
        return f"{api.auth.location} {api.auth.name}, {api.auth.value}"
    if isinstance(api.auth, OAuth2):
        return f"{api.auth.type}, {api.auth.token_url}, {api.auth.client_secret}"
    if isinstance(api.auth, CustomAuth):
        return f"custom, {api.auth.class_}"
    return api.auth.type


def _login(db: Db) -> str | None:
    return ", ".join(part for part in (db.user, db.password) if part is not None) or None


def _pagination(pagination: Pagination) -> str:
    given = pagination.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"type"})
    said = ", ".join(f"{name} {value}" for name, value in given.items())
    return f"{pagination.type} ({said})" if said else pagination.type


def _incremental(asked: Incremental, kind: str) -> str:
    there_is = "the highest value there is" if kind == "db" else "the start of the run"
    there_is = "the highest value that comes" if asked.by_number and kind != "db" else there_is
    until = there_is if asked.last is None else show_bound(asked.last)
    window = f", in windows of {show_span(asked.window)}" if asked.window else ""
    lookback = f", later runs {show_span(asked.lookback)} before the watermark" if asked.lookback else ""
    return f"by {asked.cursor_field} from {show_bound(asked.initial)} to {until}{window}{lookback}"


def _contract(contract: SchemaContract) -> str:
    return f"new columns {contract.new_columns}, missing columns {contract.missing_columns}, type changes {contract.type_changes}"


def _pace(api: Api, otherwise: float | None) -> str:
    at_once = (
        ("as many at once as the host bears" if api.concurrency == "auto" else f"{api.concurrency} at once")
        if api.async_
        else "one at a time"
    )
    rate = api.rate_limit.rps if api.rate_limit else otherwise
    limited = f", at most {rate:g} a second" if rate is not None else ""
    return f"{at_once}{limited}, {api.retry.attempts} attempts each"


def _parent(parent: Parent) -> str:
    which = "" if parent.where is None else f" where {parent.where}"
    return f"each {', '.join(parent.fields)} of {parent.source}{which}"


def _entity(entity: Entity, pipeline: Pipeline) -> EntityPlan:
    platform, source = pipeline.platform, pipeline.source_of(entity)
    landed = source or entity.bronze
    assert landed is not None, "load refuses a table without a source"
    where = layout_of(pipeline, entity)
    by_absence = landed.load_pattern == "full" and entity.model != "periodic_snapshot"
    return EntityPlan(
        entity=entity.entity,
        made_of=Location.parse(platform.bronze.root).child(BronzeLayout(system=landed.system, table=landed.table).folder).uri,
        model=entity.model or "",
        keys=entity.keys,
        sequence_by=entity.sequence_by,
        deletes="keys that a snapshot lacks" if by_absence else f"where {entity.apply_as_deletes}" if entity.apply_as_deletes else "none",
        table=table_of(pipeline, entity),
        state=Location.parse(platform.state.root).child(where.state).uri,
    )


def render(what: Plan) -> str:
    """The plan for people: sources, tables, and each effective value with its origin (defaults that are null or empty left out)."""
    return "\n".join(_lines(what)) + "\n"


def _lines(what: Plan) -> Iterator[str]:
    yield f"{what.pipeline}  ({what.file})"
    for source in what.sources:
        yield ""
        yield f"source {source.name}  {source.load_pattern}"
        yield f"  asks       {source.first_request}"
        if source.parent is not None:
            yield f"  for        {source.parent}"
        yield from (f"  {name:<10} {said}" for name, said in (("auth", source.auth), ("pages", source.pagination)) if said is not None)
        if source.incremental is not None:
            yield f"  reads      {source.incremental}: {source.windows} window{'s' if source.windows != 1 else ''}"
        if source.pace is not None:
            yield f"  pace       {source.pace}"
        if source.columns:
            yield f"  declares   {', '.join(f'{name} {kind}' for name, kind in source.columns.items())}"
        yield f"  contract   {source.contract}"
        yield f"  lands in   {source.lands_in}"
    for entity in what.entities:
        yield ""
        yield f"table {entity.entity}  {entity.model}"
        yield f"  made of    {entity.made_of}"
        newest = f", newest by {', '.join(entity.sequence_by)}" if entity.sequence_by else ""
        yield f"  keys       {', '.join(entity.keys) or 'none'}{newest}"
        yield f"  deletes    {entity.deletes}"
        yield f"  table      {entity.table}"
        yield f"  state      {entity.state}"
    shown = [setting for setting in what.settings if setting.origin != DEFAULT or setting.value not in (None, [], {}, "")]
    width = max((len(setting.path) for setting in shown), default=0)
    yield ""
    yield "settings"
    for setting in shown:
        yield f"  {setting.path:{width}}  {json.dumps(setting.value, ensure_ascii=False)}  [{setting.origin}]"


def to_json(what: Plan, **more: Any) -> str:
    """The plan as JSON, for other programs, with *more* beside it."""
    return json.dumps(asdict(what) | more, indent=2, ensure_ascii=False) + "\n"
