"""What spark-submit has to bring for a job: said by ``medallion jars``, which ``spark-submit.sh`` asks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medallion.cli import options as given
from medallion.cli.terminal import Terminal
from medallion.config.secret import Unread

JOB = {"ignore_unknown_options": True}
"""How the command takes all arguments of a job, of which it looks at those that choose the configuration."""


def jars(
    context: typer.Context,
    words: Annotated[list[str] | None, typer.Argument(metavar="[CONFIG]", help="The pipeline's file, and any arguments of a job.")] = None,
    env: given.Env = None,
    sets: given.Sets = None,
) -> int:
    """Prints the Maven packages that spark-submit has to bring for a job of this pipeline, and what of them is left out: one line each.

    Without a file: what every pipeline needs.
    """
    from medallion.flow import spark_needs_of
    from medallion.jars import delta, release

    terminal: Terminal = context.obj
    found = delta(release())
    config = next((Path(word) for word in words or () if word.endswith((".yaml", ".yml"))), None)
    if config is not None:
        found |= spark_needs_of(given.read(terminal, config, env=env, sets=sets).pipeline, Unread())
    terminal.show(",".join(found.packages))
    terminal.show(",".join(found.excluded))
    return 0
