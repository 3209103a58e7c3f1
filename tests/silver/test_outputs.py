"""Where a table goes: laid out as asked, in a catalog by name, written out as whole exports."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import date, datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from test_promote import CURRENT, HISTORY, Lake, row

from medallion.clock import SystemClock
from medallion.config.pipeline import Pipeline
from medallion.errors import ChangedTableError, ConfigError, TableRolledBackError
from medallion.events import Noticed
from medallion.silver import export
from medallion.silver.maintain import maintain

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.thorough]


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> Lake:
    return Lake(spark, tmp_path)


class CatalogLake(Lake):
    """A lake whose Silver tables are in Spark's own catalog."""

    schema = "select"

    def pipeline(self, entity: dict[str, Any], **run: Any) -> Pipeline:
        made = super().pipeline(entity, **run)
        silver = {"catalog": "spark_catalog", "schema": self.schema, "exports": {"root": str(self.folder / "out")}}
        return Pipeline.model_validate(made.model_dump(by_alias=True) | {"platform": made.platform.model_dump() | {"silver": silver}})


def detail(lake: Lake, name: str) -> Any:
    return lake.spark.sql(f"DESCRIBE DETAIL {name}").collect()[0]


def test_columns_of_partition_and_clustering_and_properties_are_those_asked_for(lake: Lake) -> None:
    """They are there from the first write, may change later where Delta can, and a column that is not there is named."""
    lake.bronze.run([row(1, "a b", 10), row(2, "it's", 10)])
    parted = {**CURRENT, "partition_by": ["v"], "change_data_feed": True, "table_properties": {"note": "it's \\ours"}}
    lake.promote(parted)
    found = detail(lake, f"delta.`{lake.target('c')}`")
    assert (found["partitionColumns"], found["properties"]["delta.enableChangeDataFeed"], found["properties"]["note"]) == (
        ["v"],
        "true",
        "it's \\ours",
    )
    clustered = {**HISTORY, "cluster_by": ["id"]}
    lake.promote(clustered)
    assert detail(lake, f"delta.`{lake.target('h')}`")["clusteringColumns"] == ["id"]
    lake.bronze.run([row(1, "c", 20)])
    with pytest.raises(ChangedTableError):
        lake.promote(CURRENT)
    lake.promote({**clustered, "cluster_by": ["v"], "change_data_feed": True})
    found = detail(lake, f"delta.`{lake.target('h')}`")
    assert (found["clusteringColumns"], found["properties"]["delta.enableChangeDataFeed"]) == (["v"], "true")
    assert lake.rows(clustered) == [(1, "a b", 10, 10, 20), (1, "c", 20, 20, None), (2, "it's", 10, 10, None)]
    with pytest.raises(ConfigError, match="no column 'w'"):
        lake.promote({**CURRENT, "entity": "d", "cluster_by": ["w"]})


def test_a_table_in_a_catalog_is_what_it_is_at_a_path(spark: SparkSession, tmp_path: Path) -> None:
    """Made, merged, widened, replayed, verified by its name; unusual names are quoted; a lost table is noticed."""
    lake = CatalogLake(spark, tmp_path)
    try:
        name = f"spark_catalog.`{lake.schema}`.h"
        lake.bronze.run([row(1, "a", 10)])
        lake.promote(HISTORY)
        lake.bronze.evolve({**lake.bronze.columns, "odd`name": "string"})
        lake.bronze.run([{**row(1, "b", 20), "odd`name": "x"}])
        lake.promote(HISTORY)
        assert spark.table(name).select("id", "v", "__START_AT", "`odd``name`").orderBy("__START_AT").collect() == [
            (1, "a", 10, None),
            (1, "b", 20, "x"),
        ]
        assert lake.promote(HISTORY, replay=True).inserted == 0
        assert lake.audit(HISTORY) == (1, 0)
        second = {**HISTORY, "version": 2, "partition_by": ["id"]}
        lake.promote(second)
        assert detail(lake, f"spark_catalog.`{lake.schema}`.h_v2")["partitionColumns"] == ["id"]
        snapshot = {"entity": "p", "model": "periodic_snapshot", "exports": ["csv"]}
        lake.promote(snapshot)
        assert spark.table(f"spark_catalog.`{lake.schema}`.p").groupBy("snapshot_date").count().collect() == [(date(2026, 1, 1), 2)]
        assert (tmp_path / "out/domain=default/entity=p/export/_current.json").is_file()
        spark.sql(f"DROP TABLE {name}")
        with pytest.raises(TableRolledBackError, match="is gone"):
            lake.promote(HISTORY)
    finally:
        spark.sql(f"DROP SCHEMA IF EXISTS spark_catalog.`{lake.schema}` CASCADE")


EXPORTED = {**CURRENT, "except_column_list": ["op"], "exports": ["parquet", "csv"]}


def exported(lake: Lake) -> Path:
    return lake.folder / "silver/domain=default/entity=c/export"


def current(lake: Lake) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((exported(lake) / "_current.json").read_text())
    return found


