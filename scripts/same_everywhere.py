"""The quickstart on every store that can be started here, and the hash of each of its tables: a table for docs/storage.md.

``python -m scripts.same_everywhere`` takes January; FLIGHTS_UNTIL takes less. ``--only s3/hadoop`` (several times) takes some places
beside the local disk, which the others are held against. The exit status is 1 where a table differs.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medallion.clock import SystemClock
from medallion.config.load import load
from medallion.demo.process import started
from medallion.errors import MedallionError
from medallion.jars import Needs
from medallion.spark import session
from medallion.testing import services
from medallion.testing.commandline import CommandLine
from medallion.testing.content import content_hashes
from scripts.quickstart import PIPELINE, until

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

STORES: Mapping[str, Callable[[], AbstractContextManager[services.Service]]] = {
    "s3": services.s3,
    "azure": services.azure,
    "hdfs": services.hdfs,
}
PLACES = ("s3/s3", "s3/hadoop", "azure/azure", "azure/hadoop", "hdfs/hadoop")
"""Store and provider."""
ARGUMENTS = ("run", str(PIPELINE), "--run-date", "2026-11-23", "--quiet")


@dataclass(frozen=True, kw_only=True)
class Lake:
    """Where a run finds its lake, by which variables and flags, and the session that looks at its tables."""

    spark: SparkSession
    environ: Mapping[str, str]
    flags: Sequence[str] = ()

    def run(self) -> None:
        """By the session of this process. Raises MedallionError where the run fails."""
        said = CommandLine(environ=self.environ)(*ARGUMENTS, *self.flags)
        if said.status != 0:
            raise MedallionError(f"the run ended with {said.status}: {said.err}")

    def hashes(self) -> dict[str, str]:
        """The hash of each table, by its name."""
        pipeline = load(PIPELINE, env=None, sets=[flag.removeprefix("--set=") for flag in self.flags], environ=self.environ).pipeline
        return content_hashes(self.spark, pipeline)


def main(given: Sequence[str]) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.same_everywhere", description="Holds all lakes against the local one.")
    parser.add_argument("--only", action="append", choices=PLACES, metavar="PLACE", help=f"one of {', '.join(PLACES)}")
    chosen: Sequence[str] = parser.parse_args(given).only or PLACES
    with contextlib.ExitStack() as stack:
        api = stack.enter_context(started("--latency", "0"))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="medallion-everywhere-"))
        stores = {name: stack.enter_context(STORES[name]()) for name in dict.fromkeys(place.split("/")[0] for place in chosen)}
        needs = Needs()
        for store in stores.values():
            needs |= store.needs
        spark = session("everywhere", needs=needs)
        stack.callback(spark.stop)
        environ = {**api.environment, "FLIGHTS_UNTIL": until(os.environ)}

        def at(place: str) -> Lake:
            name, way = place.split("/")
            if name not in stores:
                return Lake(spark=spark, environ={**environ, "LAKE": f"{folder}/{way}"})
            store = stores[name]
            flags = (f"--set=platform.bronze.storage_backend={way}", *store.flags)
            return Lake(spark=spark, environ={**environ, **store.environ, "LAKE": f"{store.root}/{way}"}, flags=flags)

        wanted = _seen("local/local", at("local/local"))
        different = [place for place in chosen if _seen(place, at(place)) != wanted]
    print(f"different: {', '.join(different)}" if different else "all tables are the same everywhere")
    return 1 if different else 0


def _seen(place: str, lake: Lake) -> Mapping[str, str]:
    """The hashes of a lake after a run; says them as a row of a table."""
    began = SystemClock().monotonic()
    lake.run()
    took = SystemClock().monotonic() - began
    found = lake.hashes()
    if place == "local/local":
        print(f"| lake | provider | {' | '.join(found)} | seconds |\n|{'---|' * (3 + len(found))}")
    print(f"| {' | '.join(place.split('/'))} | {' | '.join(f'`{one[:12]}`' for one in found.values())} | {took:.0f} |", flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
