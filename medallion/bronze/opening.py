"""How a run begins: an open one is continued, or abandoned and said so; otherwise bounds and logical date are frozen for a new one."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from medallion.bronze.append import LogWriter
from medallion.bronze.courtesy import admit
from medallion.bronze.entry import Marks, ParentCut, RunAbandoned, RunResumed, RunStarted
from medallion.bronze.log import LogReader
from medallion.bronze.marks import settled
from medallion.bronze.state import OpenRun, TableState, open_state
from medallion.bronze.writer import this_process
from medallion.clock import Clock
from medallion.config.bound import Bound, Span, alike, is_before, moved, parse_bound, parse_span, show_bound, show_span
from medallion.config.filled import has_end
from medallion.config.incremental import Incremental
from medallion.config.platform import Bronze
from medallion.config.source import Source
from medallion.config.values import parse_instant, show_duration, show_instant
from medallion.errors import ConfigError, Problem
from medallion.layout import BronzeLayout
from medallion.source.incremental import WHOLE, fingerprint, lanes
from medallion.source.protocol import DONE, Lane, Window
from medallion.storage.filesystem import FileSystem


@dataclass(frozen=True, kw_only=True)
class ExtractOptions:
    """What the command line says of a run; an instant without a zone is UTC."""

    run_date: datetime | None = None
    from_: Bound | None = None
    to: Bound | None = None
    full_refresh: bool = False
    take_over: bool = False

    @property
    def backfill(self) -> bool:
        """Whether a range is asked for apart from the watermark."""
        return self.from_ is not None or self.to is not None


@dataclass(frozen=True, kw_only=True)
class Opened:
    """An open run that this attempt may write to. *lanes* are those with something left to ask."""

    writer: LogWriter
    started: RunStarted
    version: int
    """Of its ``run_started``."""
    state: TableState
    """As it was found."""
    lanes: Sequence[Lane]
    continued: OpenRun | None
    """What earlier attempts did of the run; None: it is new."""
    abandoned: str | None
    """The run that was abandoned for it, and why."""

    @property
    def watermark(self) -> str | None:
        """In force when the run was opened or continued; None where its cursor is another field."""
        return self.started.watermark if self.continued is None else self.state.watermark


def open_run(
    source: Source,
    fs: FileSystem,
    layout: BronzeLayout,
    *,
    bronze: Bronze,
    options: ExtractOptions,
    clock: Clock,
    attempt: str,
    ceiling: Callable[[], Bound | None] = lambda: None,
    parent: ParentCut | None = None,
) -> Opened | None:
    """The run that this attempt works on, its first entry written; None: the source ends before the watermark, nothing is left to ask.

    *ceiling* is asked where a new run with ``incremental`` opens: the end of what the source has; None: the clock's now.
    A new run asks for the records of *parent*, a continued one for those that it began with.
    Raises BusyError, FencedError, ConfigError, StateError or StorageError.
    """
    incremental = source.incremental
    _check(options, source)
    state = open_state(LogReader(fs, layout))
    writer = LogWriter(fs, layout, attempt=attempt, newest=state.newest, sha256=state.sha256, clock=clock)
    abandoned = None
    if state.open is not None:
        admit(state.open, table=layout.folder, now=clock.now(), takeover_after=bronze.takeover_after, take_over=options.take_over)
        why = _unfit(state.open, source, options, incremental, clock.now())
        if why is None:
            return _resume(writer, state, state.open)
        abandoned = f"run {state.open.started.run_id} is abandoned: {why}"
        gone, state = state.open, replace(state, watermarks=_settled(fs, layout, state.open))
        _abandon(writer, state, gone, why)
    elif _nothing_left(state, source, options, incremental):
        return None
    now = clock.now()
    logical = _logical_date(state, options, now)
    moves = incremental is not None and not options.backfill
    renewed = moves and _is_of_another_field(state, incremental)
    if renewed and not options.full_refresh:
        raise ConfigError([Problem(path=f"sources.{source.name}.{source.type}.incremental.cursor_field", message=_other_field(state))])
    known = None if incremental is None else ceiling()
    start, end = _bounds(state, options, source, now if known is None else known)
    window = None if incremental is None else incremental.window
    started = RunStarted(
        **writer.stamp(f"{logical.astimezone(timezone.utc):%Y%m%dt%H%M%Sz}-{uuid.uuid4().hex[:8]}"),
        source=source.name,
        load_pattern=source.load_pattern,
        logical_date=show_instant(logical),
        fingerprint=fingerprint(source),
        start=start,
        end=end,
        window_seconds=window.total_seconds() if isinstance(window, timedelta) else None,
        window=show_span(window) if isinstance(window, Decimal) else None,
        ceiling=show_instant(now) if incremental is not None and not incremental.by_number and end is None else None,
        backfill=options.backfill,
        watermark=None if renewed else state.watermark,
        watermarks=state.watermarks if not moves or (not renewed and _is_of(state, source)) else None,
        cursor_field=incremental.cursor_field if incremental is not None and moves else state.cursor_field,
        schema_id=state.schema_id,
        last_completed=state.last_completed_version,
        writer=this_process(),
        parent=parent,
        taken=list(state.taken),
        full_refresh=options.full_refresh,
    )
    version = writer.append(started).version
    return Opened(
        writer=writer, started=started, version=version, state=state, lanes=_lanes(started, {}), continued=None, abandoned=abandoned
    )


def _resume(writer: LogWriter, state: TableState, run: OpenRun) -> Opened:
    resumed = RunResumed(**writer.stamp(run.started.run_id), started=run.version, continues_from=state.newest, writer=this_process())
    writer.append(resumed)
    return Opened(
        writer=writer,
        started=run.started,
        version=run.version,
        state=state,
        lanes=_lanes(run.started, run.resume),
        continued=run,
        abandoned=None,
    )


def _abandon(writer: LogWriter, state: TableState, run: OpenRun, why: str) -> None:
    writer.append(
        RunAbandoned(
            **writer.stamp(run.started.run_id),
            first_version=run.version,
            load_pattern=run.started.load_pattern,
            logical_date=run.started.logical_date,
            why=why,
            watermark=state.watermark,
            cursor_field=state.cursor_field,
            watermarks=state.watermarks,
            schema_id=state.schema_id,
            last_completed=state.last_completed_version,
            taken=list(state.taken),
        )
    )


def _lanes(started: RunStarted, resume: Mapping[str, Mapping[str, object]]) -> list[Lane]:
    start, end = (None if text is None else parse_bound(text) for text in (started.start, started.end))
    window: Span | None = None if started.window_seconds is None else timedelta(seconds=started.window_seconds)
    window = window if started.window is None else parse_span(started.window)
    all_of_them = lanes(Window(start=start, end=end), window)  # none for an empty range
    return [
        Lane(name=lane.name, window=lane.window, position=resume.get(lane.name)) for lane in all_of_them if resume.get(lane.name) != DONE
    ]


def _check(options: ExtractOptions, source: Source) -> None:
    problem, incremental = None, source.incremental
    given = [bound for bound in (options.from_, options.to) if bound is not None]
    if options.backfill and incremental is None:
        problem = "a range can be asked for only where the source has incremental: (the parameters that carry it)"
    elif incremental is not None and any(not alike(bound, incremental.initial) for bound in given):
        kind = "a number" if incremental.by_number else "a date or an instant"
        problem = f"must be {kind} for {source.name}, whose cursor is {incremental.cursor_field}; --select leaves other sources out"
    elif options.to is not None and not has_end(source):
        problem = "--to needs incremental.end_param: without it the source cannot be told where to end"
    elif options.backfill and options.full_refresh:
        problem = "give --full-refresh or a range, not both"
    elif options.from_ is not None and options.to is not None and not is_before(parse_bound(options.from_), parse_bound(options.to)):
        problem = "the range is empty: --from must be before --to"
    if problem is not None:
        raise ConfigError([Problem(path="--from" if options.from_ is not None else "--to", message=problem)])


def _unfit(run: OpenRun, source: Source, options: ExtractOptions, incremental: Incremental | None, now: datetime) -> str | None:
    """Why an open run cannot be what is asked for now; None: it can."""
    started = run.started
    if started.fingerprint != fingerprint(source) or started.load_pattern != source.load_pattern:
        return "what is asked has changed since (URL, parameters, pagination or bounds)"
    if started.backfill != options.backfill:
        return "it is a backfill, and this run is none" if started.backfill else "it is no backfill, and this run is one"
    if options.backfill and (started.start, started.end) != _range(options, incremental, started.end):
        return "it is the backfill of another range"
    if options.full_refresh and incremental is not None and started.start != show_bound(incremental.initial):
        return "a full refresh starts again from the initial value"
    if options.full_refresh and source.type == "file" and not started.full_refresh:
        return "a full refresh takes every file again"
    if started.load_pattern == "full":
        if options.run_date is not None and parse_instant(options.run_date) != parse_instant(started.logical_date):
            return f"it is the snapshot of {started.logical_date}, and another date is asked for"
        if now - parse_instant(started.at) > source.resume_within:
            return f"a snapshot is continued only within {show_duration(source.resume_within)} (resume_within), it began at {started.at}"
    return None


def _nothing_left(state: TableState, source: Source, options: ExtractOptions, incremental: Incremental | None) -> bool:
    done = state.last_completed
    if incremental is None or incremental.last is None or options.backfill or options.full_refresh or done is None:
        return False
    return (
        not done.backfill
        and done.fingerprint == fingerprint(source)
        and done.end is not None
        and not is_before(parse_bound(done.end), incremental.last)
    )


def _logical_date(state: TableState, options: ExtractOptions, now: datetime) -> datetime:
    if options.run_date is not None:
        return parse_instant(options.run_date)
    if state.last_logical_date is not None and parse_instant(state.last_logical_date) >= now:
        return parse_instant(state.last_logical_date) + timedelta(seconds=1)
    return now


def _is_of_another_field(state: TableState, incremental: Incremental | None) -> bool:
    """Whether the table's watermark says nothing of the cursor of *incremental*."""
    if incremental is None or (state.watermark is None and state.watermarks is None):
        return False
    other = state.cursor_field not in (None, incremental.cursor_field)
    marks = state.watermarks is not None and state.watermarks.by_number != incremental.by_number
    return other or marks or (state.watermark is not None and not alike(parse_bound(state.watermark), incremental.initial))


