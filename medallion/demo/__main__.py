"""``python -m medallion.demo``: the flights API as a process of its own; its one line of output is the URL, once it answers.

The token is ``--token`` or, so that it stands in no list of processes, the environment variable ``FLIGHTS_TOKEN``.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import timedelta

from medallion.demo.server import ServeOptions, run
from medallion.demo.trouble import PRESETS
from medallion.errors import MedallionError


def options(arguments: Sequence[str]) -> ServeOptions:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m medallion.demo", description="Serves the flights of 2013 as an API.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8013, help="0 takes a free one (default: 8013)")
    parser.add_argument("--token", default=os.environ.get("FLIGHTS_TOKEN"), help="bearer token (default: $FLIGHTS_TOKEN; none: open)")
    parser.add_argument("--latency", type=float, default=0.0, metavar="MS", help="milliseconds before each answer (default: 0)")
    parser.add_argument("--trouble", choices=list(PRESETS), default="none")
    parser.add_argument("--months", default="1", help="months of 2013 to prepare before the start, such as 1,2,3 (default: 1)")
    given = parser.parse_args(arguments)
    return ServeOptions(
        host=given.host,
        port=given.port,
        token=given.token,
        latency=timedelta(milliseconds=given.latency),
        trouble=given.trouble,
        months=tuple(int(month) for month in given.months.split(",") if month),
    )


def announce(url: str) -> None:
    """Says where the API is, to whoever started the process."""
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    """Serves until told to stop; the exit status."""
    try:
        run(options(arguments), ready=announce)
    except MedallionError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
