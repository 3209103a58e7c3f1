"""The commands that move data: run, extract, promote."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from medallion.cli import options as given
from medallion.cli import result as results
from medallion.cli.listen import Voice, audience, stoppable
from medallion.cli.report import report
from medallion.cli.terminal import Terminal
from medallion.clock import SystemClock
from medallion.config.load import Loaded
from medallion.config.pipeline import Pipeline
from medallion.config.secret import SecretResolver
from medallion.errors import ConfigError, MedallionError, Problem

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from medallion.flow import Flow
    from medallion.outcome import Outcome
    from medallion.pipeline import Selection


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the command line says of how a flow shall be told of."""

    result: Path | None
    quiet: bool
    json_lines: bool

    @property
    def voice(self) -> Voice:
        """How much is said. Raises ConfigError where two flags contradict each other."""
        if self.quiet and self.json_lines:
            raise ConfigError([Problem(path="--quiet", message="give --quiet or --json-lines, not both")])
        return Voice.QUIET if self.quiet else Voice.JSON_LINES if self.json_lines else Voice.PROGRESS


def run(
    context: typer.Context,
    config: given.Config,
    env: given.Env = None,
    sets: given.Sets = None,
    select: given.Select = None,
    run_date: given.RunDate = None,
    from_: given.From = None,
    to: given.To = None,
    full_refresh: given.FullRefresh = False,
    replay: given.Replay = False,
    accept_quarantine: given.AcceptQuarantine = False,
    take_over: given.TakeOver = False,
    result: given.Result = None,
    quiet: given.Quiet = False,
    json_lines: given.Lines = False,
    storage_scope: given.StorageScope = given.Scope.ANY,
    async_http: given.AsyncHttp = None,
    api_rps: given.ApiRps = None,
) -> int:
    """Reads the sources into Bronze, then promotes what is new into Silver.

    Why there is no --stream: a run always streams. Silver follows the Bronze log with Structured Streaming, takes all that is there
    and stops. Let a scheduler start the run as often as the data changes.

    Why there is no --resume: a run always resumes. A run that was killed or stopped goes on after its last committed chunk when
    the same command is given again; one whose configuration now asks for something else is abandoned, and that is said.
    """
    from medallion.bronze.opening import ExtractOptions
    from medallion.follow import follow

    terminal: Terminal = context.obj
    told = Told(result=result, quiet=quiet, json_lines=json_lines)

    def work(flow: Flow, selection: Selection) -> Outcome:
        options = ExtractOptions(
            run_date=given.instant("--run-date", run_date),
            from_=given.bound("--from", from_),
            to=given.bound("--to", to),
            full_refresh=full_refresh,
            take_over=take_over,
        )
        return follow(flow, selection, options, replay=replay, accept_quarantine=accept_quarantine)

    def read() -> Loaded:
        return given.read(terminal, config, env=env, sets=sets, scope=storage_scope, async_http=async_http, api_rps=api_rps)

    return _flow(terminal, read, given.names(select), told, work)


def extract(
    context: typer.Context,
    config: given.Config,
    env: given.Env = None,
    sets: given.Sets = None,
    select: given.Select = None,
    run_date: given.RunDate = None,
    from_: given.From = None,
    to: given.To = None,
    full_refresh: given.FullRefresh = False,
    take_over: given.TakeOver = False,
    result: given.Result = None,
    quiet: given.Quiet = False,
    json_lines: given.Lines = False,
    storage_scope: given.StorageScope = given.Scope.ANY,
    async_http: given.AsyncHttp = None,
    api_rps: given.ApiRps = None,
) -> int:
    """Reads the sources into Bronze, and nothing else. Needs no Java, unless a source is a database."""
    from medallion.bronze.opening import ExtractOptions
    from medallion.pipeline import Selection as Selected
    from medallion.pipeline import run as run_all

    terminal: Terminal = context.obj
    told = Told(result=result, quiet=quiet, json_lines=json_lines)

    def work(flow: Flow, selection: Selection) -> Outcome:
        if not selection.sources:
            raise ConfigError([Problem(path="--select", message="there is no source to extract: another pipeline lands these tables")])
        options = ExtractOptions(
            run_date=given.instant("--run-date", run_date),
            from_=given.bound("--from", from_),
            to=given.bound("--to", to),
            full_refresh=full_refresh,
            take_over=take_over,
        )
        return run_all(flow, Selected(sources=selection.sources, entities=()), options)

    def read() -> Loaded:
        return given.read(terminal, config, env=env, sets=sets, scope=storage_scope, async_http=async_http, api_rps=api_rps)

    return _flow(terminal, read, given.names(select), told, work)


