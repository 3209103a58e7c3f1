"""Writes conf/schema.json and conf/reference.yaml from the models; with --check it only says whether they are stale."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from medallion.config import jsonschema, reference

CONF = Path(__file__).resolve().parent.parent / "conf"


def main(arguments: Sequence[str] | None = None, *, folder: Path = CONF) -> int:
    """Exit status: 1 where ``--check`` finds a file that is not what the models say, else 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is stale")
    check = parser.parse_args(arguments).check
    stale = 0
    for path, text in ((folder / "schema.json", jsonschema.text()), (folder / "reference.yaml", reference.text())):
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        if check:
            print(f"{path} is stale: run python scripts/generate_conf.py")
        else:
            path.write_text(text, encoding="utf-8")
            print(f"{path} written")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
