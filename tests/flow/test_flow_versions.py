"""The flow on the Spark and the Python that are installed, whichever they are: `make test-matrix` runs this file on all of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from medallion.demo.process import started
from medallion.testing.commandline import CommandLine
from medallion.testing.lake import BronzeTable

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.thorough]

ROOT = Path(__file__).resolve().parents[2]


def pipeline(folder: Path) -> Path:
    """The quickstart's changes and airlines, in pages, chunks and batches so small that there are several."""
    told: dict[str, Any] = yaml.safe_load((ROOT / "conf/pipelines/quickstart.yaml").read_text(encoding="utf-8"))
    told["sources"] = [source for source in told["sources"] if source["name"] in ("changes", "airlines")]
    told["silver"] = [entity for entity in told["silver"] if entity["entity"] in ("flights_history", "flights", "airlines")]
    told["sources"][0]["api"]["pagination"]["size"] = 200
    told["platform"]["bronze"]["max_rows_per_file"] = 200
    told["run"] = {"promote": {"batch": {"max_files": 2}}}
    path = folder / "quickstart.yaml"
    path.write_text(yaml.safe_dump(told), encoding="utf-8")
    return path


def test_real_flights_become_tables_in_several_batches_and_are_right(spark: SparkSession, tmp_path: Path) -> None:
    """Half a day, then half a day more; every key is held against the oracle; a third run has nothing to do."""
    config, result = str(pipeline(tmp_path)), tmp_path / "result.json"
    with started("--latency", "0") as api:
        for until in ("2013-01-01T12:00:00Z", "2013-01-02T00:00:00Z", "2013-01-02T00:00:00Z"):
            command = CommandLine(environ={**api.environment, "LAKE": str(tmp_path / "lake"), "FLIGHTS_UNTIL": until})
            said = command("run", config, "--quiet", "--result", str(result))
            assert said.status == 0, said.err
            told = {one["entity"]: one for one in json.loads(result.read_text())["entities"]}
            if until == "2013-01-01T12:00:00Z":
                assert told["flights_history"]["batches"] > 1
        assert {one["status"] for one in told.values()} == {"unchanged"}
        said = command("verify", config, "--sample", "100")
        assert said.status == 0, said.out + said.err
    assert told["flights"]["rows_in_silver"] > 0


def test_a_batch_that_failed_is_done_again_and_the_others_follow(spark: SparkSession, tmp_path: Path) -> None:
    """The second of three batches finds a chunk that was changed; when it is as it was, the same command goes on after the first."""
    bronze = BronzeTable(root=tmp_path / "bronze", columns={"id": "bigint", "v": "string", "s": "bigint"})
    bronze.run([{"id": 1, "v": "a", "s": 1}], [{"id": 1, "v": "b", "s": 2}], [{"id": 1, "v": "c", "s": 3}])
    told = {
        "config_version": 1,
        "pipeline": "p",
        "platform": {name: {"root": str(tmp_path / name)} for name in ("bronze", "silver", "state")},
        "silver": {
            "entity": "h",
            "bronze": {"system": "s", "table": "t", "load_pattern": "cdc"},
            "model": "scd_type_2",
            "keys": ["id"],
            "sequence_by": ["s"],
        },
        "run": {"promote": {"batch": {"max_files": 1}}},
    }
    config, result = tmp_path / "p.yaml", tmp_path / "result.json"
    config.write_text(yaml.safe_dump(told))
    listed = [json.loads(entry.read_text()) for entry in sorted((bronze.folder / "_log").glob("*.json"))]
    second = bronze.folder / [entry for entry in listed if entry["kind"] == "chunk"][1]["chunks"][0]["files"][0]["path"]
    whole = second.read_bytes()
    second.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    said = CommandLine()("promote", str(config), "--quiet")
    assert (said.status, "STG008" in said.err) == (5, True), said.err
    second.write_bytes(whole)
    said = CommandLine()("promote", str(config), "--quiet", "--result", str(result))
    assert said.status == 0, said.err
    assert json.loads(result.read_text())["entities"][0]["batches"] == 2
    table = spark.read.format("delta").load(f"{tmp_path}/silver/domain=default/entity=h/v1")
    assert sorted((row["v"], row["__START_AT"], row["__END_AT"]) for row in table.collect()) == [("a", 1, 2), ("b", 2, 3), ("c", 3, None)]
