"""The models on real Delta against the oracle: every order, every cut, every repetition of events gives one table."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F
from test_ledger import HISTORIES

from medallion.config.silver import Entity
from medallion.errors import SequenceTieError
from medallion.silver.batch import tables
from medallion.silver.counted import counted
from medallion.silver.events import REASON
from medallion.silver.models import current as current_model
from medallion.silver.models import history as history_model
from medallion.silver.models.tables import EVENT, Tables
from medallion.testing.fold import Event, by_key, current, history
from medallion.testing.vectors import VECTORS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark

SCHEMA = "k string, v string, name string, age string, __sequence bigint, __delete boolean, __version bigint, __chunk int, __row bigint"
VALUES = ("k", "v", "name", "age")


def frame(spark: SparkSession, events: Iterable[Event]) -> DataFrame:
    """The events as the models take them."""
    rows = [(e.key, e.values.get("v"), e.values.get("name"), e.values.get("age"), e.sequence, e.delete, *e.position) for e in events]
    return spark.createDataFrame(rows, SCHEMA)


def entity(model: str, **options: Any) -> Entity:
    return Entity(entity="e", model=model, keys=("k",), sequence_by=("s",), **options)


def apply(spark: SparkSession, folder: Path, told: Entity, batches: Sequence[Sequence[Event]]) -> Tables:
    """The tables after the batches, in order."""
    work = tables(spark, target=f"{folder}/table", state=f"{folder}/state")
    for batch in batches:
        events = frame(spark, batch)
        counts = counted(events.withColumn(REASON, F.lit(None).cast("string")), told, by_sequence=told.model != "scd_type_2")
        if told.model == "scd_type_2":
            history_model.apply(events, work, told, span=counts.span)
        else:
            current_model.apply(events, work, told, ties=counts.ties, deletes=counts.deletes, span=counts.span)
    return work


def found(work: Tables, told: Entity) -> list[tuple[Any, ...]]:
    """The rows of the table with what their history and position are, in a fixed order."""
    rows = work.target.frame()
    assert rows is not None
    ranges = ("__START_AT", "__END_AT") if told.model == "scd_type_2" else ()
    return sorted(((row["k"], row["v"], row["age"], *[row[name] for name in ranges], *row[EVENT][1:]) for row in rows.collect()), key=str)


def expected(events: Iterable[Event], told: Entity) -> list[tuple[Any, ...]]:
    """The same by the oracle."""
    tie = "delete_wins" if told.on_sequence_tie == "delete_wins" else "last_wins"
    rows: list[tuple[Any, ...]] = []
    for key, mine in by_key(events).items():
        if told.model == "scd_type_2":
            tracked = told.track_history_column_list
            rows += [
                (key, r.event.values.get("v"), r.event.values.get("age"), r.start, r.end, *r.event.position)
                for r in history(mine, tracked=tracked, tie=tie)
            ]
        elif (now := current(mine, tie=tie)) is not None:
            rows.append((key, now.values.get("v"), now.values.get("age"), *now.position))
    return sorted(rows, key=str)


@pytest.mark.parametrize(
    ("model", "tracked"), [("scd_type_2", None), pytest.param("scd_type_2", ("name",), marks=pytest.mark.thorough), ("scd_type_1", None)]
)
def test_the_vectors_in_every_order_and_every_cut(spark: SparkSession, tmp_path: Path, model: str, tracked: tuple[str, ...] | None) -> None:
    """All permutations of all printed vectors, cut into three batches in every way, each a key of its own, in one stream."""
    batches: list[list[Event]] = [[], [], []]
    for vector in VECTORS:
        if vector.tracked is not None and model == "scd_type_2" and vector.tracked != tracked:
            continue
        count = len(vector.events("x"))
        cuts = [(first, second) for first in range(count + 1) for second in range(first, count + 1)]
        for number, order in enumerate(permutations(range(count))):
            for cut in cuts if count < 4 else cuts[number % len(cuts) :: 5]:
                events = vector.events(f"{vector.text}/{number}/{cut}")
                for place, index in enumerate(order):
                    batches[0 if place < cut[0] else 1 if place < cut[1] else 2].append(events[index])
    told = entity(model, **({"track_history_column_list": tracked} if tracked else {}))
    work = apply(spark, tmp_path, told, batches)
    assert found(work, told) == expected([event for batch in batches for event in batch], told)


@st.composite
def streams(draw: st.DrawFn) -> list[list[Event]]:
    """Batches of events: many keys, few sequences and values, deletes, ties, copies; one batch comes twice."""
    seed = random.Random(draw(st.integers(0, 2**32)))
    told: list[Event] = []
    for key in range(draw(st.integers(HISTORIES // 2, HISTORIES))):
        for _ in range(seed.randint(1, 7)):
            delete = seed.random() < 0.25
            value = None if delete else seed.choice("ab")
            values = {"v": value, "name": value, "age": None if delete else seed.choice("12")}
            event = Event(key=f"k{key}", sequence=seed.randint(1, 8), delete=delete, values=values, position=(len(told), 0, 0))
            told += [event] * (2 if seed.random() < 0.05 else 1)
    seed.shuffle(told)
    told = [Event(key=e.key, sequence=e.sequence, delete=e.delete, values=e.values, position=(n, 0, 0)) for n, e in enumerate(told)]
    cuts = sorted(seed.randrange(len(told)) for _ in range(draw(st.integers(0, 2))))
    batches = [told[a:b] for a, b in zip([0, *cuts], [*cuts, len(told)], strict=True) if a < b]
    again = seed.randrange(len(batches))
    batches.insert(seed.randint(again + 1, len(batches)), batches[again])
    return batches


@pytest.mark.parametrize("model", ["scd_type_1", "scd_type_2"])
@pytest.mark.parametrize("tie", ["last_wins", pytest.param("delete_wins", marks=pytest.mark.thorough)])
def test_any_stream_gives_the_table_that_the_oracle_gives(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, model: str, tie: str
) -> None:
    """Shuffled, cut, repeated: the table is a function of the set of events."""

    @settings(max_examples=2, derandomize=True)
    @given(batches=streams())
    def holds(batches: list[list[Event]]) -> None:
        options = {"track_history_column_list": ("name",)} if model == "scd_type_2" and tie == "last_wins" else {}
        told = entity(model, on_sequence_tie=tie, **options)
        work = apply(spark, tmp_path_factory.mktemp("lake"), told, batches)
        assert found(work, told) == expected([event for batch in batches for event in batch], told)

    holds()


@pytest.mark.parametrize("model", ["scd_type_1", "scd_type_2"])
def test_a_contested_sequence_is_refused_where_that_is_said(spark: SparkSession, tmp_path: Path, model: str) -> None:
    """on_sequence_tie: error finds the tie within a batch and between batch and table, and publishes nothing."""
    told = entity(model, on_sequence_tie="error")
    first = Event(key="k", sequence=1, values={"v": "a"}, position=(0, 0, 0))
    other = Event(key="k", sequence=1, values={"v": "b"}, position=(1, 0, 0))
    with pytest.raises(SequenceTieError):
        apply(spark, tmp_path / "within", told, [[first, other]])
    with pytest.raises(SequenceTieError):
        apply(spark, tmp_path / "between", told, [[first], [other]])
    work = tables(spark, target=f"{tmp_path}/between/table", state=f"{tmp_path}/between/state")
    assert [row[1] for row in found(work, told)] == ["a"]
