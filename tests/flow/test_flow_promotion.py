"""Promotions killed before, inside and after each write of a batch: the table is that of an undisturbed promotion."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from medallion.clock import SystemClock
from medallion.config.load import load
from medallion.events import nobody
from medallion.failpoint import VARIABLE
from medallion.silver.audit import audit
from medallion.silver.home import place
from medallion.silver.promote import promote
from medallion.stop import StopFlag
from medallion.storage.registry import open_filesystem
from medallion.testing.lake import BronzeTable
from medallion.testing.process import reached

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.jvm, pytest.mark.slow, pytest.mark.timeout(1800)]

MEDALLION = Path(sys.executable).with_name("medallion")
COLUMNS = {"id": "bigint", "v": "string", "s": "bigint", "op": "string"}


def configuration(folder: Path, lake: Path, model: str) -> Path:
    """A pipeline that promotes the Bronze table of *folder* into a lake."""
    told: dict[str, Any] = {
        "config_version": 1,
        "pipeline": "p",
        "platform": {
            "bronze": {"root": str(folder / "bronze")},
            "silver": {"root": str(lake / "silver")},
            "state": {"root": str(lake / "state")},
        },
        "silver": {
            "entity": "e",
            "bronze": {"system": "s", "table": "t", "load_pattern": "cdc"},
            "model": model,
            "keys": ["id"],
        },
    }
    if model != "periodic_snapshot":
        told["silver"] |= {"sequence_by": ["s"], "apply_as_deletes": "op = 'D'"}
    lake.mkdir(parents=True, exist_ok=True)
    path = lake / "p.yaml"
    path.write_text(yaml.safe_dump(told))
    return path


def events(batch: int) -> list[dict[str, Any]]:
    """Events of forty keys: some continue, some are late, some are deletes; and a row that has no key."""
    return [
        {"id": None, "v": "a", "s": batch, "op": "U"},
        *_of_keys(batch),
    ]


def _of_keys(batch: int) -> list[dict[str, Any]]:
    return [
        {"id": key, "v": "abc"[(key + batch * (key % 3)) % 3], "s": 10 * batch + (-15 if key % 7 == 0 else key % 5), "op": op}
        for key in range(40)
        for op in ("D" if (key + batch) % 6 == 0 else "U",)
    ]


def killed(config: Path, at: str) -> None:
    """A promotion in a process of its own that dies at a failpoint, the JVM with it."""
    environment = os.environ | {VARIABLE: at}
    run = subprocess.Popen([str(MEDALLION), "promote", str(config), "--quiet"], env=environment, start_new_session=True)
    assert run.wait(timeout=300) == -signal.SIGKILL, f"not killed at {at}"


def written(target: Path) -> int:
    """Data files of a table, committed or not."""
    return sum("_delta_log" not in path.parts for path in target.rglob("*.parquet"))


def killed_inside_the_merge(config: Path, target: Path) -> None:
    """A promotion that dies when the MERGE has written a data file and not yet committed it."""
    run = subprocess.Popen([str(MEDALLION), "promote", str(config), "--quiet"], start_new_session=True)
    files, commits = written(target), len(list((target / "_delta_log").glob("*.json")))
    assert reached(run, lambda: written(target) > files), "it ended before it was killed"
    os.killpg(run.pid, signal.SIGKILL)
    assert run.wait(timeout=60) == -signal.SIGKILL
    assert len(list((target / "_delta_log").glob("*.json"))) == commits


def promoted(spark: SparkSession, config: Path) -> tuple[list[tuple[Any, ...]], int]:
    """The table after a promotion in this process, and how many keys differ from the oracle."""
    pipeline = load(config, environ={}).pipeline
    state = open_filesystem(pipeline.platform.state.root, clock=SystemClock())
    promote(spark, pipeline, pipeline.silver[0], state, clock=SystemClock(), listener=nobody, stop=StopFlag())
    table = spark.read.format("delta").load(place(pipeline, pipeline.silver[0]).target)
    told = audit(spark, pipeline, pipeline.silver[0], sample=100)
    return sorted((tuple(row) for row in table.collect()), key=str), len(told.differences)


EVERYWHERE = ("batch.before", "batch.quarantine", "batch.journal", "inside the MERGE", "batch.target", "batch.applied")
MODELS = ("scd_type_1", "scd_type_2", "incremental_merge", "full_merge_dedupe", "periodic_snapshot")


@pytest.mark.parametrize(
    ("model", "points"),
    [
        pytest.param("scd_type_2", ("nowhere", "inside the MERGE"), id="scd_type_2-inside"),
        *[pytest.param(model, EVERYWHERE, id=f"{model}-everywhere", marks=pytest.mark.thorough) for model in MODELS],
    ],
)
def test_a_table_of_killed_promotions_is_that_of_an_undisturbed_one(
    spark: SparkSession, tmp_path: Path, model: str, points: tuple[str, ...]
) -> None:
    """One lake, one kill a batch: before, between and inside its writes, and before the checkpoint's commit."""
    bronze = BronzeTable(root=tmp_path / "bronze", columns=dict(COLUMNS))
    config = configuration(tmp_path, tmp_path / "killed", model)
    target = tmp_path / "killed/silver/domain=default/entity=e/v1"
    for batch, point in enumerate(points, start=1):
        bronze.run(events(batch), logical=datetime(2026, 1, batch, tzinfo=timezone.utc))
        if point.startswith("batch."):
            killed(config, point)
        elif point == "nowhere":
            promoted(spark, config)
        else:
            killed_inside_the_merge(config, target)
        if batch % 2 == 0:
            _, differences = promoted(spark, config)
            assert differences == 0, f"after a kill at {point}"
    table, differences = promoted(spark, config)
    assert differences == 0
    whole, _ = promoted(spark, configuration(tmp_path, tmp_path / "whole", model))
    assert table == whole


@pytest.mark.thorough
def test_current_rows_killed_between_tombstones_and_table_are_those_of_an_undisturbed_promotion(
    spark: SparkSession, tmp_path: Path
) -> None:
    """The tombstones are there, the rows not yet gone: the same batch completes it."""
    bronze = BronzeTable(root=tmp_path / "bronze", columns=dict(COLUMNS))
    config = configuration(tmp_path, tmp_path / "killed", "scd_type_1")
    bronze.run(events(1))
    promoted(spark, config)
    bronze.run(events(2), events(3))
    killed(config, "batch.journal")
    table, differences = promoted(spark, config)
    assert differences == 0
    whole, _ = promoted(spark, configuration(tmp_path, tmp_path / "whole", "scd_type_1"))
    assert table == whole


@pytest.mark.thorough
def test_a_table_in_spark_s_own_catalog_is_there_in_the_next_process(tmp_path: Path) -> None:
    """What one process promoted another one finds by its name: the catalog lasts, in the working directory."""
    bronze = BronzeTable(root=tmp_path / "bronze", columns=dict(COLUMNS))
    bronze.run(events(1))
    config = configuration(tmp_path, tmp_path / "lake", "scd_type_1")
    told = yaml.safe_load(config.read_text())
    told["platform"]["silver"] = {"catalog": "spark_catalog", "schema": "travel"}
    config.write_text(yaml.safe_dump(told))
    for command in (["promote", "--quiet"], ["verify", "--sample", "50", "--json"]):
        done = subprocess.run(
            [str(MEDALLION), command[0], str(config), *command[1:]], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    silver = json.loads(done.stdout)[-1]
    assert (silver["keys"], silver["differences"], silver["error"]) == (40, [], None)