def promote(
    context: typer.Context,
    config: given.Config,
    env: given.Env = None,
    sets: given.Sets = None,
    select: given.Select = None,
    replay: given.Replay = False,
    rebuild: given.Rebuild = False,
    accept_quarantine: given.AcceptQuarantine = False,
    take_over: given.TakeOver = False,
    result: given.Result = None,
    quiet: given.Quiet = False,
    json_lines: given.Lines = False,
    storage_scope: given.StorageScope = given.Scope.ANY,
) -> int:
    """Promotes what is new in Bronze into Silver, and asks no source."""
    from medallion.bronze.opening import ExtractOptions
    from medallion.follow import follow
    from medallion.pipeline import Selection as Selected

    terminal: Terminal = context.obj
    told = Told(result=result, quiet=quiet, json_lines=json_lines)

    def work(flow: Flow, selection: Selection) -> Outcome:
        if not selection.entities:
            raise ConfigError([Problem(path="--select", message="there is no entity to promote: nothing is made of these sources")])
        if replay and rebuild:
            raise ConfigError(
                [Problem(path="--rebuild", message="makes the tables again, --replay the same ones: take one of the two out")]
            )
        chosen = Selected(sources=(), entities=selection.entities)
        return follow(
            flow, chosen, ExtractOptions(take_over=take_over), replay=replay, accept_quarantine=accept_quarantine, rebuild=rebuild
        )

    return _flow(terminal, lambda: given.read(terminal, config, env=env, sets=sets, scope=storage_scope), given.names(select), told, work)


def _flow(terminal: Terminal, read: Callable[[], Loaded], names: list[str], told: Told, work: Callable[[Flow, Selection], Outcome]) -> int:
    """Runs *work* with everything that it needs, tells of it, and gives its exit status."""
    from medallion.flow import Flow
    from medallion.pipeline import select

    clock = SystemClock()
    try:
        voice, loaded = told.voice, read()
        with stoppable(terminal) as stop, audience(terminal, voice, clock) as heard:
            flow = Flow(
                pipeline=loaded.pipeline,
                resolver=terminal.secrets,
                clock=clock,
                listener=heard.listener,
                stop=stop,
                start_spark=lambda _name: start_spark(loaded.pipeline, terminal.secrets),
            )
            outcome = work(flow, select(loaded.pipeline, names))
    except MedallionError as error:
        if told.result is not None:
            results.write(told.result, results.failure(error), terminal.mask)
        raise
    for wrong in outcome.errors:
        terminal.trace(wrong)
    found = results.document(outcome, heard.tally)
    if told.result is not None:
        results.write(told.result, found, terminal.mask)
    if heard.lines is not None:
        heard.lines.say("outcome", found)
    elif voice is Voice.PROGRESS:
        report(terminal, outcome, heard.tally, config=loaded.path)
    return outcome.exit_status


def start_spark(pipeline: Pipeline, resolver: SecretResolver) -> SparkSession:
    """The session of this process, with what the sources and roots of *pipeline* need. Raises MedallionError where there can be none."""
    from medallion.flow import spark_needs_of
    from medallion.spark import LASTING, session

    lasting = pipeline.platform.silver.catalog == "spark_catalog"  # its tables shall be there in the next process too
    return session(pipeline.pipeline, needs=spark_needs_of(pipeline, resolver), conf=LASTING if lasting else None)
