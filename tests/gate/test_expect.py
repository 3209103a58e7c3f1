"""An expectation is a condition on a row; what is none is named before a row is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from medallion.config.expectation import Expectation
from medallion.errors import ConfigError
from medallion.gate.expect import require_conditions, unmet

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


def test_null_is_not_met_and_what_is_no_condition_is_named(spark: SparkSession) -> None:
    """Each wrong rule is one problem with its path; a right one beside them is none."""
    rows = spark.createDataFrame([(1, "a"), (2, None)], "id bigint, v string")
    rule = Expectation(name="short", expr="length(v) < 3")
    assert [row[0] for row in rows.select(unmet(rule)).collect()] == [False, True]
    wrong = [
        Expectation(name="number", expr="id + 1"),
        Expectation(name="unknown", expr="nobody > 1"),
        Expectation(name="no-sql", expr="id >"),
        Expectation(name="aggregate", expr="sum(id) > 1 AND id > 1"),
    ]
    with pytest.raises(ConfigError) as found:
        require_conditions(rows, [rule, *wrong], path="silver.e")
    problems = {problem.path: problem.message for problem in found.value.problems}
    assert list(problems) == [f"silver.e.expectations.{name}.expr" for name in ("number", "unknown", "no-sql", "aggregate")]
    assert problems["silver.e.expectations.number.expr"] == "must be true or false for a row, it is bigint"
    assert problems["silver.e.expectations.unknown.expr"].endswith("the Bronze table has id, v")
