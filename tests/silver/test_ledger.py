"""The options on real Delta against the oracle: any order, any cut, any repetition of events gives one table."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.sql import functions as F

from medallion.clock import SystemClock
from medallion.config.pipeline import Pipeline
from medallion.config.silver import Entity
from medallion.errors import MedallionError, SequenceTieError
from medallion.events import Noticed
from medallion.silver import batch as batches_of
from medallion.silver.audit import audit
from medallion.silver.batch import tables
from medallion.silver.counted import counted
from medallion.silver.events import REASON
from medallion.silver.home import place
from medallion.silver.models import ledger
from medallion.silver.models.tables import EVENT, Tables
from medallion.silver.promote import promote
from medallion.silver.span import ANYTHING
from medallion.stop import StopFlag
from medallion.storage.registry import open_filesystem
from medallion.testing.fold import Event, by_key, contested, current, history, merged
from medallion.testing.lake import BronzeTable
from medallion.testing.vectors import OPTION_VECTORS, VECTORS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark

HISTORIES = int(os.environ.get("MEDALLION_HISTORIES", "300"))
"""Keys of each stream; `make test-slow` asks for more."""
SEQUENCE = "struct<s: bigint, n: bigint>"
SCHEMA = (
    f"k string, v string, name string, age string, __sequence {SEQUENCE}, __delete boolean, __version bigint, __chunk int, __row bigint"
)
VALUES = ("v", "name", "age")
SOFT = {"model": "incremental_merge"}
CASES: dict[str, dict[str, Any]] = {
    "soft": SOFT,
    "soft, truncates, nulls, delete_wins": SOFT
    | {"apply_as_truncates": "t", "ignore_null_updates": True, "on_sequence_tie": "delete_wins"},
    "soft, truncates, quarantine": SOFT | {"apply_as_truncates": "t", "on_sequence_tie": "quarantine"},
    "scd_type_1, truncates, nulls": {"model": "scd_type_1", "apply_as_truncates": "t", "ignore_null_updates": ("age",)},
    "scd_type_2, truncates, nulls, tracked": {
        "model": "scd_type_2",
        "apply_as_truncates": "t",
        "ignore_null_updates": True,
        "track_history_column_list": ("name",),
    },
    "scd_type_2, truncates, nulls, quarantine": {
        "model": "scd_type_2",
        "apply_as_truncates": "t",
        "ignore_null_updates": ("name", "age"),
        "on_sequence_tie": "quarantine",
    },
}

IN_SHORT = ("soft",)
"""Those that `make test` tries."""


def told_as(options: dict[str, Any]) -> Entity:
    return Entity(entity="e", keys=("k",), sequence_by=("s", "n"), **options)


def frame(spark: SparkSession, events: Iterable[Event], entity: Entity) -> DataFrame:
    """The events as the models take them; the sequence is a struct of two."""
    cuts = entity.apply_as_truncates is not None
    rows = [
        (e.key, *[e.values.get(name) for name in VALUES], e.sequence, e.delete, *e.position, *([e.truncate] if cuts else []))
        for e in events
    ]
    return spark.createDataFrame(rows, SCHEMA + (", __truncate boolean" if cuts else ""))


def apply(spark: SparkSession, folder: Path, entity: Entity, batches: Sequence[Sequence[Event]]) -> Tables:
    """The tables after the batches, in order."""
    work = tables(spark, target=f"{folder}/table", state=f"{folder}/state")
    for batch in batches:
        events = frame(spark, batch, entity)
        counts = counted(events.withColumn(REASON, F.lit(None).cast("string")), entity, by_sequence=False)
        ledger.apply(events, work, entity, span=ANYTHING if entity.apply_as_truncates is not None else counts.span)
    return work


def found(work: Tables, entity: Entity) -> list[tuple[Any, ...]]:
    """The rows of the table with what their ranges, marks and positions are, in a fixed order."""
    rows = work.target.frame()
    assert rows is not None
    more = ("__START_AT", "__END_AT") if entity.model == "scd_type_2" else ("_deleted_at",) if ledger.soft(entity) else ()

    def plain(value: Any) -> Any:
        return None if value is None else tuple(value)

    return sorted(
        ((row["k"], *[row[name] for name in VALUES], *[plain(row[name]) for name in more], *row[EVENT][1:]) for row in rows.collect()),
        key=str,
    )


def expected(events: Iterable[Event], entity: Entity) -> list[tuple[Any, ...]]:
    """The same by the oracle."""
    asked = entity.ignore_null_updates
    how: dict[str, Any] = {"tie": entity.on_sequence_tie, "ignored": asked if isinstance(asked, tuple) else VALUES if asked else ()}
    rows: list[tuple[Any, ...]] = []

    def spelled(event: Event, *more: Any) -> tuple[Any, ...]:
        return (event.key, *[event.values.get(name) for name in VALUES], *more, *event.position)

    for mine in by_key(events).values():
        if entity.model == "scd_type_2":
            rows += [spelled(r.event, r.start, r.end) for r in history(mine, tracked=entity.track_history_column_list, **how)]
        elif ledger.soft(entity):
            rows += [spelled(row[0], row[1])] if (row := merged(mine, **how)) else []
        else:
            rows += [spelled(now)] if (now := current(mine, **how)) else []
    return sorted(rows, key=str)


def stream(seed: random.Random, entity: Entity) -> list[list[Event]]:
    """Batches of events: the printed vectors in every order, and keys by chance; deletes, ties, copies, nulls; one batch comes twice.

    Truncates come early and late; without them, and for the orders of the vectors, keys are independent.
    """
    told: list[Event] = []
    for vector in (*VECTORS, *OPTION_VECTORS):
        for number, order in enumerate(permutations(e for e in vector.events("x") if not e.truncate)):
            if len(order) < 5 or number % 7 == 0:
                key = f"{vector.text}/{vector.tie}/{number}"
                told += [Event(key=key, sequence=(e.sequence, 0), delete=e.delete, values=e.values, position=e.position) for e in order]
    for key in range(HISTORIES):
        for _ in range(seed.randint(1, 7)):
            delete = seed.random() < 0.25
            values = {name: None if delete else seed.choice(choice) for name, choice in (("v", "ab-"), ("name", "ab-"), ("age", "12-"))}
            values = {name: None if value == "-" else value for name, value in values.items()}
            event = Event(
                key=f"k{key}", sequence=(seed.randint(1, 4), seed.randint(0, 2)), delete=delete, values=values, position=(0, 0, 0)
            )
            told += [event] * (2 if seed.random() < 0.05 else 1)
    seed.shuffle(told)
    if entity.apply_as_truncates is not None:
        for sequence in ((2, 1), (3, 0), (3, 0), (15, 0), (4, 2)):
            cut = Event(key=None, sequence=sequence, delete=True, truncate=True, values={}, position=(0, 0, 0))
            told.insert(seed.randrange(len(told)), cut)
    told = [
        Event(key=e.key, sequence=e.sequence, delete=e.delete, truncate=e.truncate, values=e.values, position=(n, 0, 0))
        for n, e in enumerate(told)
    ]
    cuts = sorted(seed.sample(range(1, len(told)), 2))
    batches = [told[: cuts[0]], told[cuts[0] : cuts[1]], told[cuts[1] :]]
    batches.insert(seed.randint(1, 3), batches[0])
    return batches


@pytest.mark.parametrize("case", [pytest.param(case, marks=[] if case in IN_SHORT else pytest.mark.thorough) for case in CASES])
def test_any_stream_gives_the_table_that_the_oracle_gives(spark: SparkSession, tmp_path: Path, case: str) -> None:
    """Shuffled, cut, repeated: the table is a function of the set of events, and what was contested stands in the quarantine."""
    entity = told_as(CASES[case])
    batches = stream(random.Random(case), entity)
    work = apply(spark, tmp_path, entity, batches)
    events = {event.position: event for batch in batches for event in batch}.values()
    assert found(work, entity) == expected(events, entity)
    if entity.on_sequence_tie == "quarantine":
        aside = work.quarantine.frame()
        assert aside is not None
        by_sequence: dict[tuple[Any, Any], list[Event]] = {}
        for mine in by_key(events).values():
            for event in mine:
                by_sequence.setdefault((event.key, event.sequence), []).append(event)
        tied = sorted(e.position for group in by_sequence.values() if contested(group) for e in group if not e.truncate)
        assert sorted((row["version"], row["chunk"], row["row"]) for row in aside.collect()) == tied


def test_a_contested_sequence_is_refused_where_that_is_said(spark: SparkSession, tmp_path: Path) -> None:
    """on_sequence_tie: error finds a tie between batch and journal; values that differ only in where the null is are a tie too."""
    entity = told_as(SOFT | {"on_sequence_tie": "error"})
    first = Event(key="k", sequence=(1, 0), values={"v": "a"}, position=(0, 0, 0))
    other = Event(key="k", sequence=(1, 0), values={"name": "a"}, position=(1, 0, 0))
    with pytest.raises(SequenceTieError):
        apply(spark, tmp_path, entity, [[first], [other]])
    work = tables(spark, target=f"{tmp_path}/table", state=f"{tmp_path}/state")
    assert [row[1] for row in found(work, entity)] == ["a"]


class Lake:
    """A Bronze table of people, and one entity made of it."""

    def __init__(self, spark: SparkSession, folder: Path, load_pattern: Any, **options: Any) -> None:
        self.spark, self.said = spark, list[str]()
        columns = {"id": "bigint", "v": "string", "s": "bigint", "op": "string"}
        self.bronze = BronzeTable(root=folder / "bronze", columns=columns, load_pattern=load_pattern)
        told = {"entity": "e", "bronze": {"system": "s", "table": "t", "load_pattern": load_pattern}, "keys": ["id"]} | options
        roots = {part: {"root": str(folder / part)} for part in ("bronze", "silver", "state")}
        self.pipeline = Pipeline.model_validate({"config_version": 1, "pipeline": "p", "platform": roots, "silver": [told]})
        self.state = open_filesystem(str(folder / "state"), clock=SystemClock())

    def listen(self, event: Any) -> None:
        if isinstance(event, Noticed):
            self.said.append(event.sentence)

    def promoted(self, *shown: str) -> list[tuple[Any, ...]]:
        """The rows after a promotion, which the oracle agrees with."""
        entity = self.pipeline.silver[0]
        promote(self.spark, self.pipeline, entity, self.state, clock=SystemClock(), listener=self.listen, stop=StopFlag())
        assert audit(self.spark, self.pipeline, entity, sample=100).differences == ()
        table = self.spark.read.format("delta").load(place(self.pipeline, entity).target)
        return sorted((tuple(row) for row in table.select("id", *shown).collect()), key=str)


def row(key: int | None, value: str | None, sequence: int | None = None, op: str = "U") -> dict[str, Any]:
    return {"id": key, "v": value, "s": sequence, "op": op}


EVENTS = {"sequence_by": ["s"], "apply_as_deletes": "op = 'D'", "apply_as_truncates": "op = 'T'", "except_column_list": ["op"]}


@pytest.mark.thorough
@pytest.mark.jvm
def test_a_batch_that_ends_between_its_writes_is_completed_by_the_next_promotion(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the journal, after the table: marked rows, truncates without a key and ties that were published before come out right."""
    lake = Lake(spark, tmp_path, "cdc", model="incremental_merge", on_sequence_tie="quarantine", **EVENTS)
    lake.bronze.run([row(1, "a", 10), row(2, "b", 30), row(3, "c", 10)])
    assert lake.promoted("v", "_deleted_at") == [(1, "a", None), (2, "b", None), (3, "c", None)]
    lake.bronze.run([row(None, None, 20, "T"), row(3, "x", 10)])

    reached: list[str] = []

    def ends_at(point: str) -> Callable[[str], None]:
        def failpoint(name: str) -> None:
            if name == point:
                reached.append(name)
                raise RuntimeError(f"ends at {point}")

        return failpoint

    for module, point in ((ledger, "batch.journal"), (batches_of, "batch.target"), (batches_of, "batch.applied")):
        with monkeypatch.context() as patched:
            patched.setattr(module, "failpoint", ends_at(point))
            with pytest.raises(MedallionError):
                lake.promoted()
    assert reached == ["batch.journal", "batch.target", "batch.applied"]
    assert lake.promoted("v", "_deleted_at") == [(1, "a", 20), (2, "b", None)]
    aside = spark.read.format("delta").load(f"{place(lake.pipeline, lake.pipeline.silver[0]).state}/quarantine")
    assert sorted((r["reason"], r["row"]) for r in aside.collect()) == [("SEQUENCE_TIE", 1), ("SEQUENCE_TIE", 2)]
    assert lake.said[0] == "0 rows are marked as deleted in _deleted_at"


@pytest.mark.thorough
def test_snapshots_mark_what_they_lack_and_a_repeated_time_replaces(spark: SparkSession, tmp_path: Path) -> None:
    """A key that is absent keeps its values and is marked once; a null says nothing; the same logical time again replaces the snapshot."""
    lake = Lake(spark, tmp_path, "full", model="incremental_merge", ignore_null_updates=True, except_column_list=["s", "op"])
    day = [datetime(2026, 1, number, tzinfo=timezone.utc) for number in range(1, 5)]
    lake.bronze.run([row(1, "a"), row(2, "b"), row(3, "c")], logical=day[0])
    lake.bronze.run([row(1, None)], logical=day[1])
    lake.bronze.run([row(1, "a"), row(4, "n")], logical=day[2])
    second, third = (moment.replace(tzinfo=None) for moment in day[1:3])
    assert lake.promoted("v", "_deleted_at") == [(1, "a", None), (2, "b", second), (3, "c", second), (4, "n", None)]
    lake.bronze.run([row(2, None), row(3, "d")], logical=day[2])
    assert lake.promoted("v", "_deleted_at") == [(1, "a", third), (2, None, None), (3, "d", None)]
    assert lake.said[-1] == "1 rows are marked as deleted in _deleted_at"
