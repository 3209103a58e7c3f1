"""The commands that look and change nothing: preview, validate, plan, errors; and init, which writes two files."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from medallion.cli import options as given
from medallion.cli.report import plain_table
from medallion.cli.terminal import Terminal
from medallion.clock import SystemClock
from medallion.config.names import closest
from medallion.errors import EXIT_ORDER, ConfigError, Problem, tree

if TYPE_CHECKING:
    from medallion.live import LiveSource

_WIDEST = 40
"""Characters of a value that are shown."""


def init(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the pipeline.", show_default=False)],
    folder: Annotated[Path, typer.Option("--folder", metavar="DIR", help="Where pipelines/NAME.yaml is written.")] = Path("conf"),
) -> int:
    """Writes a pipeline to start from, and the schema that lets an editor complete it."""
    from medallion.templates import write

    terminal: Terminal = context.obj
    written = write(folder, name)
    for path in written:
        terminal.show(f"wrote {path}")
    terminal.show(f"Next: edit {written[0]}, then\n  medallion validate {written[0]}\n  medallion preview {written[0]}")
    return 0


def validate(
    context: typer.Context,
    config: given.Config,
    env: given.Env = None,
    sets: given.Sets = None,
    storage_scope: given.StorageScope = given.Scope.ANY,
    async_http: given.AsyncHttp = None,
    api_rps: given.ApiRps = None,
) -> int:
    """Checks a configuration without asking anybody; every problem is one line."""
    from medallion.observe.progress import many
    from medallion.plan import plan

    terminal: Terminal = context.obj
    loaded = given.read(terminal, config, env=env, sets=sets, scope=storage_scope, async_http=async_http, api_rps=api_rps)
    plan(loaded)
    pipeline = loaded.pipeline
    terminal.show(f"{config}: valid. {many(len(pipeline.sources), 'source')}, {many(len(pipeline.silver), 'entity')}.")
    return 0


def plan(
    context: typer.Context,
    config: given.Config,
    env: given.Env = None,
    sets: given.Sets = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Also reads each log and asks each source for one page: what the next run would do.")
    ] = False,
    storage_scope: given.StorageScope = given.Scope.ANY,
    async_http: given.AsyncHttp = None,
    api_rps: given.ApiRps = None,
) -> int:
    """Says what a run would ask, where it would land, and where each setting comes from. Without --live it asks nobody."""
    from medallion import plan as plans

    terminal: Terminal = context.obj
    loaded = given.read(terminal, config, env=env, sets=sets, scope=storage_scope, async_http=async_http, api_rps=api_rps)
    found = plans.plan(loaded)
    if not live:
        terminal.show((plans.to_json(found) if as_json else plans.render(found)).rstrip("\n"))
        return 0
    from medallion import live as lives

    seen = lives.look(loaded.pipeline, resolver=terminal.secrets, clock=SystemClock())
    if as_json:
        terminal.show(plans.to_json(found, live=[asdict(source) for source in seen]).rstrip("\n"))
    else:
        terminal.show(plans.render(found).rstrip("\n"))
        terminal.show("\n".join(_live(seen)))
    return lives.exit_status(seen)


def _live(seen: Sequence[LiveSource]) -> Iterator[str]:
    yield "\nas things stand"
    for source in seen:
        yield f"  {source.name}"
        yield f"    begins   {source.begins}"
        if source.problem is not None:
            yield f"    fails    [{source.code}] {source.problem}"
            continue
        yield f"    gives    {source.answers or 'was not asked: another source, or Spark, asks it'}"
        yield from (f"    columns  {change}" for change in source.changes)


def preview(
    context: typer.Context,
    config: given.Config,
    env: given.Env = None,
    sets: given.Sets = None,
    select: Annotated[str | None, typer.Option("--select", metavar="NAME", help="Which source (default: the first).")] = None,
    rows: Annotated[int, typer.Option("--rows", min=1, max=1000, help="Rows to show.")] = 10,
    run_date: given.RunDate = None,
) -> int:
    """Shows rows of the first page of a source. One request, no Java, nothing is landed."""
    from medallion.events import Event
    from medallion.observe.progress import sentence
    from medallion.observe.tally import Counts
    from medallion.preview import preview as ask

    terminal: Terminal = context.obj
    pipeline = given.read(terminal, config, env=env, sets=sets).pipeline
    names = [source.name for source in pipeline.sources]
    wanted = select or next(iter(names), "")
    source = next((one for one in pipeline.sources if one.name == wanted), None)
    if source is None:
        meant = closest(wanted, names)
        hint = f"did you mean {meant}?" if meant else f"there are {', '.join(names) or 'none'}"
        raise ConfigError([Problem(path="--select", message=f"no source is called {wanted!r}; {hint}")])

    def tell(event: Event) -> None:
        terminal.note(sentence(event, Counts()) or "")

    found = ask(
        source,
        resolver=terminal.secrets,
        clock=SystemClock(),
        rows=rows,
        listener=tell,
        logical_date=given.instant("--run-date", run_date),
        platform=pipeline.platform,
    )
    terminal.show(f"{source.name}  {found.request}")
    table, hidden = _fitting(terminal, found.columns, found.rows)
    terminal.table(table)
    if hidden:
        terminal.show(f"{len(hidden)} more columns: {', '.join(hidden)}")
    more = f"there are more {found.of}s" if found.more else f"this is the only {found.of}"
    terminal.show(
        f"{len(found.rows)} of {found.records:,} rows of the first {found.of}, {found.bytes:,} bytes in {found.seconds:.2f} s; {more}"
    )
    others = [name for name in names if name != source.name]
    if others and select is None:
        terminal.show(f"Other sources: --select {', '.join(others)}")
    return 0


def errors(
    context: typer.Context,
    code: Annotated[str | None, typer.Argument(metavar="CODE", help="Such as CFG001; none: all of them.", show_default=False)] = None,
) -> int:
    """Says what an error code means."""
    terminal: Terminal = context.obj
    kinds = {kind.code: kind for kind in tree()}
    if code is None:
        table = plain_table("code", "exit", "means", left=("code", "means"))
        for one in sorted(kinds.values(), key=lambda kind: (EXIT_ORDER.index(kind.exit_status), kind.code)):
            table.add_row(one.code, str(one.exit_status), _meaning(one))
        terminal.table(table)
        return 0
    wanted = code.strip().strip("[]").upper()
    if wanted not in kinds:
        meant = closest(wanted, kinds)
        raise ConfigError([Problem(path="CODE", message=f"no error has the code {wanted}{f'; did you mean {meant}?' if meant else ''}")])
    kind = kinds[wanted]
    terminal.show(f"{kind.code}  {kind.__name__}\n{inspect.getdoc(kind)}")
    terminal.show(f"Exit status {kind.exit_status}{', repeated by itself within limits' if kind.retryable else ''}.")
    return 0


def _meaning(kind: type[Exception]) -> str:
    return (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " ")


def _fitting(terminal: Terminal, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> tuple[Table, list[str]]:
    """A table of the columns that the width has room for, and the names of the others."""
    cells = {column: [_cell(terminal, row.get(column)) for row in rows] for column in columns}
    shown: list[str] = []
    used = 1
    for column in columns:
        width = max(len(column), *(len(cell) for cell in cells[column])) + 3  # padding and the rule between columns
        if shown and used + width > terminal.out.width:
            break
        shown.append(column)
        used += width
    numbers = [column for column in shown if all(isinstance(row.get(column), int | float | None) for row in rows)]
    table = plain_table(*shown, left=[column for column in shown if column not in numbers])
    for each in table.columns:
        each.no_wrap = True
        each.overflow = "ellipsis"
    for number in range(len(rows)):
        table.add_row(*(Text(cells[column][number]) for column in shown))
    return table, list(columns[len(shown) :])


def _cell(terminal: Terminal, value: Any) -> str:
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    text = " ".join(terminal.mask(text).split())
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
