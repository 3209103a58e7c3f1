"""All that is printed goes through here, without secrets: results to standard output, everything else to standard error."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping

from rich.console import Console, RenderableType
from rich.text import Text

from medallion.config.secret import Secrets
from medallion.errors import ConfigError, MedallionError

_WIDE = 160
"""Columns where nobody looks at the width: a file, a pipe, the log of a job."""


class Terminal:
    """Standard output and error of a command, and the secrets that none of them shows."""

    def __init__(self, *, environ: Mapping[str, str], out: Console | None = None, err: Console | None = None) -> None:
        self.environ = environ
        self.debug = False
        """Whether tracebacks are shown."""
        self.secrets = Secrets(environ=environ, databricks=_databricks if "DATABRICKS_RUNTIME_VERSION" in environ else None)
        self.out = out or _console(environ, stderr=False)
        self.err = err or _console(environ, stderr=True)

    @property
    def live(self) -> bool:
        """Whether somebody watches standard error as it changes."""
        return self.err.is_terminal and not self.err.is_dumb_terminal and not self.environ.get("CI")

    def mask(self, text: str) -> str:
        """*text* without secrets."""
        return self.secrets.mask(text)

    def show(self, text: str) -> None:
        """Text for standard output, as it is; lines are not broken."""
        self.out.print(Text(self.mask(text)), soft_wrap=True)

    def line(self, text: Text) -> None:
        """A line with colours for standard output; what comes from elsewhere in it was masked by :meth:`mask`."""
        self.out.print(text, soft_wrap=True)

    def table(self, table: RenderableType) -> None:
        """A table or text for standard output; what comes from data in it was masked by :meth:`mask`."""
        self.out.print(table)

    def note(self, text: str) -> None:
        """A line about what happens, for standard error."""
        self.err.print(Text(self.mask(text)), soft_wrap=True)

    def complain(self, text: str, *, code: str | None = None) -> None:
        """One line that says what failed, beginning with ``error``."""
        line = Text("error ", style="bold red")
        line.append(f"[{code}] " if code else "", style="red")
        line.append(" ".join(self.mask(text).split()), style="not bold default")
        self.err.print(line, soft_wrap=True)

    def trace(self, error: BaseException) -> None:
        """Where an error came from, for whoever asked for it by ``--debug``."""
        if self.debug:
            self.note("".join(traceback.format_exception(type(error), error, error.__traceback__)).rstrip())

    def fail(self, error: MedallionError, *, subject: str | None = None) -> None:
        """``error [CODE] sentence``; of a configuration one line for each problem."""
        sentences = [str(problem) for problem in error.problems] if isinstance(error, ConfigError) else [error.sentence]
        for sentence in sentences:
            self.complain(f"{subject}: {sentence}" if subject else sentence, code=error.code)


def _console(environ: Mapping[str, str], *, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal and "COLUMNS" not in environ:
        console = Console(stderr=stderr, highlight=False, width=_WIDE)
    return console


def _databricks(scope: str, key: str) -> str:
    """A secret of Databricks, by the ``dbutils`` that its runtime brings along."""
    from pyspark.dbutils import DBUtils
    from pyspark.sql import SparkSession

    get: Callable[[str, str], str] = DBUtils(SparkSession.active()).secrets.get
    return get(scope, key)
