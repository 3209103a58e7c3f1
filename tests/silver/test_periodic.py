"""periodic_snapshot: rows by completed run, whatever the pattern; a run is there as a whole, the last one of its date or each of them."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from crash import crash
from hypothesis import given, settings
from hypothesis import strategies as st
from test_promote import Lake, row

from medallion.errors import ChangedTableError, ConfigError, SnapshotError
from medallion.silver import batch
from medallion.silver.models import periodic as model
from medallion.testing.periodic import CompletedRun, periodic

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

BY_DATE = {"entity": "p", "model": "periodic_snapshot", "column_list": ["id", "v"]}
BY_RUN = {**BY_DATE, "entity": "r", "snapshot_by": "run"}
FIRST = datetime(2026, 1, 1, 8, tzinfo=timezone.utc)


def day(number: int, *, hours: int = 0) -> datetime:
    """An instant of a day of January."""
    return FIRST + timedelta(days=number - 1, hours=hours)


def rows(lake: Lake, entity: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The table without ``__event``; dates as the day of the month."""
    return sorted((tuple(v.day if isinstance(v, date) else v for v in found) for found in lake.rows(entity)), key=str)


@pytest.fixture
def full(spark: SparkSession, tmp_path: Path) -> Lake:
    return Lake(spark, tmp_path, "full")


def test_the_last_completed_run_of_each_date_is_kept(full: Lake) -> None:
    """A later run of a date replaces the earlier one whole; an older date may come late; an open or abandoned run is nothing."""
    full.bronze.run([row(1, "a", 1), row(1, "a", 1), row(None, "b", 1)], logical=day(2))
    full.promote(BY_DATE)
    assert rows(full, BY_DATE) == [(1, "a", 2), (1, "a", 2), (None, "b", 2)]
    full.bronze.run([row(9, "z", 1)], logical=day(2, hours=9), complete=False)
    full.bronze.run([row(2, "c", 1)], logical=day(2, hours=3))
    full.bronze.run([row(3, "d", 1)], [row(4, "e", 1)], logical=day(1))
    assert full.promote(BY_DATE).batches == 2
    assert rows(full, BY_DATE) == [(2, "c", 2), (3, "d", 1), (4, "e", 1)]
    again = full.promote(BY_DATE, replay=True)
    assert (again.inserted, again.deleted) == (0, 0)
    assert full.promote(BY_DATE).batches == 0


@pytest.mark.thorough
def test_a_run_that_repeats_the_one_before_has_rows_of_its_own_date(full: Lake) -> None:
    """Equal content keeps no files of its own; its date has the rows of the run that it repeats."""
    full.bronze.run([row(1, "a", 1)], [row(2, "b", 1)], logical=day(1))
    full.bronze.run(logical=day(2), same_as="r0", rows=2)
    full.bronze.run(logical=day(3), same_as="r0", rows=2)
    full.promote(BY_DATE)
    full.bronze.run(logical=day(3, hours=1), same_as="r0", rows=2)
    again = full.promote(BY_DATE)
    assert (again.batches, again.inserted, full.promote(BY_DATE).batches) == (1, 0, 0)
    full.promote(BY_RUN)
    assert rows(full, BY_DATE) == [(key, value, at) for key, value in ((1, "a"), (2, "b")) for at in (1, 2, 3)]
    assert [found[3] for found in rows(full, BY_RUN)] == ["r0", "r5", "r7", "r9"] * 2


@pytest.mark.parametrize("pattern", ["cdc", pytest.param("current_history", marks=pytest.mark.thorough)])
def test_events_are_kept_by_run_when_it_is_complete(spark: SparkSession, tmp_path: Path, pattern: str) -> None:
    """Chunks wait for their `run_completed`; an abandoned run never comes; a delete is a row like any other."""
    lake = Lake(spark, tmp_path, pattern)
    entity = {**BY_DATE, "apply_as_deletes": "op = 'D'"}
    lake.bronze.run([row(1, "a", 1)], logical=day(1), complete=False)
    assert lake.promote(entity).batches == 0
    lake.bronze.run([row(1, "b", 1)], [row(1, None, 2, "D")], logical=day(1))
    lake.bronze.run([row(1, "b", 1)], logical=day(1))
    lake.bronze.run(logical=day(2))
    assert lake.promote(entity).batches == 2
    assert rows(lake, entity) == [(1, "b", 1, "r3"), (1, "b", 1, "r7"), (1, None, 1, "r3")]
    assert lake.promote(entity).batches == 0


@pytest.mark.thorough
def test_an_empty_snapshot_is_refused_or_empties_its_date_alone(full: Lake) -> None:
    """As for every model, nothing is deleted by an empty run unless that is said."""
    full.bronze.run([row(1, "a", 1)], logical=day(1))
    full.bronze.run([row(2, "b", 1)], logical=day(2))
    full.bronze.run(logical=day(2))
    with pytest.raises(SnapshotError, match="allow_empty_snapshot"):
        full.promote(BY_DATE)
    assert rows(full, BY_DATE) == [(1, "a", 1), (2, "b", 2)]
    full.promote({**BY_DATE, "allow_empty_snapshot": True})
    assert rows(full, BY_DATE) == [(1, "a", 1)]
    full.promote({**BY_DATE, "allow_empty_snapshot": True}, replay=True)
    assert rows(full, BY_DATE) == [(1, "a", 1)]


