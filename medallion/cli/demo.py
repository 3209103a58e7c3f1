"""The commands of the demonstration: the flights API."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum
from typing import Annotated

import typer

from medallion.cli.terminal import Terminal
from medallion.errors import ConfigError, Problem

demo = typer.Typer(no_args_is_help=True, help="A real API to try things with.", rich_markup_mode=None)


class Trouble(str, Enum):
    """How badly the API behaves."""

    NONE = "none"
    MILD = "mild"
    ROUGH = "rough"


@demo.callback()
def group() -> None:
    """A real API to try things with."""


@demo.command()
def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Where it listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 8013,
    token: Annotated[str | None, typer.Option(help="Bearer token; none: no token is asked for.", envvar="FLIGHTS_TOKEN")] = None,
    latency: Annotated[float, typer.Option(metavar="MS", min=0, help="Milliseconds before each answer.")] = 0.0,
    trouble: Annotated[Trouble, typer.Option(help="Which answers go wrong.")] = Trouble.NONE,
    months: Annotated[str, typer.Option(help="Months of 2013 to prepare before the start, such as 1,2,3.")] = "1",
) -> int:
    """Serves the flights of 2013 as an API, until Ctrl-C. Needs the extra `demo`."""
    from medallion.demo.server import ServeOptions, run

    terminal: Terminal = context.obj
    prepared = [month.strip() for month in months.split(",") if month.strip()]
    if not all(month.isdigit() and 1 <= int(month) <= 12 for month in prepared):
        raise ConfigError([Problem(path="--months", message=f"must be numbers from 1 to 12, such as 1,2,3, got {months!r}")])
    options = ServeOptions(
        host=host,
        port=port,
        token=token,
        latency=timedelta(milliseconds=latency),
        trouble=trouble.value,
        months=tuple(int(month) for month in prepared),
    )
    run(options, ready=lambda url: terminal.show(f"flights API at {url} (Ctrl-C ends it)"))
    return 0
