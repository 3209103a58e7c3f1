"""Where the command line begins and ends: returns on success, raises SystemExit only where something failed."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import cache
from typing import cast

import typer
from typer.core import TyperGroup

from medallion.cli.commands import app
from medallion.cli.terminal import Terminal
from medallion.errors import MedallionError, StoppedEarly

USAGE, UNEXPECTED = 2, 1
_INTERRUPTED = 130
"""What typer makes of Ctrl-C."""
_ClickException = cast(type[Exception], typer.BadParameter.__mro__[2])
"""Of every wrong command line; typer has it under no public name."""


def entry_point(argv: Sequence[str] | None = None) -> None:
    """Runs the command that *argv* (default: the process's arguments) names.

    Returns where all went well: a job that runs this in its own process takes any SystemExit for a failure, even one of 0.
    """
    status = main(list(sys.argv[1:] if argv is None else argv))
    if status != 0:
        raise SystemExit(status)


def main(arguments: Sequence[str], terminal: Terminal | None = None) -> int:
    """The exit status of a command line; each failure is one line on standard error, secrets masked. ``--debug`` may stand anywhere."""
    terminal = terminal or Terminal(environ=os.environ)
    terminal.debug = "--debug" in arguments
    try:
        wanted = [word for word in arguments if word != "--debug"]
        status = _command().main(wanted, prog_name="medallion", standalone_mode=False, obj=terminal)
    except MedallionError as error:
        terminal.trace(error)
        terminal.fail(error)
        return error.exit_status
    except KeyboardInterrupt:
        status = _INTERRUPTED
    except _ClickException as error:
        return _usage(terminal, error)
    except Exception as error:  # noqa: BLE001  the last rim: whatever it is, it is said in one line and fails the process
        terminal.trace(error)
        where = "" if terminal.debug else "; run again with --debug for the traceback"
        terminal.complain(f"unexpected {type(error).__name__}: {_first_line(error)}{where}")
        return UNEXPECTED
    if status == _INTERRUPTED:
        terminal.complain("interrupted; what was complete is committed: run the same command again to go on")
        return StoppedEarly.exit_status
    return int(status or 0)


@cache
def _command() -> TyperGroup:
    """All commands. Called by itself a Typer changes sys.excepthook, which is the process's and not ours."""
    return typer.main.get_group(app)


def _usage(terminal: Terminal, error: BaseException) -> int:
    context = getattr(error, "ctx", None)
    message = getattr(error, "format_message", lambda: str(error))()
    if message and type(error).__name__ != "NoArgsIsHelpError":
        terminal.complain(f"{message} (see: {context.command_path if context else 'medallion'} --help)")
    elif context is not None:
        terminal.show(context.get_help())
    return USAGE


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else "no message"
