"""The commands that look at what is stored: status and verify."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from medallion.cli import options as given
from medallion.cli.flow import start_spark
from medallion.cli.report import expectations, plain_table
from medallion.cli.terminal import Terminal
from medallion.clock import SystemClock
from medallion.config.pipeline import Pipeline
from medallion.config.silver import Entity
from medallion.layout import BronzeLayout
from medallion.observe.progress import many

if TYPE_CHECKING:
    from medallion.silver.applied import Applied
    from medallion.status import RunStatus, TableStatus
    from medallion.storage.filesystem import FileSystem
    from medallion.verify import Checked

_FIRST = 10
"""Differences that are shown of a table."""


def status(
    context: typer.Context,
    config: given.Config,
    env: given.Env = None,
    sets: given.Sets = None,
    select: given.Select = None,
    silver: Annotated[bool, typer.Option("--silver", help="Looks at the Silver tables too; starts Spark.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> int:
    """Shows where tables stand, from their logs alone. Needs no Java, unless --silver asks for Silver too."""
    from medallion.flow import needs_jvm
    from medallion.pipeline import select as selected
    from medallion.status import table_status

    terminal: Terminal = context.obj
    pipeline = given.read(terminal, config, env=env, sets=sets).pipeline
    chosen = selected(pipeline, given.names(select))
    spark = start_spark(pipeline, terminal.secrets) if (silver and chosen.entities) or needs_jvm(pipeline, silver=False) else None
    bronze = open_at(terminal, pipeline, pipeline.platform.bronze.root)
    layouts = dict.fromkeys(bronze_layouts(pipeline, chosen.sources, chosen.entities))
    tables = [table_status(bronze, layout) for layout in layouts]
    applied: dict[str, Applied | None] = {}
    if silver and spark is not None:
        from medallion.silver import applied as records
        from medallion.silver.batch import tables as tables_of
        from medallion.silver.home import place

        for entity in chosen.entities:
            where = place(pipeline, entity)
            applied[entity.entity] = records.newest(tables_of(spark, target=where.target, state=where.state).applied)
    if as_json:
        found = {
            "pipeline": pipeline.pipeline,
            "bronze": [asdict(table) for table in tables],
            "silver": {name: None if row is None else asdict(row) for name, row in applied.items()},
        }
        terminal.show(json.dumps(found, indent=2, default=str, ensure_ascii=False))
        return 0
    terminal.table(_bronze(tables))
    for table in tables:
        if table.open is not None:
            terminal.show(f"{table.system}.{table.table}: {_open_run(table.open)}")
        for told in _schema(table):
            terminal.show(f"{table.system}.{table.table}: {told}")
    if silver:
        terminal.table(_silver(pipeline, chosen.entities, applied, tables))
        unmet = [
            (entity.entity, rule.name, rule.action, row.rules[rule.name])
            for entity in chosen.entities
            if (row := applied.get(entity.entity)) is not None
            for rule in entity.expectations
            if rule.name in row.rules
        ]
        if unmet:
            terminal.show("Of the last batch of each entity:")
            terminal.table(expectations(unmet))
    elif chosen.entities:
        terminal.show(f"Silver tables are not looked at; they are with: medallion status {config} --silver (starts Spark)")
    return 0


def verify(
    context: typer.Context,
    config: given.Config,
    env: given.Env = None,
    sets: given.Sets = None,
    select: given.Select = None,
    sample: Annotated[int, typer.Option("--sample", min=0, metavar="N", help="Keys of each Silver table to fold again.")] = 1000,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, metavar="N", help="Draws the same keys again (default: others each time).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> int:
    """Holds Bronze against its log and its checksums, and a sample of keys of each Silver table against Bronze.

    Needs Java only where something was promoted.
    """
    from medallion.flow import needs_jvm
    from medallion.pipeline import select as selected
    from medallion.verify import verify as hold

    terminal: Terminal = context.obj
    pipeline = given.read(terminal, config, env=env, sets=sets).pipeline
    chosen = selected(pipeline, given.names(select))
    if needs_jvm(pipeline):
        start_spark(pipeline, terminal.secrets)
    drawn = secrets.randbelow(2**31) if seed is None else seed
    found = hold(
        pipeline,
        chosen.sources,
        chosen.entities,
        sample=sample,
        seed=drawn,
        bronze=open_at(terminal, pipeline, pipeline.platform.bronze.root),
        state=open_at(terminal, pipeline, pipeline.platform.state.root),
        start_spark=lambda: start_spark(pipeline, terminal.secrets),
    )
    if as_json:
        terminal.show(json.dumps([_checked_json(one) for one in found.checked], indent=2, default=str, ensure_ascii=False))
    else:
        _tell(terminal, found.checked)
        if any(one.keys for one in found.checked):
            terminal.show(f"The same keys again: --sample {sample} --seed {drawn}")
    for one in found.checked:
        if one.error is not None:
            terminal.trace(one.error)
            terminal.fail(one.error)
    return found.exit_status


def open_at(terminal: Terminal, pipeline: Pipeline, root: str) -> FileSystem:
    """The files below one of the roots of the configuration."""
    from medallion.storage.roots import Roots

    return Roots(platform=pipeline.platform, resolver=terminal.secrets, clock=SystemClock()).open(root)


def bronze_layouts(pipeline: Pipeline, sources: Sequence[Any], entities: Sequence[Entity]) -> list[BronzeLayout]:
    """The Bronze tables that are landed by *sources*, or that *entities* are made of."""
    landed = [*sources, *(pipeline.source_of(entity) or entity.bronze for entity in entities)]
    return [BronzeLayout(system=one.system, table=one.table) for one in landed if one is not None]


def _bronze(tables: Sequence[TableStatus]) -> Any:
    shown = plain_table("Bronze table", "version", "last run", "rows", "chunks", "at", "watermark", left=("Bronze table", "last run", "at"))
    for table in tables:
        last = table.last
        run = ("none yet", "", "", "") if last is None else (last.state, f"{last.rows:,}", f"{last.chunks:,}", last.last_at[:19])
        version = "" if table.newest < 0 else str(table.newest)
        shown.add_row(
            f"{table.system}.{table.table}",
            version,
            *run,
            table.watermark or ("" if table.parents is None else f"of {table.parents:,} parents"),
        )
    return shown


def _schema(table: TableStatus) -> Iterator[str]:
    """What the schema contract did in the newest completed run, where it did something."""
    last = table.last
    if last is None:
        return
    if 0 < last.started_version < (table.schema_id or 0):
        yield f"columns changed in the last run: {'; '.join(table.changes)}"
    if last.rescued:
        yield f"{last.rescued:,} of {last.rows:,} rows of the last run have values that fit no column: they are in _rescued"


def _open_run(run: RunStatus) -> str:
    who = f"process {run.pid} on {run.host}" if run.pid is not None else "nobody known"
    return f"run {run.run_id} is open: {run.rows:,} rows in {many(run.chunks, 'chunk')} so far, by {who}, last at {run.last_at[:19]}"


def _silver(pipeline: Pipeline, entities: Sequence[Entity], applied: dict[str, Applied | None], tables: Sequence[TableStatus]) -> Any:
    newest = {(table.system, table.table): table.newest for table in tables}
    titles = ("Silver table", "model", "applied up to", "of", "rows of the last batch", "table version", "at")
    shown = plain_table(*titles, left=("Silver table", "model", "at"))
    for entity in entities:
        row = applied.get(entity.entity)
        landed = pipeline.source_of(entity) or entity.bronze
        end = -1 if landed is None else newest.get((landed.system, landed.table), -1)
        if row is None:
            shown.add_row(entity.entity, entity.model or "", "nothing", str(end) if end >= 0 else "", "", "", "")
            continue
        at = f"{row.started_at:%Y-%m-%dT%H:%M:%S}"
        shown.add_row(entity.entity, entity.model or "", str(row.last_version), str(end), f"{row.rows:,}", str(row.table_version), at)
    return shown


def _tell(terminal: Terminal, checked: Sequence[Checked]) -> None:
    shown = plain_table("table", "layer", "log entries", "files hashed", "keys folded", "", left=("table", "layer", ""))
    for one in checked:
        verdict = Text("right", style="green")
        if one.error is not None:
            verdict = Text(f"wrong [{one.error.code}]", style="bold red")
        elif not one.promoted:
            verdict = Text("nothing promoted yet", style="dim")
        elif not one.looked_at:
            verdict = Text("not looked at: its Bronze table is wrong", style="yellow")
        keys = f"{one.keys:,}" if one.kind == "silver" else ""
        files = f"{one.files:,}" if one.kind == "bronze" else ""
        shown.add_row(one.subject, one.kind, f"{one.versions:,}", files, keys, verdict)
    terminal.table(shown)
    for one in checked:
        if one.differences:
            terminal.table(_differences(terminal, one))


def _differences(terminal: Terminal, one: Checked) -> Any:
    """The first keys of a table whose rows are others than their events make."""
    shown = plain_table("key", "its log makes", "the table has", left=("key", "its log makes", "the table has"))
    shown.title, shown.title_justify = f"{one.subject}: {len(one.differences):,} keys differ", "left"
    for found in one.differences[:_FIRST]:
        shown.add_row(*(Text(terminal.mask(text)) for text in (_row(found.key), _rows(found.expected), _rows(found.found))))
    if len(one.differences) > _FIRST:
        shown.caption = f"and {len(one.differences) - _FIRST:,} more"
    return shown


def _rows(rows: Sequence[Sequence[Any]]) -> str:
    return "\n".join(_row(row) for row in rows) or "no row"


def _row(values: Sequence[Any]) -> str:
    return ", ".join("null" if value is None else str(value) for value in values)


def _checked_json(one: Checked) -> dict[str, Any]:
    names = ("subject", "kind", "versions", "files", "keys", "promoted", "looked_at")
    differences = [{"key": found.key, "expected": found.expected, "found": found.found} for found in one.differences]
    error = None if one.error is None else {"code": one.error.code, "sentence": one.error.sentence}
    return {**{name: getattr(one, name) for name in names}, "differences": differences, "error": error}
