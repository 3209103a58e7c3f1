"""The pipeline on a real standalone cluster: its tables are those of local mode, and its executors know nothing of this project."""

from __future__ import annotations

import os
import subprocess
import venv
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from medallion.demo.process import started
from medallion.testing.cluster import cluster
from medallion.testing.commandline import CommandLine
from medallion.testing.content import content_hash

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
PIPELINE = "conf/pipelines/quickstart.yaml"
SELECTED = ("--select", "flights_history")
QUICKLY = "-XX:TieredStopAtLevel=1"
"""For a JVM that lives a minute: half the compiler warms up in half the time."""
SMALL = {
    "spark.executor.memory": "600m",
    "spark.executor.extraJavaOptions": QUICKLY,
    "spark.driver.memory": "1g",
    "spark.sql.shuffle.partitions": "2",
    "spark.ui.enabled": "false",
}


def python_with(package: str, folder: Path) -> Path:
    """A Python that has this one package and no other."""
    venv.create(folder, with_pip=False, symlinks=True)
    found = find_spec(package)
    assert found is not None
    assert found.origin is not None
    home = Path(found.origin).parent
    (site,) = folder.glob("lib/python*/site-packages")
    for part in home.parent.glob(f"{package}*"):
        (site / part.name).symlink_to(part)
    return folder / "bin" / "python"


def submit(master: str, lake: Path, python: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """The job, submitted from a shell that has the project, to executors that run *python*."""
    confs = [word for key, value in SMALL.items() for word in ("--conf", f"{key}={value}")]
    command = [
        "./spark-submit.sh",
        "--master",
        master,
        "--driver-java-options",
        QUICKLY,
        *confs,
        "jobs/run_pipeline.py",
        PIPELINE,
        *SELECTED,
    ]
    told = {**os.environ, **environment, "LAKE": str(lake), "PYSPARK_PYTHON": str(python), "SPARK_LOCAL_IP": "127.0.0.1"}
    return subprocess.run(command, cwd=ROOT, env=told, capture_output=True, text=True, check=False, timeout=300)


def test_the_tables_of_a_cluster_are_those_of_local_mode(spark: SparkSession, tmp_path: Path) -> None:
    """Half a day of real flights by a master and two workers; both run tasks, with a Python that has pyarrow and nothing of ours."""
    python = python_with("pyarrow", tmp_path / "python")
    ours = subprocess.run([python, "-c", "import pyarrow, medallion"], cwd=tmp_path, capture_output=True, text=True, check=False, env={})
    assert "No module named 'medallion'" in ours.stderr
    with started("--latency", "0") as api, cluster() as there:
        environment = {**api.environment, "FLIGHTS_UNTIL": "2013-01-01T12:00:00Z"}
        done = submit(there.master, tmp_path / "cluster", python, environment)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-3000:]}"
        tasks = {worker: said.count("Finished task") for worker, said in there.executors().items()}
        local = CommandLine(environ={**environment, "LAKE": str(tmp_path / "local")})("run", PIPELINE, *SELECTED)
        assert local.status == 0, local.err
    assert len(tasks) == 2
    assert all(tasks.values()), tasks
    tables = [
        spark.read.format("delta").load(f"{tmp_path}/{lake}/silver/domain=travel/entity=flights_history/v1")
        for lake in ("local", "cluster")
    ]
    assert tables[0].count() > 0
    assert content_hash(tables[0]) == content_hash(tables[1])