def test_a_new_column_widens_the_table_and_one_of_our_name_is_refused(full: Lake) -> None:
    """Older dates show null; a column called snapshot_date needs another name; snapshot_by is the table's for good."""
    wide = {"entity": "p", "model": "periodic_snapshot"}
    full.bronze.run([row(1, "a", 1)], logical=day(1))
    full.promote(wide)
    with pytest.raises(ChangedTableError):
        full.promote({**wide, "snapshot_by": "run"})
    full.bronze.evolve({**full.bronze.columns, "w": "string"})
    full.bronze.run([{**row(2, "b", 1), "w": "x"}], logical=day(2))
    full.promote(wide)
    found = full.spark.read.format("delta").load(str(full.target("p"))).select("id", "w", "snapshot_date").collect()
    assert sorted((r[0], r[1], r[2].day) for r in found) == [(1, None, 1), (2, "x", 2)]
    with pytest.raises(ConfigError, match="snapshot_date"):
        full.promote({**wide, "entity": "q", "rename": {"v": "snapshot_date"}})


@pytest.mark.thorough
@pytest.mark.jvm
def test_a_crash_between_any_two_writes_leaves_what_the_same_batch_completes(full: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was written, the next promotion ends with the rows of an undisturbed one, once."""
    for number, point in enumerate(("batch.journal", "batch.target", "batch.applied"), start=1):
        full.bronze.run([row(number, "old", 1)], logical=day(number))
        full.bronze.run([row(number, "a", 1), row(number, "b", 1)], logical=day(number))

        with crash(monkeypatch, point, batch, model):
            full.promote(BY_DATE)
        full.promote(BY_DATE)
        assert rows(full, BY_DATE) == sorted((key, value, key) for key in range(1, number + 1) for value in "ab")
    assert full.audit(BY_DATE) == (3, 0)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[int, bool, list[tuple[int, str]]]]:
    """Runs in the order of the log: the day, whether it is completed, and its rows."""
    seed = random.Random(draw(st.integers(0, 2**32)))
    return [
        (seed.randint(1, 3), seed.random() < 0.75, [(seed.randint(1, 3), seed.choice("ab")) for _ in range(seed.randint(1, 4))])
        for _ in range(draw(st.integers(5, 9)))
    ]


@pytest.mark.parametrize(
    ("pattern", "entity"),
    [
        pytest.param("full", BY_DATE, id="date"),
        pytest.param("full", BY_RUN, id="run", marks=pytest.mark.thorough),
        pytest.param("cdc", BY_RUN, id="events", marks=pytest.mark.thorough),
    ],
)
def test_any_log_gives_the_table_that_the_oracle_gives(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, pattern: str, entity: dict[str, Any]
) -> None:
    """Promoted at any time, replayed, and made again from nothing: the table is a function of the completed runs."""

    @settings(max_examples=1, derandomize=True)
    @given(told=histories(), cut=st.integers(0, 6))
    def holds(told: list[tuple[int, bool, list[tuple[int, str]]]], cut: int) -> None:
        lake = Lake(spark, tmp_path_factory.mktemp("lake"), pattern)
        runs = []
        for number, (at, complete, values) in enumerate(told):
            run_id = f"r{lake.bronze.version + 1}"
            version = lake.bronze.run([row(key, value, 1) for key, value in values], logical=day(at), complete=complete)
            if complete:
                runs.append(CompletedRun(run_id=run_id, day=day(at).date(), version=version, rows=values))
            if number == cut:
                lake.promote(entity)
        if not runs:
            return
        lake.promote(entity)
        by = "run" if entity is BY_RUN else "date"
        expected = Counter((*values, place[0].day, *place[1:]) for place, run in periodic(runs, by=by).items() for values in run.rows)
        assert Counter(rows(lake, entity)) == expected
        assert lake.audit(entity)[1] == 0
        shutil.rmtree(lake.folder / f"silver/domain=default/entity={entity['entity']}")
        lake.promote(entity, replay=True)
        assert Counter(rows(lake, entity)) == expected

    holds()


@pytest.mark.thorough
def test_verify_finds_a_date_that_others_changed(full: Lake) -> None:
    """Rows that are missing, changed or doubled are told by the date they are of."""
    full.bronze.run([row(1, "a", 1)], logical=day(1))
    full.bronze.run([row(2, "b", 1)], logical=day(2))
    full.promote(BY_DATE)
    assert full.audit(BY_DATE) == (2, 0)
    full.spark.sql(f"UPDATE delta.`{full.target('p')}` SET v = 'x' WHERE id = 2")
    assert full.audit(BY_DATE) == (2, 1)
