"""A driver to be killed: extracts twenty rows into the lake at argv[1], and notes each page that it asks."""

from __future__ import annotations

import sys
from pathlib import Path

from bronze_fakes import Lake, Rows, row, source


class Noted(Rows):
    """Rows whose pages are written down when they are asked."""

    def pages(self, lanes):  # type: ignore[no-untyped-def]
        with Path(sys.argv[1], "asked").open("a") as notes:
            for page in super().pages(lanes):
                notes.write(f"{page.position['page']}\n")
                notes.flush()
                yield page


if __name__ == "__main__":
    Lake.on_disk(Path(sys.argv[1])).extract(Noted([row(n) for n in range(20)]), source(sys.argv[2]))
