"""The quickstart: starts the flights API (on port 8013, if that is free), runs the pipeline against it, stops the API.

The exit status is the run's. Environment: YEAR=1 takes the whole year instead of January, LAKE says where the lake is
(default ./lake), LATENCY is the API's in milliseconds (default 25), TROUBLE its preset (none, mild, rough; default mild:
one request each is refused, throttled, slow and cut short, so that the retries in the closing table are real).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from medallion.demo.process import started
from medallion.errors import MedallionError

ROOT = Path(__file__).resolve().parent.parent
PIPELINE = ROOT / "conf" / "pipelines" / "quickstart.yaml"
MEDALLION = Path(sys.executable).with_name("medallion")
PORT = 8013
END_OF_JANUARY, END_OF_YEAR = "2013-02-01T00:00:00Z", "2014-01-02T00:00:00Z"


def until(environment: Mapping[str, str]) -> str:
    """Where the changes end: what FLIGHTS_UNTIL says, else the end of January, or of the year where YEAR is set."""
    whole_year = environment.get("YEAR", "").lower() in ("1", "true", "yes")
    return environment.get("FLIGHTS_UNTIL") or (END_OF_YEAR if whole_year else END_OF_JANUARY)


def run_until_done(environment: dict[str, str]) -> int:
    """The run's exit status; SIGTERM and Ctrl-C end it as it ends by itself: what was read is committed."""
    run = subprocess.Popen([str(MEDALLION), "run", str(PIPELINE)], env=environment)

    def hand_on(_number: int, _frame: FrameType | None) -> None:
        run.terminate()

    signal.signal(signal.SIGTERM, hand_on)
    signal.signal(signal.SIGINT, hand_on)
    status = run.wait()
    return 128 - status if status < 0 else status


def port() -> str:
    """8013, so that a second run finds the source at the URL that the first one read; another one (0) where that is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError:
            return "0"
    return str(PORT)


def main() -> int:
    """The exit status of the run, or of the API where that does not start."""
    serve = ("--port", port(), "--latency", os.environ.get("LATENCY") or "25", "--trouble", os.environ.get("TROUBLE") or "mild")
    try:
        with started(*serve) as api:
            return run_until_done(os.environ | api.environment | {"FLIGHTS_UNTIL": until(os.environ)})
    except MedallionError as error:
        print(error, file=sys.stderr)
        return error.exit_status


if __name__ == "__main__":
    sys.exit(main())
