"""Bronze rows as events: normalised, marked, ordered by a position that is unique."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import StringType

from medallion.config.expectation import Expectation
from medallion.config.silver import LINEAGE, Entity, Normalize
from medallion.errors import ConfigError, Problem
from medallion.gate.expect import first_unmet
from medallion.gate.quarantine import reason
from medallion.layout import quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SEQUENCE, DELETE, REASON, RULE, TRUNCATE = "__sequence", "__delete", "__reason", "__rule", "__truncate"
POSITION = ("__version", "__chunk", "__row")
MARKS = (SEQUENCE, DELETE, *POSITION)
"""Columns of an event beside its values; ``__sequence`` has the type of the one sequence column, or is a struct of several.

An entity with ``apply_as_truncates`` has ``__truncate`` beside them: of an event that deletes every key and has none itself."""


def col(name: str) -> Column:
    """The column of exactly this name, dots and backticks included."""
    return F.col(quoted(name))


def normalized(rows: DataFrame, rules: Normalize) -> DataFrame:
    """The rows with their string columns trimmed and empty strings as null, as far as *rules* say so."""

    def clean(name: str) -> Column:
        column = col(name)
        if rules.trim_strings:
            column = F.trim(column)
        if rules.empty_strings_as_null:
            column = F.when(column != "", column)
        return column.alias(name)

    if not (rules.trim_strings or rules.empty_strings_as_null):
        return rows
    strings = {field.name for field in rows.schema.fields if isinstance(field.dataType, StringType) and not field.name.startswith("__")}
    return rows.select(*[clean(name) if name in strings else col(name) for name in rows.columns])


def value_columns(columns: Sequence[str], entity: Entity) -> list[str]:
    """The columns of *columns* that the table shows, before renaming; keys are always among them."""
    shown = [name for name in columns if not name.startswith("__")]
    if entity.column_list is not None:
        shown = [name for name in shown if name in entity.column_list or name in entity.keys]
    if entity.except_column_list is not None:
        shown = [name for name in shown if name not in entity.except_column_list or name in entity.keys]
    return shown


def tracked_columns(values: Sequence[str], entity: Entity) -> list[str]:
    """The value columns whose change opens a new row of history; never the keys, which do not change."""
    tracked = [name for name in values if name not in entity.keys]
    if entity.track_history_column_list is not None:
        tracked = [name for name in tracked if name in entity.track_history_column_list]
    if entity.track_history_except_column_list is not None:
        tracked = [name for name in tracked if name not in entity.track_history_except_column_list]
    return tracked


def ignored_columns(values: Sequence[str], entity: Entity) -> list[str]:
    """The value columns in which a null means "not said"; never the keys."""
    asked = entity.ignore_null_updates
    if isinstance(asked, bool):
        asked = tuple(values) if asked else ()
    return [name for name in values if name in asked and name not in entity.keys]


def require_columns(rows: DataFrame, entity: Entity) -> None:
    """Raises ConfigError naming every configured column that the Bronze rows do not have."""
    known = set(rows.columns)
    asked = {
        "keys": entity.keys,
        "sequence_by": entity.sequence_by,
        "column_list": entity.column_list or (),
        "except_column_list": entity.except_column_list or (),
        "track_history_column_list": entity.track_history_column_list or (),
        "track_history_except_column_list": entity.track_history_except_column_list or (),
        "ignore_null_updates": entity.ignore_null_updates if isinstance(entity.ignore_null_updates, tuple) else (),
        "rename": tuple(entity.rename),
    }
    shown = sorted(name for name in known if not name.startswith("__"))
    problems = [
        Problem(path=f"silver.{entity.entity}.{option}", message=f"the Bronze table has no column {name!r}; it has {', '.join(shown)}")
        for option, names in asked.items()
        for name in names
        if name not in known
    ]
    for name in LINEAGE if entity.lineage else ():
        if name in known and name not in entity.rename:
            message = f"adds the column {name}, which the Bronze table has too: rename that one"
            problems.append(Problem(path=f"silver.{entity.entity}.lineage", message=message))
    if problems:
        raise ConfigError(problems)


@dataclass(frozen=True, kw_only=True)
class Refused:
    """Which rule sets a row aside, and which leaves it out: names (string), null where none does."""

    quarantined_by: Column
    dropped_by: Column

    @classmethod
    def by(cls, rules: Sequence[Expectation]) -> Refused:
        """As these rules say."""
        return cls(quarantined_by=first_unmet(rules, "quarantine"), dropped_by=first_unmet(rules, "drop"))


def marked(rows: DataFrame, entity: Entity, refused: Refused | None = None) -> DataFrame:
    """All rows with their marks and ``__reason``: null where the row is an event, else why it is none (``__rule``: by which rule).

    *refused* is what its expectations say; by default those of *entity*.
    """
    refused = refused or Refused.by(entity.expectations)
    quarantined_by, dropped_by = refused.quarantined_by, refused.dropped_by
    sequence = [col(name) for name in entity.sequence_by]
    delete = _holds(entity.apply_as_deletes)
    truncate = _holds(entity.apply_as_truncates)
    why = reason([col(name) for name in entity.keys], sequence, quarantined_by=quarantined_by, dropped_by=dropped_by)
    rule = F.coalesce(quarantined_by, dropped_by)
    if entity.apply_as_truncates is not None:  # it is said of all keys and has no values: no expectation looks at it
        nobody = F.lit(None).cast("string")
        why = F.when(truncate, reason([], sequence, quarantined_by=nobody, dropped_by=nobody)).otherwise(why)
        rule = F.when(~truncate, rule)
        rows = rows.withColumn(TRUNCATE, truncate)
    return rows.withColumns(
        {
            SEQUENCE: sequence[0]
            if len(sequence) == 1
            else F.struct(*[c.alias(n) for c, n in zip(sequence, entity.sequence_by, strict=True)]),
            DELETE: delete | truncate,
            REASON: why,
            RULE: rule,
        }
    )


def events(rows: DataFrame, entity: Entity) -> DataFrame:
    """The events among :func:`marked` rows: value columns and :data:`MARKS`; deletes that are to be ignored are none."""
    values = value_columns(rows.columns, entity)
    is_event = col(REASON).isNull()
    if entity.deletes == "ignore":
        is_event = is_event & ~col(DELETE)
    marks = MARKS if entity.apply_as_truncates is None else (*MARKS, TRUNCATE)
    return rows.where(is_event).select(*[col(name) for name in values], *[col(name) for name in marks])


def _holds(condition: str | None) -> Column:
    """Whether an SQL condition is true of a row; null is false."""
    return F.lit(False) if condition is None else F.coalesce(F.expr(condition), F.lit(False))
