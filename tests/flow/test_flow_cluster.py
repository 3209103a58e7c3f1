"""The pipeline on a real standalone cluster: its tables are those of local mode, and its executors know nothing of this project."""

from __future__ import annotations

import json
import os
import subprocess
import venv
from collections import defaultdict
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from medallion.demo.process import started
from medallion.testing.cluster import cluster
from medallion.testing.commandline import CommandLine
from medallion.testing.content import content_hash
from medallion.testing.postgres import PASSWORD, USER, postgres

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.jvm, pytest.mark.slow, pytest.mark.thorough]

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


def submit(
    *words: str, environment: Mapping[str, str], folder: Path = ROOT, conf: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    """``spark-submit.sh`` with these options, job and words of the job, from a shell that has the project."""
    confs = [word for key, value in {**SMALL, **conf}.items() for word in ("--conf", f"{key}={value}")]
    command = [str(ROOT / "spark-submit.sh"), "--driver-java-options", QUICKLY, *confs, *words]
    told = {**os.environ, **environment, "SPARK_LOCAL_IP": "127.0.0.1"}
    return subprocess.run(command, cwd=folder, env=told, capture_output=True, text=True, check=False, timeout=300)


def test_the_tables_of_a_cluster_are_those_of_local_mode(spark: SparkSession, tmp_path: Path) -> None:
    """Half a day of real flights by a master and two workers; both run tasks, with a Python that has pyarrow and nothing of ours."""
    python = python_with("pyarrow", tmp_path / "python")
    ours = subprocess.run([python, "-c", "import pyarrow, medallion"], cwd=tmp_path, capture_output=True, text=True, check=False, env={})
    assert "No module named 'medallion'" in ours.stderr
    with started("--latency", "0") as api, cluster() as there:
        environment = {**api.environment, "FLIGHTS_UNTIL": "2013-01-01T12:00:00Z"}
        told = {**environment, "LAKE": str(tmp_path / "cluster"), "PYSPARK_PYTHON": str(python)}
        done = submit("--master", there.master, "jobs/run_pipeline.py", PIPELINE, *SELECTED, environment=told)
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


SHOP = """
config_version: 1
pipeline: shop
platform: {{bronze: {{root: "{lake}/bronze"}}, silver: {{root: "{lake}/silver"}}, state: {{root: "{lake}/_state"}}}}
sources:
  - name: orders
    system: shop
    table: orders
    load_pattern: full
    type: db
    db: {{url: "{url}", user: {user}, password: secret:env:SHOP_PASSWORD, table: orders, partition: {{num_partitions: 2}}}}
  - {{name: items, system: shop, table: items, load_pattern: full, type: file, file: {{path: "{items}/*.jsonl", format: jsonl}}}}
silver:
  - {{entity: orders, source: orders, model: scd_type_2, keys: [id]}}
"""


SCANS = {"jdbc": "JDBCRelation", "files": "Scan json "}
"""How the plan of an execution says what it reads. Chunks are Parquet."""


def executors_by_work(events: Path) -> dict[str, set[str]]:
    """The executors that ran tasks which read a database, or files, and those that ran tasks of streams, from an event log of Spark."""
    (log,) = events.iterdir()
    told: list[dict[str, Any]] = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    reading = {
        str(event["executionId"]): kind
        for event in told
        if event["Event"].endswith("SparkListenerSQLExecutionStart")
        for kind, scan in SCANS.items()
        if scan in event["physicalPlanDescription"]
    }
    work: dict[int, str] = {}
    for event in told:
        if event["Event"] == "SparkListenerJobStart":
            of_job = event["Properties"]
            kind = "silver" if "sql.streaming.queryId" in of_job else reading.get(of_job.get("spark.sql.execution.id"), "other")
            work |= dict.fromkeys(event["Stage IDs"], kind)
    found: dict[str, set[str]] = defaultdict(set)
    for event in told:
        if event["Event"] == "SparkListenerTaskEnd":
            found[work[event["Stage ID"]]].add(event["Task Info"]["Executor ID"])
    return found


def test_both_workers_read_a_database_and_files_and_make_silver_with_a_packed_python_and_baked_jars(tmp_path: Path) -> None:
    """Two workers of one core that have nothing: what they need was packed and baked, and by the event log each of them does all three."""
    config, events, items, job = tmp_path / "shop.yaml", tmp_path / "events", tmp_path / "items", str(ROOT / "jobs/run_pipeline.py")
    events.mkdir()
    logged = {
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": events.as_uri(),
        "spark.eventLog.rolling.enabled": "false",
        "spark.eventLog.compress": "false",
        "spark.scheduler.minRegisteredResourcesRatio": "1.0",
        "spark.scheduler.maxRegisteredResourcesWaitingTime": "60s",
    }
    environment = {"SHOP_PASSWORD": PASSWORD}
    with postgres() as server, cluster() as there:
        server.sql(
            "CREATE TABLE orders (id int PRIMARY KEY, v text); INSERT INTO orders SELECT g, 'v' || g FROM generate_series(1, 20000) g"
        )
        items.mkdir()
        for number in range(8):
            lines = (json.dumps({"sku": f"{number}-{line}"}) for line in range(20_000))
            (items / f"{number}.jsonl").write_text("\n".join(lines), encoding="utf-8")
        config.write_text(SHOP.format(lake=tmp_path / "lake", url=server.url, user=USER, items=items), encoding="utf-8")
        for option, folder in (("--pack", "packed"), ("--bake", "jars")):
            made = submit(option, folder, job, str(config), environment=environment, folder=tmp_path)
            assert made.returncode == 0, made.stderr
        options = ("--master", there.master, "--packed", "packed", "--baked", "jars")
        done = submit(*options, job, str(config), environment=environment, folder=tmp_path, conf=logged)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-3000:]}"
        unpacked = {path.parents[4].name for path in there.folder.glob("work/worker-*/app-*/*/environment/bin/python")}
    assert unpacked == {"worker-0", "worker-1"}
    found = executors_by_work(events)
    assert found["jdbc"] == found["files"] == found["silver"] == {"0", "1"}, dict(found)
    jar = next((tmp_path / "jars").glob("*delta*.jar"))
    jar.write_bytes(jar.read_bytes()[:-1])
    refused = submit("--baked", "jars", job, str(config), environment=environment, folder=tmp_path)
    assert refused.returncode == 5
    assert f"{jar.name} is not the one that was baked" in refused.stderr
