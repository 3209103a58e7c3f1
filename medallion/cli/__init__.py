"""The command line: thin, each command in a few lines; ``jobs/`` call the same entry point."""

from medallion.cli.commands import app
from medallion.cli.entry import entry_point

__all__ = ["app", "entry_point"]
