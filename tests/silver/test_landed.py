"""A Bronze table as Silver reads it: rows with their position, and whether a file is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from test_promote import Lake, row

from medallion.silver import landed
from medallion.silver.landed import Landed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


@pytest.mark.parametrize("few", [32, 1], ids=["by name", "by a join"])
def test_each_row_has_the_position_of_its_file(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    """However many files there are; of two schemas, too. Without positions a row has its place in the file alone."""
    monkeypatch.setattr(landed, "FEW", few)
    lake = Lake(spark, tmp_path)
    lake.bronze.run([row(1, "a", 1), row(2, "b", 1)], [row(3, "c", 1)])
    lake.bronze.evolve({"id": "bigint", "v": "string", "s": "bigint", "op": "string", "w": "string"})
    lake.bronze.run([row(4, "d", 1) | {"w": "x"}])
    there = Landed(spark=spark, root=str(lake.bronze.folder))
    delivery = there.deliver(0, there.newest(), prev_sha256="")
    placed = there.rows(delivery.chunks)
    found = sorted(tuple(one) for one in placed.select("id", "__version", "__chunk", "__row", "w").collect())
    versions = [one.version for one in delivery.chunks]
    assert found == [
        (1, versions[0], 0, 0, None),
        (2, versions[0], 0, 1, None),
        (3, versions[1], delivery.chunks[1].chunk.ordinal, 0, None),
        (4, versions[2], delivery.chunks[2].chunk.ordinal, 0, "x"),
    ]
    assert {name: kind for name, kind in placed.dtypes if name.startswith("__")} == {
        "__row": "bigint",
        "__version": "bigint",
        "__chunk": "int",
    }
    alone = there.rows(delivery.chunks, positions=False)
    assert sorted(one["__row"] for one in alone.collect()) == [0, 0, 0, 1]
    assert {"__version", "__chunk"}.isdisjoint(alone.columns)


def test_a_file_that_comes_later_is_seen(spark: SparkSession, tmp_path: Path) -> None:
    """Also beside one that was seen before: a claim is looked for in this way."""
    folder = tmp_path / "claims"
    folder.mkdir()
    there = Landed(spark=spark, root=str(folder))
    (folder / "1.json").write_text("{}")
    assert (there.exists("1.json"), there.exists("2.json")) == (True, False)
    (folder / "2.json").write_text("{}")
    assert there.exists("2.json")


def test_parts_that_came_later_are_null_before_and_what_had_parts_becomes_its_json(spark: SparkSession, tmp_path: Path) -> None:
    """Of objects within objects and in lists, too; names may be such as SQL would not like."""
    lake = Lake(spark, tmp_path)
    lake.bronze.columns = {
        "id": "bigint",
        "o": "struct<a:bigint>",
        "l": "array<struct<`x-1`:bigint>>",
        "j": "struct<n:bigint>",
        "n": "bigint",
    }
    lake.bronze.run([{"id": 1, "o": {"a": 1}, "l": [{"x-1": 1}, None], "j": {"n": 5}, "n": 7}, {"id": 2}])
    lake.bronze.evolve(
        {"id": "bigint", "o": "struct<a:string,b:bigint>", "l": "array<struct<`x-1`:bigint,y:string>>", "j": "string", "n": "string"}
    )
    lake.bronze.run([{"id": 3, "o": {"a": "x", "b": 2}, "l": [{"x-1": 2, "y": "z"}], "j": "text", "n": "n"}])
    there = Landed(spark=spark, root=str(lake.bronze.folder))
    placed = there.rows(there.deliver(0, there.newest(), prev_sha256="").chunks)
    found = {one["id"]: one.asDict(recursive=True) for one in placed.select("id", "o", "l", "j", "n").collect()}
    assert found == {
        1: {"id": 1, "o": {"a": "1", "b": None}, "l": [{"x-1": 1, "y": None}, None], "j": '{"n":5}', "n": "7"},
        2: {"id": 2, "o": None, "l": None, "j": None, "n": None},
        3: {"id": 3, "o": {"a": "x", "b": 2}, "l": [{"x-1": 2, "y": "z"}], "j": "text", "n": "n"},
    }
