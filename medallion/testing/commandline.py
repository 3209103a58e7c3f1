"""The command line in the test's own process, with an environment of its own and its output caught."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.console import Console

from medallion.cli.entry import main
from medallion.cli.terminal import Terminal

WIDTH = 160
"""Columns of the terminal that is not there."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


@dataclass(frozen=True, kw_only=True)
class CommandLine:
    """``medallion`` with exactly the environment *environ*."""

    environ: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str) -> Said:
        """Runs a command to its end."""
        out, err = io.StringIO(), io.StringIO()
        consoles = (Console(file=stream, width=WIDTH, highlight=False) for stream in (out, err))
        terminal = Terminal(environ=self.environ, out=next(consoles), err=next(consoles))
        status = main(list(arguments), terminal)
        return Said(status=status, out=out.getvalue(), err=err.getvalue())
