"""What goes into a table: rows that meet the rules; the rest is counted, left out or set aside, or stops the batch."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from test_promote import COLUMNS, CURRENT, HISTORY, SNAPSHOT, Lake, row

from medallion.config.silver import Entity
from medallion.errors import ConfigError, ExpectationError, QuarantineLimitError
from medallion.silver import applied
from medallion.silver.audit import audit
from medallion.silver.batch import tables
from medallion.silver.events import REASON, RULE, marked

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

SCHEMA = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())

RULES = [
    {"name": "short", "expr": "length(v) < 3"},
    {"name": "known", "expr": "v IS NOT NULL", "action": "drop"},
    {"name": "small", "expr": "s < 100 OR v IS NULL", "action": "quarantine"},
    {"name": "old", "expr": "s < 1000", "action": "fail"},
]


def state(lake: Lake, entity: str) -> Any:
    """The tables of an entity."""
    return tables(lake.spark, target=str(lake.target(entity)), state=str(lake.folder / f"state/p/{entity}/v1"))


def test_each_action_does_what_it_says(spark: SparkSession, tmp_path: Path) -> None:
    """warn publishes, drop leaves out, quarantine sets aside, fail publishes nothing; the limit holds until it is accepted."""
    lake = Lake(spark, tmp_path)
    lake.bronze.run([row(1, "abcd", 10), row(2, None, 10), row(3, "c", 500), row(4, "d", 10), row(None, "e", 10)])
    told = {**CURRENT, "expectations": RULES, "max_quarantined": {"rows": 2}}
    done = lake.promote(told)
    assert lake.rows(told) == [(1, "abcd", 10), (4, "d", 10)]
    assert (done.rows, done.quarantined, done.dropped) == (5, 2, 1)
    assert [(rule.name, rule.action, rule.rows) for rule in done.unmet] == [
        ("short", "warn", 2),
        ("known", "drop", 1),
        ("small", "quarantine", 1),
        ("old", "fail", 0),
    ]
    work = state(lake, "c")
    aside = work.quarantine.frame().collect()
    found = sorted((r["reason"], r["rule"], r["row"], json.loads(r["record"])["v"]) for r in aside)
    assert found == [("EXPECTATION", "small", 2, "c"), ("NULL_KEY", None, 4, "e")]

    # An older version's `applied` has none of the columns that these counts need.
    older = work.applied.frame().drop("dropped", "rules", "accepted")
    older.write.format("delta").mode("overwrite").option("overwriteSchema", "true").save(work.applied.path)
    lake.bronze.run([row(5, "x", 500), row(6, "x", 501), row(7, "x", 502), row(8, "y", 10)])
    with pytest.raises(QuarantineLimitError, match=r"3 of 4 rows .* \(3 by small\), the first of them at log version 5, chunk 0, row 0"):
        lake.promote(told)
    assert work.quarantine.frame().count() == 2
    accepted = lake.promote(told, accept_quarantine=True)
    assert (accepted.quarantined, len(lake.rows(told))) == (3, 3)
    last = applied.newest(work.applied)
    assert last is not None
    assert (last.accepted, last.rules["small"], last.dropped) == (True, 3, 0)

    lake.bronze.run([row(9, "secret", 5000)])
    with pytest.raises(ExpectationError, match=r"1 of 1 rows .* do not meet the expectation old") as refused:
        lake.promote(told)
    assert "secret" not in str(refused.value)
    assert len(lake.rows(told)) == 3


def test_a_condition_that_fails_on_a_value_does_not_show_it(spark: SparkSession, tmp_path: Path) -> None:
    """The error says which kind of failure it is, and what to write instead."""
    lake = Lake(spark, tmp_path)
    lake.bronze.run([row(1, "hush", 10)])
    with pytest.raises(ConfigError, match=r"CAST_INVALID_INPUT.*try_cast") as refused:
        lake.promote({**CURRENT, "expectations": [{"name": "n", "expr": "CAST(v AS INT) > 1"}]})
    assert "hush" not in str(refused.value)


KEEPS = {"entity": "k", "model": "incremental_merge", "keys": ["id"], "deletes": "ignore"}


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(SNAPSHOT, id="current"),
        pytest.param({**HISTORY, "sequence_by": [], "apply_as_deletes": None}, id="history", marks=pytest.mark.thorough),
        pytest.param(KEEPS, id="deletes ignored", marks=pytest.mark.thorough),
        pytest.param({**KEEPS, "ignore_null_updates": True}, id="deletes and nulls ignored", marks=pytest.mark.thorough),
    ],
)
def test_a_key_whose_row_did_not_pass_is_not_absent(spark: SparkSession, tmp_path: Path, told: dict[str, Any]) -> None:
    """A snapshot's row that is dropped or set aside leaves what the table has of its key; others go, unless they shall stay."""
    lake = Lake(spark, tmp_path, "full")
    rules = [{"name": "d", "expr": "v <> 'drop'", "action": "drop"}, {"name": "q", "expr": "v <> 'aside'", "action": "quarantine"}]
    told = {**told, "expectations": rules}
    lake.bronze.run([row(key, "a", 1) for key in (1, 2, 3, 4)], logical=datetime(2026, 1, 1, tzinfo=timezone.utc))
    lake.bronze.run([row(1, "drop", 1), row(2, "aside", 1), row(3, "b", 1)], logical=datetime(2026, 1, 2, tzinfo=timezone.utc))
    lake.promote(told)
    open_rows = [found for found in lake.rows(told) if told["model"] != "scd_type_2" or found[-1] is None]
    stays = [(4, "a")] if told.get("deletes") == "ignore" else []
    assert [(found[0], found[1]) for found in open_rows] == [(1, "a"), (2, "a"), (3, "b"), *stays]
    assert lake.audit(told) == (4, 0)


def test_a_truncate_is_looked_at_by_no_expectation(spark: SparkSession) -> None:
    """It is said of all keys and has no values of its own."""
    rows = spark.createDataFrame(
        [(None, None, 1, "T", 1, 0, 0), (1, None, 2, "U", 1, 0, 1)], f"{SCHEMA}, __version int, __chunk int, __row int"
    )
    entity = Entity.model_validate({**CURRENT, "apply_as_truncates": "op = 'T'", "expectations": RULES[1:2]})
    found = [(row[REASON], row[RULE]) for row in marked(rows, entity).orderBy("s").collect()]
    assert found == [(None, None), ("DROPPED", "known")]


@pytest.mark.thorough
def test_verify_draws_other_keys_each_time_and_finds_rows_that_bronze_does_not_have(spark: SparkSession, tmp_path: Path) -> None:
    """The seed says which keys; a row of a key that was never landed is a difference."""
    lake = Lake(spark, tmp_path)
    lake.bronze.run([row(key, "a", 1) for key in range(8)])
    lake.promote(CURRENT)
    assert lake.audit(CURRENT) == (8, 0)
    spark.sql(f"INSERT INTO delta.`{lake.target('c')}` SELECT id + 100, v, s, op, _rescued, __event FROM delta.`{lake.target('c')}`")
    assert lake.audit(CURRENT) == (16, 8)
    pipeline = lake.pipeline(CURRENT)
    drawn = {frozenset(one.key for one in audit(spark, pipeline, pipeline.silver[0], sample=8, seed=seed).differences) for seed in (1, 2)}
    assert len(drawn) == 2
