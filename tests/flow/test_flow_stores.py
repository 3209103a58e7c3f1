"""The same pipeline on every store and every Spark: its tables hold the same rows, wherever the lake is, and whoever lands and promotes."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from medallion.config.load import load
from medallion.spark import session
from medallion.testing.cluster import cluster
from medallion.testing.commandline import CommandLine
from medallion.testing.connect import connect_server
from medallion.testing.content import content_hashes
from medallion.testing.server import Reply, Seen, json_reply, serve
from medallion.testing.services import S3_SECRET, Service

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.jvm, pytest.mark.store, pytest.mark.timeout(1200)]

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / ".venv-connect" / "bin"
CHANGES = [
    {"id": key, "at": f"2026-11-{day:02}T08:00:00Z", "city": city, "op": "D" if city is None else "U"}
    for day, cities in enumerate((["Zürich", "Bern", "東京"], ["Zürich", "Basel", None], ["Genf", "Basel", "東京"]), start=1)
    for key, city in enumerate(cities)
]
"""Three cities on three days: one key changes late, one once, one is deleted and comes back."""
PEOPLE = [{"id": key, "name": name} for key, name in enumerate(("Ada", "Grace", "Edsger"))]
SOURCES = [
    {"name": "changes", "table": "changes", "load_pattern": "cdc", "schema": "id BIGINT, at TIMESTAMP, city STRING, op STRING"},
    {"name": "people", "table": "people", "load_pattern": "full"},
]
KEYED = {"keys": ["id"], "sequence_by": ["at"], "apply_as_deletes": "op = 'D'"}
SILVER = [
    {"entity": "history", "source": "changes", "domain": "d", "model": "scd_type_2", **KEYED},
    {"entity": "by_day", "source": "people", "domain": "d", "model": "periodic_snapshot"},
]


def answer(seen: Seen) -> Reply:
    """All rows of a source, on one page."""
    return json_reply({"data": CHANGES if seen.path == "/changes" else PEOPLE})


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two sources, one that changes and one that is whole, and a table of each, on a lake that a variable names."""
    with serve(answer) as server:
        told: dict[str, Any] = {
            "config_version": 1,
            "pipeline": "p",
            "platform": {
                "bronze": {"root": "${LAKE}/bronze"},
                "silver": {"root": "${LAKE}/silver"},
                "state": {"root": "${LAKE}/state"},
            },
            "defaults": {"system": "s", "api": {"base_url": server.url, "records_path": "data", "pagination": {"type": "none"}}},
            "sources": [{**source, "api": {"endpoint": f"/{source['name']}"}} for source in SOURCES],
            "silver": SILVER,
        }
        path = tmp_path_factory.mktemp("stores") / "p.yaml"
        path.write_text(json.dumps(told))
        yield path


@pytest.fixture(scope="module")
def here(spark: SparkSession, pipeline: Path) -> Mapping[str, str]:
    """The hash of each table on the local disk, in local mode."""
    return run(spark, pipeline, {"LAKE": str(pipeline.parent / "lake")})


ARGUMENTS = ("--run-date", "2026-11-23", "--quiet")


def run(spark: SparkSession, config: Path, environ: Mapping[str, str], *flags: str) -> dict[str, str]:
    """Runs the pipeline, twice, since a second run has to find its way back; then the hash of each table by its name."""
    command = CommandLine(environ=environ)
    for _ in range(2):
        said = command("run", str(config), *ARGUMENTS, *flags)
        assert said.status == 0, said.err
    return hashes(spark, config, environ, *flags)


def hashes(spark: SparkSession, config: Path, environ: Mapping[str, str], *flags: str) -> dict[str, str]:
    """The hash of each table that the flags ask for, by its name."""
    sets = [flag.removeprefix("--set=") for flag in flags if flag.startswith("--set=")]
    names = [flag.removeprefix("--select=") for flag in flags if flag.startswith("--select=")]
    return content_hashes(spark, load(config, env=None, sets=sets, environ=environ).pipeline, names=names)


