"""A promotion by a process without a JVM: commands in the environment of the extra `connect`, against a real Spark Connect server."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from medallion.testing.connect import connect_server
from medallion.testing.lake import BronzeTable

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.thorough]

CLIENT = Path(__file__).resolve().parents[2] / ".venv-connect" / "bin"
COLUMNS = {"id": "bigint", "v": "string", "s": "bigint", "op": "string"}
HISTORY = {"model": "scd_type_2", "keys": ["id"], "sequence_by": ["s"], "apply_as_deletes": "op = 'D'"}


def configuration(folder: Path) -> Path:
    """Two histories: one that is made, and one with a row that must not be published."""
    told: dict[str, Any] = {
        "config_version": 1,
        "pipeline": "p",
        "platform": {
            "bronze": {"root": str(folder / "bronze")},
            "silver": {"root": str(folder / "silver")},
            "state": {"root": str(folder / "state")},
        },
        "silver": [
            HISTORY | {"entity": "good", "bronze": {"system": "s", "table": "good", "load_pattern": "cdc"}},
            HISTORY
            | {
                "entity": "bad",
                "bronze": {"system": "s", "table": "bad", "load_pattern": "cdc"},
                "expectations": [{"name": "v_known", "expr": "v IS NOT NULL", "action": "fail"}],
            },
        ],
        "run": {"promote": {"batch": {"max_files": 1}, "side_by_side": 1}},
    }
    path = folder / "p.yaml"
    path.write_text(yaml.safe_dump(told))
    return path


def events(*, missing: int = 0) -> list[dict[str, Any]]:
    """Events of ten keys; *missing* of them have no value."""
    return [{"id": key, "v": None if key < missing else "ab"[key % 2], "s": key % 3, "op": "U"} for key in range(10)]


def command(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    """How a command ended that has no Spark but the server's, and no Java."""
    environment = {key: value for key, value in os.environ.items() if key != "JAVA_HOME"} | {"SPARK_REMOTE": url}
    return subprocess.run([CLIENT / "medallion", *words], env=environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.skipif(not (CLIENT / "medallion").exists(), reason="the environment for Spark Connect is missing: make connect")
def test_a_failing_batch_ends_a_command_with_its_own_error_and_the_other_table_is_made(tmp_path: Path) -> None:
    """Over Connect: a history in two batches, and one whose rule fails in the server's process; then the first verified."""
    good, bad = (BronzeTable(root=tmp_path / "bronze", columns=dict(COLUMNS), table=name) for name in ("good", "bad"))
    good.run(events(), [{"id": 1, "v": "c", "s": 5, "op": "U"}, {"id": 2, "v": None, "s": 5, "op": "D"}])
    bad.run(events(missing=1))
    config, result = str(configuration(tmp_path)), tmp_path / "result.json"
    with connect_server(python=CLIENT / "python") as url:
        done = command(url, "promote", config, "--quiet", "--result", str(result))
        verified = command(url, "verify", config, "--select", "good", "--sample", "20", "--json")
        hadoop = command(url, "promote", config, "--quiet", "--set", "platform.bronze.storage_backend=hadoop")
    told = json.loads(result.read_text())
    by_name = {one["entity"]: one for one in told["entities"]}
    assert done.returncode == told["exit_status"] == 6, done.stderr
    assert by_name["bad"]["error"]["code"] == "QUAL005"
    assert "v_known" in by_name["bad"]["error"]["sentence"]
    assert "[QUAL005]" in done.stderr
    assert not list(tmp_path.glob("silver/*/entity=bad/v1/*.parquet"))
    assert (by_name["good"]["status"], by_name["good"]["batches"], by_name["good"]["rows"]) == ("done", 2, 12)
    (silver,) = [one for one in json.loads(verified.stdout) if (one["subject"], one["kind"]) == ("good", "silver")]
    assert (silver["keys"], silver["differences"], silver["error"]) == (10, [], None), verified.stdout
    assert hadoop.returncode == 5
    assert "Spark Connect" in hadoop.stderr
