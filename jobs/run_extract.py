"""Sources to Bronze, and nothing else (needs no Spark); the arguments are those of ``medallion extract``."""

from __future__ import annotations

import sys

from medallion.cli import entry_point

if __name__ == "__main__":
    entry_point(["extract", *sys.argv[1:]])