def parent_fields(source: Source) -> list[str]:
    """What parents are told apart by: their source, and the fields that are taken of them."""
    return [] if source.parent is None else [source.parent.source, *source.parent.fields]


def _is_of(state: TableState, source: Source) -> bool:
    """Whether the watermarks of the table's parents are those of the parents of *source*: no others are taken for them."""
    return state.watermarks is not None and state.watermarks.of == parent_fields(source)


def _settled(fs: FileSystem, layout: BronzeLayout, run: OpenRun) -> Marks | None:
    folder = layout.run_folder(parse_instant(run.started.logical_date), run.started.run_id)
    return settled(fs, layout, run, run.resume.get(WHOLE), folder)


def _other_field(state: TableState) -> str:
    return (
        f"the watermark of the table, {state.watermark or 'one for each parent'}, is of {state.cursor_field or 'another field'}, and says "
        "nothing of what comes before it in this one: run once with --full-refresh, which begins again from initial_value"
    )


def _bounds(state: TableState, options: ExtractOptions, source: Source, until: Bound) -> tuple[str | None, str | None]:
    incremental = source.incremental
    if incremental is None:
        return None, None
    end = _end(source, incremental, until)
    if options.backfill:
        return _range(options, incremental, end)
    if source.parent is not None and not options.full_refresh:
        return None, end  # each parent starts at its own watermark
    if state.watermark is None or options.full_refresh:
        return show_bound(incremental.initial), end
    return show_bound(moved(parse_bound(state.watermark), incremental.overlap, back=True)), end


def _range(options: ExtractOptions, incremental: Incremental | None, end: str | None) -> tuple[str | None, str | None]:
    """A backfill's bounds; where an end is not given it is *end*."""
    assert incremental is not None, "a backfill needs incremental:"
    start = incremental.initial if options.from_ is None else parse_bound(options.from_)
    return show_bound(start), end if options.to is None else show_bound(parse_bound(options.to))


def _end(source: Source, incremental: Incremental, until: Bound) -> str | None:
    """Where a run ends that opens now, *until* being where the source does, or the clock is.

    None: the source cannot be told, or of its numbers none is known that it could be told.
    """
    if not has_end(source):
        return None
    last = incremental.last
    if not alike(until, incremental.initial):
        return None if last is None else show_bound(last)
    return show_bound(last if last is not None and is_before(last, until) else until)
