"""Expectations: conditions on rows, each a column that is true where a row does not meet it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pyspark.errors import AnalysisException
from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType

from medallion.config.expectation import Expectation
from medallion.errors import ConfigError, Problem

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def unmet(rule: Expectation) -> Column:
    """Whether a row does not meet the rule (boolean, never null): its condition is false, or null."""
    return ~F.coalesce(F.expr(rule.expr), F.lit(False))


def first_unmet(rules: Iterable[Expectation], action: str) -> Column:
    """The name of the first rule of that action that a row does not meet (string); null where it meets them all."""
    names = [F.when(unmet(rule), rule.name) for rule in rules if rule.action == action]
    return F.coalesce(*names) if names else F.lit(None).cast("string")


def require_conditions(rows: DataFrame, rules: Sequence[Expectation], *, path: str) -> None:
    """Raises ConfigError, below *path* of the configuration, naming every rule that is no condition on the columns of *rows*."""
    columns = ", ".join(sorted(name for name in rows.columns if not name.startswith("__")))
    problems = []
    for rule in rules:
        wrong = None
        try:
            kind = rows.select(F.expr(rule.expr).alias("met")).schema["met"].dataType
        except AnalysisException as error:  # its own text shows the whole plan
            wrong = f"is not SQL that Spark takes here ({error.getCondition() or 'parse error'}); the Bronze table has {columns}"
        else:
            if not isinstance(kind, BooleanType):
                wrong = f"must be true or false for a row, it is {kind.simpleString()}"
        if wrong is not None:
            problems.append(Problem(path=f"{path}.expectations.{rule.name}.expr", message=wrong))
    if problems:
        raise ConfigError(problems)
