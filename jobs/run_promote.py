"""Bronze to Silver, and nothing else; the arguments are those of ``medallion promote``."""

from __future__ import annotations

import sys

from medallion.cli import entry_point

if __name__ == "__main__":
    entry_point(["promote", *sys.argv[1:]])
