"""Snapshots on real Delta against the oracle: whatever each of a series holds, and however they are promoted, one table comes of it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from crash import crash
from test_ledger import HISTORIES
from test_promote import Lake, day

from medallion.silver import batch
from medallion.silver.models import ledger
from medallion.testing.fold import Event, current, history, merged

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

CASES: dict[str, dict[str, Any]] = {
    "full_merge_dedupe": {"model": "full_merge_dedupe"},
    "scd_type_2": {"model": "scd_type_2"},
    "scd_type_2, tracked": {"model": "scd_type_2", "track_history_column_list": ["v"], "rename": {"id": "k", "w": "x"}},
    "scd_type_2, nulls": {"model": "scd_type_2", "ignore_null_updates": True},
    "incremental_merge": {"model": "incremental_merge"},
    "incremental_merge, hard": {"model": "incremental_merge", "deletes": "hard", "rename": {"id": "k"}},
    "incremental_merge, ignored": {"model": "incremental_merge", "deletes": "ignore"},
}
PASSES = {"name": "passes", "expr": "v <> 'x'", "action": "quarantine"}
DAYS = (1, 2, 2, 2, 3, 4, 5, 5)
"""Of which the snapshots are: where two are of one day the later replaces the earlier."""
PROMOTED = (1, 2, 4, 7)
"""After so many snapshots the table is brought up to date, besides at the end."""

Snapshot = dict[int, tuple[str, int | None]]
"""Values by key; a row with an x is set aside."""


def series(chance: random.Random) -> list[Snapshot]:
    """A snapshot for each of :data:`DAYS`; keys come, change, go and come again, and now and then a row does not pass."""
    return [{key: (chance.choice("aabbx"), chance.choice((1, 2, None))) for key in range(HISTORIES) if chance.random() < 0.7} for _ in DAYS]


def events(snapshots: Sequence[Snapshot], key: int) -> Iterator[Event]:
    """What a series says of one key: the last snapshot of each day, absence being a delete where it was there before."""
    there = False
    for at, snapshot in dict(zip(DAYS, snapshots, strict=True)).items():
        v, w = snapshot.get(key, (None, None))
        if v == "x":
            continue
        if v is not None:
            yield Event(key=key, sequence=at, values={"v": v, "w": w}, position=(at, 0, 0))
        elif there:
            yield Event(key=key, sequence=at, delete=True, values={}, position=(at, 0, 0))
        there = v is not None


def expected(snapshots: Sequence[Snapshot], entity: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """The rows of the table by the oracle: key, values, and the days of its range or of its mark."""
    for key in range(HISTORIES):
        told = list(events(snapshots, key))
        if entity["model"] == "scd_type_2":
            ignored = ("v", "w") if "ignore_null_updates" in entity else ()
            rows = history(told, tracked=entity.get("track_history_column_list"), ignored=ignored)
            yield from ((key, *row.event.values.values(), row.start, row.end) for row in rows)
        elif "deletes" in entity or entity["model"] == "full_merge_dedupe":
            if (now := current([one for one in told if entity.get("deletes") != "ignore" or not one.delete])) is not None:
                yield (key, *now.values.values())
        elif (marked := merged(told)) is not None:
            yield (key, *marked[0].values.values(), marked[1])


@pytest.mark.thorough
@pytest.mark.parametrize("case", CASES)
def test_a_series_of_snapshots_gives_the_table_that_the_oracle_gives(spark: SparkSession, tmp_path: Path, case: str) -> None:
    """Some are promoted one by one and some together; a snapshot that comes twice, and a replay, change nothing."""
    lake = Lake(spark, tmp_path, "full")
    lake.bronze.columns = {"id": "bigint", "v": "string", "w": "bigint"}
    entity = {"entity": "s", "keys": ["id"], "column_list": ["id", "v", "w"], "expectations": [PASSES], **CASES[case]}
    snapshots = series(random.Random(case))
    for number, (at, snapshot) in enumerate(zip(DAYS, snapshots, strict=True), start=1):
        rows = [{"id": key, "v": v, "w": w} for key, (v, w) in snapshot.items()]
        lake.bronze.run(rows[::2], rows[1::2], logical=day(at))
        if number in PROMOTED:
            lake.promote(entity)
    lake.promote(entity)
    wanted = sorted(expected(snapshots, entity), key=str)
    assert found(lake, entity) == wanted
    assert lake.audit(entity) == (100, 0)
    lake.bronze.run([{"id": key, "v": v, "w": w} for key, (v, w) in snapshots[-1].items()], logical=day(DAYS[-1]))
    lake.promote(entity)
    assert found(lake, entity) == wanted
    lake.promote(entity, replay=True)
    assert found(lake, entity) == wanted


def found(lake: Lake, entity: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The table's rows; instants as the day of the month."""
    return sorted((tuple(v.day if isinstance(v, datetime) else v for v in row) for row in lake.rows(entity)), key=str)


