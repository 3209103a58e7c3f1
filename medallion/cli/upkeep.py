"""The command that tidies up: vacuum."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medallion.cli import options as given
from medallion.cli.flow import start_spark
from medallion.cli.report import plain_table
from medallion.cli.state import bronze_layouts, open_at
from medallion.cli.terminal import Terminal
from medallion.clock import SystemClock
from medallion.errors import MedallionError

if TYPE_CHECKING:
    from medallion.vacuum import Tidied


def vacuum(
    context: typer.Context,
    config: given.Config,
    env: given.Env = None,
    sets: given.Sets = None,
    select: given.Select = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Says what would go, and changes nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> int:
    """Removes Bronze files that nobody will read, and keeps up Silver tables as platform.silver.maintenance says.

    Bronze files go that stand in the folder of a closed run and in none of its log entries, whatever their age; those of an open run stay.
    """
    from medallion.flow import needs_jvm
    from medallion.pipeline import select as selected
    from medallion.vacuum import vacuum as tidy

    terminal: Terminal = context.obj
    pipeline = given.read(terminal, config, env=env, sets=sets).pipeline
    chosen = selected(pipeline, given.names(select))
    if needs_jvm(pipeline):
        start_spark(pipeline, terminal.secrets)
    found = tidy(
        pipeline,
        list(dict.fromkeys(bronze_layouts(pipeline, chosen.sources, chosen.entities))),
        chosen.entities,
        bronze=open_at(terminal, pipeline, pipeline.platform.bronze.root),
        state=open_at(terminal, pipeline, pipeline.platform.state.root),
        start_spark=lambda: start_spark(pipeline, terminal.secrets),
        dry_run=dry_run,
        clock=SystemClock(),
    )
    if as_json:
        terminal.show(json.dumps(_document(found), indent=2, ensure_ascii=False))
    else:
        orphans = plain_table("Bronze table", "orphans", "bytes", left=("Bronze table",))
        for swept in found.bronze:
            orphans.add_row(swept.table, f"{swept.files:,}", f"{swept.bytes:,}")
        terminal.table(orphans)
        if found.silver:
            third = "files to remove" if dry_run else "files joined"
            kept = plain_table("entity", "table", third, left=("entity", "table"))
            for upkeep in found.silver:
                for one in upkeep.tables:
                    told = f"{one.removable or 0:,}" if dry_run else f"{one.joined:,} into {one.written:,}"
                    kept.add_row(upkeep.entity, one.table.rsplit("/", 1)[-1], told)
            terminal.table(kept)
    for wrong in found.errors:
        terminal.trace(wrong)
        terminal.fail(wrong)
    return found.exit_status


def _error(error: MedallionError | None) -> dict[str, str] | None:
    return None if error is None else {"code": error.code, "sentence": error.sentence}


def _document(found: Tidied) -> dict[str, Any]:
    swept = [{"table": one.table, "files": one.files, "bytes": one.bytes, "error": _error(one.error)} for one in found.bronze]
    kept = [{"entity": one.entity, "tables": [asdict(table) for table in one.tables], "error": _error(one.error)} for one in found.silver]
    return {"bronze": swept, "silver": kept}
