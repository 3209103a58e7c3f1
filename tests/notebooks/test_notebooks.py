"""The notebooks run as they stand, in the session that is there, on real flights; Gold is what Silver says, whole or by its changes."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from medallion.demo.process import started

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.jvm, pytest.mark.slow, pytest.mark.thorough]

ROOT = Path(__file__).resolve().parents[2]


class Widgets:
    """What a notebook of Databricks asks for its parameters; this one has been filled in."""

    def __init__(self, **values: str) -> None:
        self.values = values

    def text(self, name: str, default: str) -> None:
        self.values.setdefault(name, default)

    def get(self, name: str) -> str:
        return self.values[name]


def run(name: str, **names: Any) -> dict[str, Any]:
    """What a notebook defined when its last cell was done; *names* are there before its first."""
    return runpy.run_path(str(ROOT / "notebooks" / f"{name}.py"), run_name="__main__", init_globals=names)


def pipeline(folder: Path) -> Path:
    """The quickstart's file with the changes and the flights alone: a small part of it stands for the whole."""
    told = yaml.safe_load((ROOT / "conf/pipelines/quickstart.yaml").read_text(encoding="utf-8"))
    told["sources"] = [source for source in told["sources"] if source["name"] == "changes"]
    told["silver"] = [entity for entity in told["silver"] if entity["entity"] == "flights"]
    path = folder / "quickstart.yaml"
    path.write_text(yaml.safe_dump(told), encoding="utf-8")
    return path


def test_the_notebooks_do_what_they_say(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A day of flights to Silver and verified; then Gold from it; then half a day more, of which Gold takes the changes alone."""
    monkeypatch.setenv("LAKE", str(tmp_path / "lake"))
    config = str(pipeline(tmp_path))
    with started("--latency", "0") as api:
        for name, value in api.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("FLIGHTS_UNTIL", "2013-01-02T00:00:00Z")
        shown = run("quickstart", dbutils=SimpleNamespace(widgets=Widgets(config=config)))
        assert shown["spark"].sparkContext.applicationId == spark.sparkContext.applicationId
        assert "right" in capfd.readouterr().out
        monkeypatch.setenv("PIPELINE", config)
        first = run("gold_change_feed")
        assert spark.read.format("delta").load(first["gold"]).count() > 0
        monkeypatch.setenv("FLIGHTS_UNTIL", "2013-01-02T12:00:00Z")
        second = run("gold_change_feed")
        assert "0 groups counted" in capfd.readouterr().out
        second["entry_point"](["run", second["CONFIG"], "--quiet"])
        assert 0 < second["follow"]() < 10
    silver = spark.read.format("delta").load(second["flights"])
    gold = spark.read.format("delta").load(second["gold"])
    assert gold.count() > 0
    assert second["departures"](silver).exceptAll(gold).count() == gold.exceptAll(second["departures"](silver)).count() == 0
