"""A shop in PostgreSQL through the whole flow: snapshots, events and history rows, by the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from medallion.testing.commandline import CommandLine
from medallion.testing.postgres import PASSWORD, USER, postgres

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PIPELINE = """
config_version: 1
pipeline: shop
platform:
  bronze: {{root: "{lake}/bronze"}}
  silver: {{root: "{lake}/silver"}}
  state: {{root: "{lake}/_state"}}
defaults:
  system: shop
  type: db
  db: {{url: "{url}", user: {user}, password: secret:env:SHOP_PASSWORD}}
sources:
  - name: orders
    table: orders
    load_pattern: cdc
    db: {{table: orders, partition: {{num_partitions: 2}}, incremental: {{cursor_field: at, initial_value: 2020-01-01}}}}
  - {{name: rates, table: rates, load_pattern: full, db: {{table: rates}}}}
  - name: prices
    table: prices
    load_pattern: current_history
    db: {{query: SELECT * FROM prices, incremental: {{cursor_field: since, initial_value: 2020-01-01}}}}
silver:
  - {{entity: orders, source: orders, model: scd_type_1, keys: [id], sequence_by: [at], apply_as_deletes: "gone"}}
  - {{entity: rates, source: rates, model: full_merge_dedupe, keys: [code]}}
  - {{entity: prices, source: prices, model: scd_type_2, keys: [item], sequence_by: [since]}}
"""
TABLES = """
CREATE TABLE orders (id int PRIMARY KEY, total numeric(8,2), gone boolean DEFAULT false, at timestamptz);
INSERT INTO orders SELECT g, g * 1.5, false, timestamptz '2020-01-01' + g * interval '1 hour' FROM generate_series(1, 6) g;
CREATE TABLE rates (code text PRIMARY KEY, rate numeric(6,3)); INSERT INTO rates VALUES ('EUR', 1), ('USD', 1.1), ('GBP', 0.8);
CREATE TABLE prices (item text, price int, since timestamp);
INSERT INTO prices VALUES ('tea', 3, '2020-01-01'), ('tea', 4, '2020-02-01'), ('rum', 9, '2020-01-05');
"""
CHANGES = """
UPDATE orders SET total = 99, at = '2020-03-01' WHERE id = 1; UPDATE orders SET gone = true, at = '2020-03-02' WHERE id = 2;
DELETE FROM rates WHERE code = 'GBP'; INSERT INTO prices VALUES ('tea', 5, '2020-03-01');
"""


@pytest.mark.spark
@pytest.mark.thorough
def test_a_database_becomes_tables_and_follows_it(spark: SparkSession, tmp_path: Path) -> None:
    """Two runs with changes between them: updates, a deleted row, a row that is absent, a longer history; then nothing new to Bronze."""
    command = CommandLine(environ={"SHOP_PASSWORD": PASSWORD})
    file, told = tmp_path / "shop.yaml", tmp_path / "result.json"
    with postgres() as server:
        server.sql(TABLES)
        file.write_text(PIPELINE.format(lake=tmp_path / "lake", url=server.url, user=USER), encoding="utf-8")
        planned = command("plan", str(file))
        assert "table orders, 2 ranges of the primary key" in planned.out
        assert f"{USER}, secret:env:SHOP_PASSWORD" in planned.out
        first = command("run", str(file), "--result", str(told))
        assert first.status == 0, first.err
        assert {one["source"]: one["rows"] for one in json.loads(told.read_text())["sources"]} == {"orders": 6, "rates": 3, "prices": 3}
        server.sql(CHANGES)
        second = command("run", str(file))
        assert second.status == 0, second.err
    assert PASSWORD not in first.out + first.err + second.out + second.err + planned.out

    def table(entity: str, *columns: str) -> list[tuple[Any, ...]]:
        found = spark.read.format("delta").load(next((tmp_path / "lake/silver").glob(f"*/entity={entity}/v1")).as_posix())
        return sorted(tuple(row) for row in found.selectExpr(*columns).collect())

    assert table("orders", "id", "CAST(total AS double)") == [(1, 99.0), (3, 4.5), (4, 6.0), (5, 7.5), (6, 9.0)]
    assert table("rates", "code") == [("EUR",), ("USD",)]
    assert table("prices", "item", "price", "__END_AT IS NULL") == [
        ("rum", 9, True),
        ("tea", 3, False),
        ("tea", 4, False),
        ("tea", 5, True),
    ]
    away = command("extract", str(file), "--select", "rates")
    assert away.status == 4
    assert "cannot be reached" in away.err
    verified = command("verify", str(file))
    assert verified.status == 0, verified.out + verified.err
    assert "2020-03-02" in command("status", str(file)).out