@pytest.mark.jvm
@pytest.mark.parametrize("point", ["batch.journal", pytest.param("batch.target", marks=pytest.mark.thorough)])
def test_a_snapshot_that_replaces_another_does_so_after_a_crash_too(
    spark: SparkSession, tmp_path: Path, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the replaced one alone had is gone without a mark, and what it alone lacked was never deleted."""
    lake = Lake(spark, tmp_path, "full")
    lake.bronze.columns = {"id": "bigint", "v": "string"}
    entity = {"entity": "s", "model": "incremental_merge", "keys": ["id"], "column_list": ["id", "v"]}
    for at, snapshot in ((1, "1a 2b 4d"), (2, "1a 3c 4d"), (3, "1a 3c")):
        lake.bronze.run([{"id": int(told[0]), "v": told[1]} for told in snapshot.split()], logical=day(at))
        lake.promote(entity)
    assert found(lake, entity) == [(1, "a", None), (2, "b", 2), (3, "c", None), (4, "d", 3)]
    lake.bronze.run([{"id": 1, "v": "x"}, {"id": 5, "v": "e"}], logical=day(3))
    lake.promote(entity)
    assert found(lake, entity) == [(1, "x", None), (2, "b", 2), (3, "c", 3), (4, "d", 3), (5, "e", None)]
    lake.bronze.run([{"id": 1, "v": "a"}, {"id": 4, "v": "d"}], logical=day(3))
    with crash(monkeypatch, point, batch, ledger):
        lake.promote(entity)
    lake.promote(entity)
    assert found(lake, entity) == [(1, "a", None), (2, "b", 2), (3, "c", 3), (4, "d", None)]
    assert lake.audit(entity) == (5, 0)


@pytest.mark.jvm
@pytest.mark.parametrize(
    "case",
    [
        "incremental_merge, ignored",
        pytest.param("full_merge_dedupe", marks=pytest.mark.thorough),
        pytest.param("scd_type_2, tracked", marks=pytest.mark.thorough),
    ],
)
def test_what_a_replaced_snapshot_alone_said_is_taken_back(
    spark: SparkSession, tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that it brought is gone, a row that it changed and whose new one does not pass is as it was; after a crash too."""
    lake = Lake(spark, tmp_path, "full")
    lake.bronze.columns = {"id": "bigint", "v": "string", "w": "bigint"}
    entity = {"entity": "s", "keys": ["id"], "column_list": ["id", "v", "w"], "expectations": [PASSES], **CASES[case]}
    for at, snapshot in ((1, "1a1 2b1"), (2, "1a2 3c1")):
        lake.bronze.run([{"id": int(told[0]), "v": told[1], "w": int(told[2])} for told in snapshot.split()], logical=day(at))
        lake.promote(entity)
    open_since = (1, None) if entity["model"] == "scd_type_2" else ()
    assert (3, "c", 1) in [one[:3] for one in found(lake, entity)]
    lake.bronze.run([{"id": 1, "v": "x", "w": 3}, {"id": 2, "v": "b", "w": 1}], logical=day(2))
    with crash(monkeypatch, "batch.target", batch):
        lake.promote(entity)
    for _ in range(2):
        assert found(lake, entity) == [(1, "a", 1, *open_since), (2, "b", 1, *open_since)]
        lake.promote(entity)
    assert lake.audit(entity) == (3, 0)
