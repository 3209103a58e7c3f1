"""Any table that a configuration can ask for, of any log, wherever its promotions die: the oracle finds no row that should be another."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from crash import CrashError, dying
from pydantic import ValidationError
from test_promote import Lake, day
from test_rebuild import again

from medallion.config.entity import of_entity
from medallion.errors import MedallionError, SnapshotError
from medallion.silver import batch, intake
from medallion.silver.models import current, history, ledger, periodic

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.jvm, pytest.mark.thorough]

LAKES = int(os.environ.get("MEDALLION_LAKES", "2"))
"""Tables that are tried; `make test-slow` asks for more."""
COLUMNS = {"id": "bigint", "g": "string", "v": "string", "w": "bigint", "s": "bigint", "t": "bigint", "op": "string"}
PATTERNS = ("cdc", "current_history", "full")
POINTS = ("batch.before", "batch.quarantine", "batch.journal", "batch.target", "batch.applied")
ASKS_FOR: dict[str, Sequence[Any]] = {
    "model": ("scd_type_1", "scd_type_2", "scd_type_2", "incremental_merge", "incremental_merge", "full_merge_dedupe", "periodic_snapshot"),
    "keys": (["id"], ["id", "g"]),
    "sequence_by": (None, ["s"], ["s", "t"]),
    "apply_as_deletes": (None, "op = 'D'"),
    "apply_as_truncates": (None, None, "op = 'T'"),
    "deletes": (None, None, "hard", "soft", "ignore"),
    "ignore_null_updates": (None, None, True, ["v"]),
    "on_sequence_tie": (None, None, "last_wins", "delete_wins", "quarantine"),
    "column_list": (None, None, ["v", "w"]),
    "except_column_list": (None, ["op"], ["op", "s", "t"]),
    "track_history_column_list": (None, None, None, ["v"]),
    "track_history_except_column_list": (None, None, None, ["v"]),
    "history_columns": (None, None, None, {"start_at": "since", "end_at": "until", "is_current": None}),
    "lineage": (None, None, True),
    "rename": (None, None, {"id": "key"}, {"v": "id2", "id": "k"}),
    "normalize": (None, None, {"trim_strings": True, "empty_strings_as_null": True}),
    "expectations": (
        None,
        None,
        [{"name": "known", "expr": "v <> 'x'", "action": "quarantine"}],
        [{"name": "known", "expr": "v <> 'x'", "action": "drop"}, {"name": "small", "expr": "w < 3", "action": "quarantine"}],
    ),
    "partition_by": (None, None, None, ["g"]),
    "cluster_by": (None, None, None, ["w"]),
}


def entity(lake: Lake, chance: random.Random) -> dict[str, Any]:
    """One of all tables that the rules of the configuration allow."""
    while True:
        drawn = {name: chance.choice(choices) for name, choices in ASKS_FOR.items()}
        told = {"entity": "e"} | {name: value for name, value in drawn.items() if value is not None}
        with suppress(ValidationError):
            if not list(of_entity(lake.pipeline(told).silver[0], lake.bronze.load_pattern)):
                return told


def rows(chance: random.Random, columns: dict[str, str]) -> list[dict[str, Any]]:
    """Rows of few keys and sequences; some lack a key or a sequence, some delete, few delete all."""
    values: dict[str, Sequence[Any]] = {
        "id": (1, 2, 3, 4, 5, 6) * 8 + (None,),
        "g": "ab",
        "v": ("a", "b", " a", "", "x", None),
        "w": (1, 2, 3, None),
        "s": (1, 2, 3, 4, 5, 6, 7, 8) * 6 + (None,),
        "t": (0, 1),
        "op": "U" * 24 + "D" * 5 + "T",
        "late": (None, 1, 2),
    }
    told = [{name: chance.choice(values[name]) for name in columns} for _ in range(chance.randint(1, 25))]
    return [{name: str(v) if v is not None and columns[name] == "string" else v for name, v in row.items()} for row in told]


def promote(lake: Lake, told: dict[str, Any], chance: random.Random, monkeypatch: pytest.MonkeyPatch, **how: Any) -> None:
    """All of the log is in the table, in a third of the cases by a second try; a snapshot of an earlier date by a rebuild."""
    point = chance.choice((*POINTS, *[None] * 10))
    if point is not None:
        with dying(monkeypatch, point, batch, intake, current, history, ledger, periodic), suppress(MedallionError, CrashError):
            lake.promote(told, **how)
    try:
        lake.promote(told, **how)
    except SnapshotError:
        again(lake, told)


@pytest.mark.parametrize("seed", range(LAKES))
def test_any_table_is_what_the_oracle_makes_of_its_log(
    spark: SparkSession, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs are promoted together or not, a column comes, one becomes wider, rules change, snapshots replace each other."""
    chance = random.Random(seed)
    lake = Lake(spark, tmp_path, chance.choice(PATTERNS))
    columns, date, grows = dict(COLUMNS), 1, chance.randrange(6)
    lake.bronze.columns = columns
    told = entity(lake, chance)
    for number in range(chance.randint(3, 6)):
        if number == grows:
            columns = {**COLUMNS, "w": "string", "late": "bigint"}
            lake.bronze.evolve(columns)
        date = max(1, date + (chance.choice((-1, 0, 0, 1, 1, 1, 1)) if lake.bronze.load_pattern == "full" else 1))
        lake.bronze.run(*[rows(chance, columns) for _ in range(chance.randint(1, 3))], logical=day(date))
        if chance.random() < 0.2:
            told = {**told, "expectations": chance.choice(ASKS_FOR["expectations"]) or []}
        if chance.random() < 0.6:
            promote(lake, told, chance, monkeypatch)
    promote(lake, told, chance, monkeypatch)
    if chance.random() < 0.3:
        promote(lake, told, chance, monkeypatch, replay=True)
    looked_at, wrong = lake.audit(told)
    assert (wrong, looked_at > 0) == (0, True), told