def csv_rows(folder: Path) -> list[list[str]]:
    """Raw fields of all CSV files, headers left out."""
    found: list[list[str]] = []
    for file in sorted(folder.glob("*.csv")):
        with file.open(newline="", encoding="utf-8") as lines:
            found += list(csv.reader(lines))[1:]
    return sorted(found)


def numbers(lake: Lake) -> list[int]:
    return sorted(int(folder.name) for folder in exported(lake).iterdir() if folder.name.isdigit())


def test_each_change_is_a_new_export_and_no_change_is_none(lake: Lake) -> None:
    """`_current.json` and the link name the newest; two are kept; a replay, an OPTIMIZE and nothing new write none."""
    lake.bronze.run([row(1, 'a "b",\n\\c', 10), row(2, None, 10), row(3, "", 10)])
    lake.promote(EXPORTED)
    assert (current(lake)["export"], (exported(lake) / "current").resolve().name) == (1, "1")
    assert csv_rows(exported(lake) / current(lake)["formats"]["csv"]) == [
        ["1", 'a "b",\n\\c', "10", "\\N"],
        ["2", "\\N", "10", "\\N"],
        ["3", "", "10", "\\N"],
    ]
    text = "".join(file.read_text() for file in (exported(lake) / "current/csv").glob("*.csv"))
    assert '"2","\\N","10","\\N"' in text
    assert '"3","","10","\\N"' in text
    table = lake.spark.read.parquet(str(exported(lake) / "current/parquet"))
    assert sorted(map(tuple, table.select("id", "v").collect())) == [(1, 'a "b",\n\\c'), (2, None), (3, "")]
    assert "__event" not in table.columns
    lake.spark.sql(f"OPTIMIZE delta.`{lake.target('c')}`")
    lake.promote(EXPORTED, replay=True)
    lake.promote(EXPORTED)
    assert numbers(lake) == [1]
    for sequence in (20, 30):
        lake.bronze.run([row(1, "c", sequence)])
        lake.promote(EXPORTED)
    assert (numbers(lake), current(lake)["whole"], (exported(lake) / "current").resolve().name) == ([2, 3], [2, 3], "3")


class Crash(Exception):
    """A process that dies, as far as one can in a test that goes on."""


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def at(point: str) -> None:
        def dies(name: str) -> None:
            if name == point:
                raise Crash

        monkeypatch.setattr(export, "failpoint", dies)

    return at


def test_an_export_that_is_killed_leaves_the_one_before_current(lake: Lake, killed: Callable[[str], None]) -> None:
    """Whatever the process was at, readers see a whole export; the next promotion, even with nothing new, completes it."""
    lake.bronze.run([row(1, "a", 10)])
    lake.promote(EXPORTED)
    lake.bronze.run([row(1, "b", 20)])
    killed("export.written")
    with pytest.raises(Crash):
        lake.promote(EXPORTED)
    assert (current(lake)["export"], csv_rows(exported(lake) / "1/csv")[0][1]) == (1, "a")
    killed("nowhere")
    lake.promote(EXPORTED)
    assert (current(lake)["export"], csv_rows(exported(lake) / "current/csv")[0][1]) == (3, "b")
    assert numbers(lake) == [1, 3]
    lake.bronze.run([row(1, "c", 30)])
    killed("export.current")
    with pytest.raises(Crash):
        lake.promote(EXPORTED)
    assert current(lake)["export"] == 4
    killed("nowhere")
    lake.promote(EXPORTED)
    assert current(lake)["export"] == 4


def test_nested_values_and_instants_are_text_in_csv(spark: SparkSession) -> None:
    """Structs and lists are JSON with their nulls, bytes are base64."""
    rows = spark.createDataFrame(
        [(("x", None), [1, None], bytearray(b"ab"), datetime(2026, 1, 1, tzinfo=timezone.utc))],
        "s struct<a:string,b:string>, l array<int>, b binary, t timestamp",
    )
    assert tuple(export.as_text(rows).collect()[0])[:3] == ('{"a":"x","b":null}', "[1,null]", "YWI=")


def test_upkeep_joins_small_files_and_changes_no_row(lake: Lake) -> None:
    """A dry run counts, upkeep optimises table and state under the claim of a promotion; the next promotion goes on as ever."""
    for sequence in (10, 20):
        lake.bronze.run([row(sequence, "a", sequence)])
        lake.promote(CURRENT)
    pipeline = lake.pipeline(CURRENT)
    before = lake.rows(CURRENT)
    counted = maintain(lake.spark, pipeline, pipeline.silver[0], lake.state, dry_run=True, clock=SystemClock())
    assert [kept.removable for kept in counted] == [0, 0]
    done = maintain(lake.spark, pipeline, pipeline.silver[0], lake.state, dry_run=False, clock=SystemClock())
    assert [(kept.table.rsplit("/", 1)[-1], kept.joined, kept.written) for kept in done] == [("v1", 2, 1), ("applied", 2, 1)]
    assert lake.rows(CURRENT) == before
    heard: list[Any] = []
    lake.bronze.run([row(30, "a", 30)])
    assert lake.promote(CURRENT, listener=heard.append).rows == 1
    assert not [event for event in heard if isinstance(event, Noticed)]
