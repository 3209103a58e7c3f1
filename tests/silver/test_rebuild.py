"""--rebuild: a table made again beside the old one and put in its place by one commit, whatever it was before and wherever it dies."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from test_promote import CURRENT, Lake, day, row

from medallion.clock import SystemClock
from medallion.errors import ChangedTableError, DifferenceError, SnapshotError, StateError
from medallion.events import nobody
from medallion.silver import rebuild as rebuilding
from medallion.silver.audit import Audit, Difference
from medallion.silver.promoted import Promoted
from medallion.silver.publish import DeltaTable
from medallion.silver.rebuild import rebuild
from medallion.stop import StopFlag
from medallion.storage.registry import open_filesystem

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.thorough]

HISTORIC = {**CURRENT, "model": "scd_type_2", "partition_by": ["v"]}


def again(lake: Lake, told: dict[str, Any]) -> Promoted:
    """The entity's table, made again."""
    pipeline, silver = lake.pipeline(told), open_filesystem(str(lake.folder / "silver"), clock=SystemClock())
    options: dict[str, Any] = {"clock": SystemClock(), "listener": nobody, "stop": StopFlag()}
    return rebuild(lake.spark, pipeline, pipeline.silver[0], lake.state, silver, **options)


def test_a_table_becomes_another_model_by_one_commit(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong is not put in place; a process that dies on the way leaves a whole table and a mark; then it goes on as any table."""
    lake = Lake(spark, tmp_path)
    lake.bronze.run([row(1, "a", 10), row(2, "b", 10), row(None, "x", 1)], [row(1, "c", 20), row(2, None, 20, "D")])
    lake.promote(CURRENT)
    with pytest.raises(ChangedTableError, match="--rebuild"):
        lake.promote(HISTORIC)
    table = DeltaTable(spark=spark, path=str(lake.target("c")))
    before = table.version()

    with monkeypatch.context() as wrong:
        difference = Difference(key=(1,), expected=(), found=())
        wrong.setattr(rebuilding, "audit", lambda *_, **__: Audit(entity="c", versions=1, keys=1, differences=(difference,)))
        with pytest.raises(DifferenceError, match="the old table stays"):
            again(lake, HISTORIC)
    assert (table.version(), lake.rows(CURRENT)) == (before, [(1, "c", 20)])

    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    history = [(1, "a", 10, 10, 20), (1, "c", 20, 20, None), (2, "b", 10, 10, 20)]
    with monkeypatch.context() as killed:
        killed.setattr(rebuilding, "_follow", dies)
        with pytest.raises(KeyboardInterrupt):
            again(lake, HISTORIC)
    assert (table.version(), lake.rows(HISTORIC)) == (before + 1, history)
    for told in (CURRENT, HISTORIC):
        with pytest.raises(StateError, match="--rebuild again"):
            lake.promote(told)

    done = again(lake, HISTORIC)
    assert (done.entity, done.rows, done.quarantined, done.table_rows) == ("c", 5, 1, 3)
    assert lake.rows(HISTORIC) == history
    assert not [path for path in tmp_path.rglob("*__rebuild_*/**/*") if path.is_file()]
    lake.bronze.run([row(2, "late", 15), row(1, "d", 30)])
    assert lake.promote(HISTORIC).batches == 1
    assert lake.rows(HISTORIC) == [
        (1, "a", 10, 10, 20),
        (1, "c", 20, 20, 30),
        (1, "d", 30, 30, None),
        (2, "b", 10, 10, 15),
        (2, "late", 15, 15, 20),
    ]
    assert lake.audit(HISTORIC) == (2, 0)
    assert spark.sql(f"DESCRIBE DETAIL {table.name}").collect()[0]["partitionColumns"] == ["v"]


@pytest.mark.parametrize("model", ["scd_type_2", "full_merge_dedupe"])
def test_a_snapshot_of_an_earlier_date_comes_in_its_place(spark: SparkSession, tmp_path: Path, model: str) -> None:
    """It is refused, until all are folded again by their dates; after that the table goes on, and a replay changes nothing."""
    lake = Lake(spark, tmp_path, "full")
    told = {"entity": "s", "model": model, "keys": ["id"], "column_list": ["id", "v"]}
    for at, values in ((1, "ab"), (3, "a"), (5, "xb")):
        lake.bronze.run([row(key, v, 1) for key, v in enumerate(values)], logical=day(at))
    lake.promote(told)
    lake.bronze.run(same_as="r7", rows=2, logical=day(7))
    lake.bronze.run([row(0, "y", 1)], logical=day(3))
    lake.bronze.run([row(0, "z", 1)], logical=day(6))
    before = lake.rows(told)
    for _ in range(2):
        with pytest.raises(SnapshotError, match="--rebuild"):
            lake.promote(told)
    assert lake.rows(told) == before

    again(lake, told)
    days = {n: day(n).replace(tzinfo=None) for n in range(1, 9)}
    history = [
        *[(0, "a", days[1], days[3]), (0, "y", days[3], days[5]), (0, "x", days[5], days[6]), (0, "z", days[6], days[7])],
        *[(0, "x", days[7], None), (1, "b", days[1], days[3]), (1, "b", days[5], days[6]), (1, "b", days[7], None)],
    ]
    wanted = sorted(history, key=str) if model == "scd_type_2" else [(0, "x"), (1, "b")]
    assert lake.rows(told) == wanted
    assert lake.audit(told) == (2, 0)
    lake.promote(told, replay=True)
    assert lake.rows(told) == wanted

    lake.bronze.run([row(0, "x", 1)], logical=day(8))
    assert lake.promote(told).batches == 1
    ended = [(*one[:3], one[3] or days[8]) if model == "scd_type_2" and one[0] == 1 else one for one in wanted]
    assert lake.rows(told) == (sorted(ended, key=str) if model == "scd_type_2" else [(0, "x")])
    assert lake.audit(told) == (2, 0)


def test_a_table_whose_folder_was_removed_is_made_again_in_the_same_process(spark: SparkSession, tmp_path: Path) -> None:
    """A session remembers tables by their path: neither making nor appending goes by what it remembers."""
    table, rows = DeltaTable(spark=spark, path=str(tmp_path / "t")), spark.createDataFrame([(1,)], "a bigint")
    for _ in range(2):
        table.ensure(rows.schema)
        table.append(rows)
        shutil.rmtree(tmp_path / "t")
        table.append(rows)
        found = table.frame()
        assert found is not None
        assert [tuple(row) for row in found.collect()] == [(1,)]
        shutil.rmtree(tmp_path / "t")
