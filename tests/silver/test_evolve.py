"""A column that becomes wider in Bronze becomes wider in a live table: same rows, same table, no rebuild."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from crash import crash
from test_promote import Lake, day

from medallion.errors import ChangedTableError
from medallion.silver.models import history
from medallion.silver.publish import DeltaTable

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

NARROW = {"id": "bigint", "s": "bigint", "v": "struct<a:bigint>", "w": "bigint"}
WIDE = {"id": "bigint", "s": "bigint", "v": "struct<a:string,b:bigint>", "w": "decimal(38,18)"}
EVENTS = {"keys": ["id"], "sequence_by": ["s"], "column_list": ["id", "v", "w"], "rename": {"w": "weight"}}
TABLES: dict[str, tuple[str, dict[str, Any]]] = {
    "scd_type_2": ("cdc", {"model": "scd_type_2"} | EVENTS),
    "scd_type_1": ("cdc", {"model": "scd_type_1", "partition_by": ["id"]} | EVENTS),
    "soft": ("cdc", {"model": "incremental_merge"} | EVENTS),
    "snapshots": ("full", {"model": "full_merge_dedupe", "keys": ["id"], "column_list": ["id", "v", "w"]}),
    "history of snapshots": ("full", {"model": "scd_type_2", "keys": ["id"], "track_history_column_list": ["v"]}),
    "kept runs": ("full", {"model": "periodic_snapshot", "column_list": ["id", "v", "w"]}),
}


def row(key: int, sequence: int, value: Any, weight: Any) -> dict[str, Any]:
    return {"id": key, "s": sequence, "v": value, "w": weight}


@pytest.mark.parametrize("case", [pytest.param(case, marks=[] if case == "scd_type_2" else pytest.mark.thorough) for case in TABLES])
def test_a_live_table_becomes_wider(spark: SparkSession, tmp_path: Path, case: str) -> None:
    """Rows that stay are those of before, an event that says the same continues them; a late one, and one date again, come after."""
    load_pattern, told = TABLES[case]
    told = {"entity": "e", **told}
    lake = Lake(spark, tmp_path, load_pattern)
    lake.bronze.columns = dict(NARROW)
    lake.bronze.run([row(1, 1, {"a": 1}, 1), row(2, 1, {"a": 2}, 2), row(2, 3, {"a": 2}, 3), row(3, 1, None, None)], logical=day(1))
    lake.promote(told)
    table = DeltaTable(spark=spark, path=str(lake.target("e")))
    known, parts = table.table_id(), spark.sql(f"DESCRIBE DETAIL {table.name}").collect()[0]["partitionColumns"]
    lake.bronze.evolve(WIDE)
    wide = [row(1, 5, {"a": "x", "b": 7}, "0.5"), row(2, 5, {"a": "2", "b": None}, "3"), row(2, 2, {"a": "2", "b": 1}, "9")]
    lake.bronze.run([one | {"w": None if one["w"] is None else Decimal(one["w"])} for one in wide], logical=day(2))
    lake.promote(told)
    lake.bronze.run([row(3, 6, {"a": "y", "b": None}, None)], logical=day(2))
    lake.promote(told)
    there = table.frame()
    assert there is not None
    kinds = dict(there.dtypes)
    assert (kinds["v"], kinds.get("weight", kinds.get("w"))) == ("struct<a:string,b:bigint>", "decimal(38,18)")
    assert (table.table_id(), spark.sql(f"DESCRIBE DETAIL {table.name}").collect()[0]["partitionColumns"]) == (known, parts)
    looked_at, wrong = lake.audit(told)
    assert (wrong, looked_at > 1) == (0, True)
    lake.promote(told, replay=True)
    assert lake.audit(told) == (looked_at, 0)


@pytest.mark.jvm
@pytest.mark.thorough
def test_a_process_that_dies_after_it_became_wider_goes_on(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows are the same in any type, so the batch is done again."""
    told = {"entity": "e", **TABLES["scd_type_2"][1]}
    lake = Lake(spark, tmp_path)
    lake.bronze.columns = dict(NARROW)
    lake.bronze.run([row(1, 1, {"a": 1}, 1), row(1, 2, {"a": 1}, 1)])
    lake.promote(told)
    lake.bronze.evolve(WIDE)
    lake.bronze.run([row(1, 3, {"a": "1", "b": None}, None)])
    with crash(monkeypatch, "batch.journal", history):
        lake.promote(told)
    lake.promote(told)
    assert lake.audit(told) == (1, 0)


@pytest.mark.thorough
def test_a_key_a_sequence_and_a_narrower_type_are_refused(spark: SparkSession, tmp_path: Path) -> None:
    """What orders and tells apart cannot become another in a live table; the sentence says what to do."""
    for name, kind in (("id", "string"), ("s", "string"), ("w", "boolean")):
        lake = Lake(spark, tmp_path / name)
        lake.bronze.columns = dict(NARROW)
        told = {"entity": "e", **TABLES["scd_type_1"][1], "partition_by": [], "column_list": ["id", "s", "w"]}
        lake.bronze.run([row(1, 1, None, 1)])
        lake.promote(told)
        lake.bronze.evolve(NARROW | {name: kind})
        lake.bronze.run([row(2, 2, None, 1) | {name: "5" if kind == "string" else True}])
        with pytest.raises(ChangedTableError, match="--rebuild"):
            lake.promote(told)
