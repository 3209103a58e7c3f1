"""The quickstart on every store and every Spark that can be started here, and the hash of each of its tables: a table for docs/storage.md.

``python -m scripts.same_everywhere`` takes January; FLIGHTS_UNTIL takes less. ``--only s3/hadoop/local`` (several times) takes some places
beside the local disk in local mode, which the others are held against. The exit status is 1 where a table differs.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from medallion.clock import SystemClock
from medallion.config.load import load
from medallion.demo.process import started
from medallion.errors import MedallionError
from medallion.jars import Needs
from medallion.spark import session
from medallion.testing import services
from medallion.testing.cluster import cluster
from medallion.testing.commandline import CommandLine
from medallion.testing.connect import connect_server
from medallion.testing.content import content_hashes
from scripts.quickstart import PIPELINE, until

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

STORES: Mapping[str, Callable[[], AbstractContextManager[services.Service]]] = {
    "s3": services.s3,
    "azure": services.azure,
    "hdfs": services.hdfs,
}
HERE = "local/local/local"
PLACES = (
    "s3/s3/local",
    "s3/hadoop/local",
    "azure/azure/local",
    "azure/hadoop/local",
    "hdfs/hadoop/local",
    "s3/hadoop/cluster",
    "local/local/connect",
)
"""Store, provider and Spark: of this process, of a standalone cluster of two workers, or of a Spark Connect server."""
ARGUMENTS = ("run", str(PIPELINE), "--run-date", "2026-11-23", "--quiet")
ROOT = Path(__file__).resolve().parents[1]
CLIENT = ROOT / ".venv-connect" / "bin"
"""Of the environment that `make connect` makes."""
SMALL = {"spark.executor.memory": "600m", "spark.driver.memory": "1g", "spark.sql.shuffle.partitions": "2", "spark.ui.enabled": "false"}


def here(environ: Mapping[str, str], flags: Sequence[str]) -> None:
    """Runs the quickstart by the session of this process. Raises MedallionError where it fails."""
    said = CommandLine(environ=environ)(*ARGUMENTS, *flags)
    if said.status != 0:
        raise MedallionError(f"the run ended with {said.status}: {said.err}")


def by_cluster(environ: Mapping[str, str], flags: Sequence[str]) -> None:
    """The same by ``spark-submit.sh`` on a master and two workers."""
    confs = [word for key, value in SMALL.items() for word in ("--conf", f"{key}={value}")]
    with cluster() as there:
        command = ["./spark-submit.sh", "--master", there.master, *confs, "jobs/run_pipeline.py", *ARGUMENTS[1:], *flags]
        _process(command, {**os.environ, **environ, "SPARK_LOCAL_IP": "127.0.0.1"})


def over_connect(environ: Mapping[str, str], flags: Sequence[str]) -> None:
    """The same by a process without Java, whose Spark is a server's."""
    if not (CLIENT / "medallion").exists():
        raise MedallionError("the environment for Spark Connect is missing: make connect")
    without_java = {key: value for key, value in os.environ.items() if key != "JAVA_HOME"}
    with connect_server(python=CLIENT / "python") as url:
        _process([str(CLIENT / "medallion"), *ARGUMENTS, *flags], {**without_java, **environ, "SPARK_REMOTE": url})


def _process(command: Sequence[str], environ: Mapping[str, str]) -> None:
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MedallionError(f"the run ended with {done.returncode}: {done.stdout}{done.stderr[-3000:]}")


RUNS: Mapping[str, Callable[[Mapping[str, str], Sequence[str]], None]] = {"local": here, "cluster": by_cluster, "connect": over_connect}


@dataclass(frozen=True, kw_only=True)
class Lake:
    """Where a run finds its lake, by which variables and flags, and the session that looks at its tables."""

    spark: SparkSession
    environ: Mapping[str, str]
    flags: Sequence[str] = ()

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
        asked = dict.fromkeys(place.split("/")[0] for place in chosen)
        stores = {name: stack.enter_context(STORES[name]()) for name in asked if name in STORES}
        needs = Needs()
        for store in stores.values():
            needs |= store.needs
        spark = session("everywhere", needs=needs)
        stack.callback(spark.stop)
        environ = {**api.environment, "FLIGHTS_UNTIL": until(os.environ)}

        def at(place: str) -> Lake:
            name, way, runs = place.split("/")
            if name not in stores:
                return Lake(spark=spark, environ={**environ, "LAKE": f"{folder}/{runs}"})
            store = stores[name]
            flags = (f"--set=platform.bronze.storage_backend={way}", *store.flags)
            return Lake(spark=spark, environ={**environ, **store.environ, "LAKE": f"{store.root}/{way}-{runs}"}, flags=flags)

        wanted = _seen(HERE, at(HERE))
        different = [place for place in chosen if _seen(place, at(place)) != wanted]
    print(f"different: {', '.join(different)}" if different else "all tables are the same everywhere")
    return 1 if different else 0


def _seen(place: str, lake: Lake) -> Mapping[str, str]:
    """The hashes of a lake after a run; says them as a row of a table."""
    began = SystemClock().monotonic()
    RUNS[place.split("/")[-1]](lake.environ, lake.flags)
    took = SystemClock().monotonic() - began
    found = lake.hashes()
    if place == HERE:
        print(f"| lake | provider | Spark | {' | '.join(found)} | seconds |\n|{'---|' * (4 + len(found))}")
    print(f"| {' | '.join(place.split('/'))} | {' | '.join(f'`{one[:12]}`' for one in found.values())} | {took:.0f} |", flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
