"""A whole pipeline: extraction, then promotion; the arguments are those of ``medallion run``."""

from __future__ import annotations

import sys

from medallion.cli import entry_point

if __name__ == "__main__":
    entry_point(["run", *sys.argv[1:]])
