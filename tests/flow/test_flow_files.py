"""Files through the whole flow: a folder of CSV and a snapshot of JSON lines, by the command line, landed as CSV chunks."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from medallion.testing.commandline import CommandLine

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PIPELINE = """
config_version: 1
pipeline: shop
platform:
  bronze: {{root: "{folder}/lake/bronze", formats: [csv]}}
  silver: {{root: "{folder}/lake/silver"}}
  state: {{root: "{folder}/lake/_state"}}
defaults: {{system: shop, type: file}}
sources:
  - name: orders
    table: orders
    load_pattern: cdc
    schema: "id BIGINT, at TIMESTAMP, total DECIMAL(8,2)"
    file: {{path: "{folder}/orders/**/*.csv", format: csv, file_column: source_file}}
  - {{name: items, table: items, load_pattern: full, file: {{path: "{folder}/items.jsonl", format: jsonl}}}}
silver:
  - {{entity: orders, source: orders, model: scd_type_1, keys: [id], sequence_by: [at]}}
  - {{entity: items, source: items, model: full_merge_dedupe, keys: [sku]}}
"""


def put(path: Path, text: str, at: int) -> None:
    """A file that was written *at* some time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    os.utime(path, (1_700_000_000 + at, 1_700_000_000 + at))


@pytest.mark.thorough
@pytest.mark.spark
def test_files_become_tables_and_follow_their_folder(spark: SparkSession, tmp_path: Path) -> None:
    """Two runs: a new file, one that was written again, a line that is none, an item that is gone; then nothing is new."""
    command, file, told = CommandLine(environ={}), tmp_path / "shop.yaml", tmp_path / "result.json"
    file.write_text(PIPELINE.format(folder=tmp_path), encoding="utf-8")
    put(tmp_path / "orders/2026/a.csv", "id,at,total\n1,2026-01-01T00:00:00Z,1.50\n2,2026-01-01T00:00:00Z,2\n3\n", 1)
    put(tmp_path / "items.jsonl", '{"sku": "lamp", "tags": ["new", null]}\n{"sku": "rug", "tags": []}\n', 1)
    planned, seen = command("plan", str(file)), command("preview", str(file))
    assert "csv files in" in planned.out
    assert "the oldest of 1" in seen.out
    assert "2026-01-01T00:00:00Z" in seen.out
    first = command("run", str(file), "--result", str(told))
    assert first.status == 0, first.err
    assert {one["source"]: one["rows"] for one in json.loads(told.read_text())["sources"]} == {"orders": 3, "items": 2}
    put(tmp_path / "orders/2026/b.csv", "total,id,at,note\n9.99,1,2026-01-02T00:00:00Z,\\N\n", 2)
    put(tmp_path / "orders/2026/a.csv", "id,at,total\n2,2026-01-01T12:00:00Z,2.25\n", 3)
    put(tmp_path / "items.jsonl", '{"sku": "rug", "tags": null}\n', 3)
    second = command("run", str(file), "--result", str(told))
    assert second.status == 0, second.err
    assert {one["source"]: one["rows"] for one in json.loads(told.read_text())["sources"]} == {"orders": 2, "items": 1}

    def table(entity: str, *columns: str) -> list[tuple[Any, ...]]:
        found = spark.read.format("delta").load(next((tmp_path / "lake/silver").glob(f"*/entity={entity}/v1")).as_posix())
        return sorted(tuple(row) for row in found.selectExpr(*columns).collect())

    assert table("orders", "id", "CAST(total AS STRING)", "source_file", "note") == [
        (1, "9.99", "2026/b.csv", "\\N"),
        (2, "2.25", "2026/a.csv", None),
    ]
    assert table("items", "sku", "tags") == [("rug", None)]
    aside = command("quarantine", "list", str(file))
    assert "NULL_KEY" in aside.out
    verified = command("verify", str(file))
    assert verified.status == 0, verified.out + verified.err
    assert not list((tmp_path / "lake/bronze").rglob("*.parquet"))
    third = command("extract", str(file), "--select", "orders", "--result", str(told))
    assert (third.status, json.loads(told.read_text())["sources"][0]["status"]) == (0, "unchanged")
