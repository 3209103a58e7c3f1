"""All commands, in the order in which they are met."""

from __future__ import annotations

from typing import Annotated

import typer

from medallion import __version__
from medallion.cli import flow, look, state, upkeep
from medallion.cli.demo import demo
from medallion.cli.doctor import doctor
from medallion.cli.explain import explain
from medallion.cli.jars import JOB, jars
from medallion.cli.quarantine import quarantine
from medallion.cli.terminal import Terminal

STATUSES = """Exit status: 0 done; 2 configuration; 3 stopped early, run the same command again; 4 source; 5 storage or state; 6 quality;
7 another run is at work; 1 anything else. Of several sources the worst counts, in the order 2 5 7 4 6 1 3 0."""

app = typer.Typer(
    help="What a source says lands as checksummed Bronze chunks and becomes correct Silver tables, exactly once.",
    epilog=STATUSES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)


def _version(context: typer.Context, wanted: bool) -> None:
    if wanted:
        terminal: Terminal = context.obj
        terminal.show(f"medallion-foundry {__version__}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Says the version.")] = False,
    _debug: Annotated[bool, typer.Option("--debug", help="Shows the traceback of a failure; may stand anywhere.")] = False,
) -> None:
    """What a source says lands as checksummed Bronze chunks and becomes correct Silver tables, exactly once."""


app.command()(look.init)
app.command()(look.preview)
app.command()(look.validate)
app.command()(look.plan)
app.command(epilog=STATUSES)(flow.run)
app.command(epilog=STATUSES)(flow.extract)
app.command(epilog=STATUSES)(flow.promote)
app.command()(state.status)
app.command(epilog=STATUSES)(state.verify)
app.command(epilog=STATUSES)(upkeep.vacuum)
app.command(epilog=STATUSES)(doctor)
app.command()(explain)
app.command()(look.errors)
app.command(context_settings=JOB)(jars)
app.add_typer(demo, name="demo")
app.add_typer(quarantine, name="quarantine")