def on(service: Service, backend: str) -> tuple[dict[str, str], list[str]]:
    """The environment and the flags of a lake of its own on a store, with a provider for what Python reads and writes there."""
    environ = {**service.environ, "LAKE": f"{service.root}/{uuid.uuid4().hex[:8]}"}
    return environ, [f"--set=platform.bronze.storage_backend={backend}", *service.flags]


def test_a_table_on_s3_is_the_one_on_the_local_disk(spark: SparkSession, s3_service: Service, pipeline: Path, tmp_path: Path) -> None:
    """Landed by boto3, promoted through s3a, checkpoints and all; a second run finds everything done."""
    environ, flags = on(s3_service, "s3")
    there = run(spark, pipeline, environ, *flags, "--select=history")
    here = run(spark, pipeline, {"LAKE": str(tmp_path / "lake")}, "--select=history")
    assert there == here
    assert list(here) == ["history"]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("store", "backend"), [("s3", "s3"), ("s3", "hadoop"), ("azure", "azure"), ("azure", "hadoop"), ("hdfs", "hadoop")]
)
def test_the_tables_of_a_store_are_those_of_the_local_disk(
    spark: SparkSession, request: pytest.FixtureRequest, pipeline: Path, here: Mapping[str, str], store: str, backend: str
) -> None:
    """A history and a snapshot on every kind of store, landed by every provider."""
    environ, flags = on(request.getfixturevalue(f"{store}_service"), backend)
    assert run(spark, pipeline, environ, *flags) == here
    assert sorted(here) == ["by_day", "history"]


@pytest.mark.slow
@pytest.mark.thorough
def test_the_tables_of_a_cluster_on_a_store_are_those_of_local_mode(
    spark: SparkSession, pipeline: Path, here: Mapping[str, str], s3_service: Service
) -> None:
    """A master and two workers, the whole lake on S3: jars and credentials reach the executors, and no command line shows a secret."""
    environ, flags = on(s3_service, "hadoop")
    small = {"spark.executor.memory": "600m", "spark.driver.memory": "1g", "spark.sql.shuffle.partitions": "2", "spark.ui.enabled": "false"}
    confs = [word for key, value in small.items() for word in ("--conf", f"{key}={value}")]
    with cluster() as there:
        command = ["./spark-submit.sh", "--master", there.master, *confs, "jobs/run_pipeline.py", str(pipeline), *ARGUMENTS, *flags]
        told = {**os.environ, **environ, "SPARK_LOCAL_IP": "127.0.0.1"}
        done = subprocess.run(command, cwd=ROOT, env=told, capture_output=True, text=True, check=False, timeout=900)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-3000:]}"
        executors = there.executors()
    assert {worker: "Finished task" in said for worker, said in executors.items()} == {"worker-0": True, "worker-1": True}
    assert S3_SECRET not in f"{done.stdout}{done.stderr}{''.join(executors.values())}"
    session("tests", needs=s3_service.needs)  # for the one who looks
    assert hashes(spark, pipeline, environ, *flags) == here


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.skipif(not (CLIENT / "medallion").exists(), reason="the environment for Spark Connect is missing: make connect")
def test_the_tables_made_over_connect_are_those_of_local_mode(
    spark: SparkSession, pipeline: Path, here: Mapping[str, str], tmp_path: Path
) -> None:
    """A process without a JVM, whose Spark is a server's, twice; on the local disk, which is the server's too."""
    environ = {"LAKE": str(tmp_path / "lake")}
    with connect_server(python=CLIENT / "python") as url:
        told = {key: value for key, value in os.environ.items() if key != "JAVA_HOME"} | environ | {"SPARK_REMOTE": url}
        for _ in range(2):
            command = [str(CLIENT / "medallion"), "run", str(pipeline), *ARGUMENTS]
            done = subprocess.run(command, env=told, capture_output=True, text=True, check=False, timeout=900)
            assert done.returncode == 0, done.stderr
    assert hashes(spark, pipeline, environ) == here
