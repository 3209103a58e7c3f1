"""What serverless compute refuses is not used: the flow with settings, held frames and RDDs out of reach."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
import yaml

from medallion.testing.commandline import CommandLine
from medallion.testing.lake import BronzeTable

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

COLUMNS = {"id": "bigint", "v": "string", "s": "bigint"}


@pytest.fixture
def serverless(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The session as serverless compute would have it; what was refused is listed."""
    from pyspark.errors import AnalysisException

    refused: list[str] = []

    def refuse(name: str, condition: str) -> Any:
        def call(*_: object, **__: object) -> NoReturn:
            refused.append(name)
            raise AnalysisException(f"[{condition}] {name} is not supported on serverless compute. SQLSTATE: 0A000")

        return call

    frame = type(spark.range(1))
    for name in ("persist", "cache"):
        monkeypatch.setattr(frame, name, refuse("PERSIST TABLE", "NOT_SUPPORTED_WITH_SERVERLESS"))
    monkeypatch.setattr(frame, "checkpoint", refuse("checkpoint", "NOT_SUPPORTED_WITH_SERVERLESS"))
    monkeypatch.setattr(frame, "rdd", property(refuse("rdd", "NOT_SUPPORTED_WITH_SERVERLESS")))
    for name in ("set", "unset"):
        monkeypatch.setattr(type(spark.conf), name, refuse(f"conf.{name}", "CONFIG_NOT_AVAILABLE"))
    return refused


def test_events_and_snapshots_become_tables_where_nothing_can_be_set_or_held(
    spark: SparkSession, serverless: list[str], tmp_path: Path
) -> None:
    """A history in two batches and a snapshot, promoted and verified: frames are computed again instead of held; no more is refused."""
    events = BronzeTable(root=tmp_path / "bronze", columns=dict(COLUMNS))
    events.run([{"id": 1, "v": "a", "s": 1}, {"id": 2, "v": "a", "s": 1}], logical=datetime(2026, 1, 1, tzinfo=timezone.utc))
    events.run([{"id": 1, "v": "b", "s": 2}, {"id": 2, "v": "c", "s": 0}], logical=datetime(2026, 1, 2, tzinfo=timezone.utc))
    whole = BronzeTable(root=tmp_path / "bronze", columns=dict(COLUMNS), table="u", load_pattern="full")
    whole.run([{"id": 7, "v": "x", "s": 1}], logical=datetime(2026, 1, 1, tzinfo=timezone.utc))
    told = {
        "config_version": 1,
        "pipeline": "p",
        "platform": {name: {"root": str(tmp_path / name)} for name in ("bronze", "silver", "state")},
        "silver": [
            {
                "entity": "h",
                "bronze": {"system": "s", "table": "t", "load_pattern": "cdc"},
                "model": "scd_type_2",
                "keys": ["id"],
                "sequence_by": ["s"],
            },
            {"entity": "f", "bronze": {"system": "s", "table": "u", "load_pattern": "full"}, "model": "full_merge_dedupe", "keys": ["id"]},
        ],
        "run": {"promote": {"batch": {"max_files": 1}}},
    }
    config = tmp_path / "p.yaml"
    config.write_text(yaml.safe_dump(told))
    command = CommandLine()
    said = command("promote", str(config), "--quiet")
    assert said.status == 0, said.err
    said = command("verify", str(config), "--sample", "10")
    assert said.status == 0, said.err
    table = spark.read.format("delta").load(f"{tmp_path}/silver/domain=default/entity=h/v1")
    assert sorted((row["id"], row["v"], row["__START_AT"], row["__END_AT"]) for row in table.collect()) == [
        (1, "a", 1, 2),
        (1, "b", 2, None),
        (2, "a", 1, None),
        (2, "c", 0, 1),
    ]
    assert set(serverless) <= {"PERSIST TABLE"}, "a frame that could be held is, and where it cannot the result is the same"
