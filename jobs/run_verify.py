"""What is stored, held against itself; the arguments are those of ``medallion verify``."""

from __future__ import annotations

import sys

from medallion.cli import entry_point

if __name__ == "__main__":
    entry_point(["verify", *sys.argv[1:]])
