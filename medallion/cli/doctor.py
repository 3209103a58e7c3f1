"""The command that looks at machine, secrets, stores and sources before a run does: doctor."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from medallion.cli import options as given
from medallion.cli.flow import start_spark
from medallion.cli.terminal import Terminal
from medallion.clock import SystemClock

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(
    context: typer.Context,
    config: given.Config,
    env: given.Env = None,
    sets: given.Sets = None,
    live: Annotated[bool, typer.Option("--live", help="Asks each source for one page, too.")] = False,
    spark: Annotated[bool, typer.Option("--spark", help="Starts Spark, and looks at what is read through it, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    storage_scope: given.StorageScope = given.Scope.ANY,
) -> int:
    """Says whether the pipeline can run here, and what to do where not. Needs no Java, and says where it is missing.

    Each root is written to: eight writers race there for one file, and a store that lets two of them win is refused. Warnings leave the
    exit status at 0.
    """
    from medallion.doctor import doctor as examine
    from medallion.machine import Machine
    from medallion.observe.progress import many

    terminal: Terminal = context.obj
    pipeline = given.read(terminal, config, env=env, sets=sets, scope=storage_scope).pipeline
    session = start_spark(pipeline, terminal.secrets) if spark else None
    machine = Machine.this(terminal.environ)
    found = examine(pipeline, machine=machine, resolver=terminal.secrets, clock=SystemClock(), session=session, live=live)
    if as_json:
        document = {"findings": [asdict(one) for one in found.findings], "exit_status": found.exit_status}
        terminal.show(json.dumps(document, indent=2, ensure_ascii=False))
        return found.exit_status
    width = max(len(one.subject) for one in found.findings)
    for one in found.findings:
        line = Text(f"{one.verdict:<5}", style=_STYLES[one.verdict])
        advice = f"; {one.advice}" if one.advice else ""
        line.append(terminal.mask(f"{one.subject:<{width}}  {one.says}{advice}"), style="not bold default")
        terminal.line(line)
    failed, warned = (sum(one.verdict == verdict for one in found.findings) for verdict in ("fail", "warn"))
    terminal.show(f"{many(failed, 'failure')}, {many(warned, 'warning')}." if failed or warned else "All is well.")
    return found.exit_status
