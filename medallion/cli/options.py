"""The options that several commands share, each with its one spelling and its one sentence of help."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from medallion.cli.terminal import Terminal
from medallion.config.bound import Bound, parse_bound
from medallion.config.load import DEFAULT, Loaded, load
from medallion.config.overlay import API_RPS, ASYNC_HTTP
from medallion.config.scope import beyond_premises
from medallion.config.values import parse_instant
from medallion.errors import ConfigError, Problem


class Scope(str, Enum):
    """Which storage a command may touch."""

    ONPREM = "onprem"
    ANY = "any"


Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="The pipeline's file.", show_default=False)]
Env = Annotated[str | None, typer.Option("--env", metavar="NAME", help="Lays env/NAME.yaml over it (or $MEDALLION_ENV).")]
Sets = Annotated[list[str] | None, typer.Option("--set", metavar="a.b=value", help="Sets one value; several times.")]
Select = Annotated[
    list[str] | None,
    typer.Option(
        "--select",
        metavar="NAME",
        help="Only this source, with the entities made of it, or this entity, with its source; several times.",
    ),
]
RunDate = Annotated[str | None, typer.Option("--run-date", metavar="D", help="Logical time of a new run; never selects rows.")]
From = Annotated[str | None, typer.Option("--from", metavar="A", help="Backfill from here; the watermark is not touched.")]
To = Annotated[str | None, typer.Option("--to", metavar="B", help="Backfill up to here, not included.")]
FullRefresh = Annotated[bool, typer.Option("--full-refresh", help="Asks from initial_value again; deletes nothing.")]
Replay = Annotated[bool, typer.Option("--replay", help="Silver reads Bronze from its beginning into the same tables.")]
Rebuild = Annotated[
    bool, typer.Option("--rebuild", help="Makes the tables again from all of Bronze beside the old ones, then puts them in their place.")
]
AcceptQuarantine = Annotated[
    bool, typer.Option("--accept-quarantine", help="Lets this promotion set more rows aside than max_quarantined allows.")
]
TakeOver = Annotated[bool, typer.Option("--take-over", help="Does not wait for a run of which nothing is heard.")]
Result = Annotated[Path | None, typer.Option("--result", metavar="FILE", help="Writes how each source and entity ended, as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Prints failures only.")]
Lines = Annotated[bool, typer.Option("--json-lines", help="Prints each event as one line of JSON, and nothing else.")]
StorageScope = Annotated[Scope, typer.Option("--storage-scope", help="onprem refuses storage that is not declared so.")]
AsyncHttp = Annotated[
    bool | None, typer.Option("--async/--no-async", help="Many requests at once, or one at a time (or $MEDALLION_ASYNC_HTTP).")
]
ApiRps = Annotated[float | None, typer.Option("--api-rps", metavar="N", help="Requests a second and host (or $MEDALLION_API_RPS).")]


def read(
    terminal: Terminal,
    path: Path,
    *,
    env: str | None,
    sets: Sequence[str] | None,
    scope: Scope = Scope.ANY,
    async_http: bool | None = None,
    api_rps: float | None = None,
) -> Loaded:
    """The configuration, with what flags say over the environment. Raises ConfigError with every problem."""
    environ = dict(terminal.environ)
    if async_http is not None:
        environ[ASYNC_HTTP] = "true" if async_http else "false"
    if api_rps is not None:
        environ[API_RPS] = f"{api_rps:f}".rstrip("0").rstrip(".")
    loaded = load(path, env=env, sets=list(sets or ()), environ=environ)
    if scope is Scope.ONPREM:
        refused = list(beyond_premises(loaded.pipeline.platform, declared=loaded.origins["platform.storage_metadata.boundary"] != DEFAULT))
        if refused:
            ending = "--storage-scope onprem refuses that, and nothing was read or written"
            raise ConfigError(
                [Problem(path=".".join(("platform", *place)), message=f"{message}; {ending}", file=str(path)) for place, message in refused]
            )
    return loaded


def names(select: Sequence[str] | None) -> list[str]:
    """The names of ``--select``, which may stand behind commas too."""
    return [name.strip() for given in select or () for name in given.split(",") if name.strip()]


def bound(option: str, text: str | None) -> Bound | None:
    """What an end of a range on the command line means: a date, an instant or a number. Raises ConfigError, naming the option."""
    if text is None:
        return None
    try:
        return parse_bound(text)
    except ValueError as error:
        raise ConfigError([Problem(path=option, message=f"{error}; or a number")]) from error


def instant(option: str, text: str | None) -> datetime | None:
    """What a date on the command line means. Raises ConfigError, naming the option."""
    if text is None:
        return None
    try:
        return parse_instant(text)
    except ValueError as error:
        raise ConfigError([Problem(path=option, message=str(error))]) from error
