"""What is counted of a batch's rows in one pass: how many of which kind, between which values their keys are, what is contested."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspark.errors import PySparkException
from pyspark.sql import functions as F

from medallion.config.silver import Entity
from medallion.errors import ConfigError, Problem
from medallion.gate.expect import unmet
from medallion.gate.quarantine import DROPPED
from medallion.silver.events import DELETE, POSITION, REASON, SEQUENCE, TRUNCATE, col, value_columns
from medallion.silver.fold import content
from medallion.silver.span import Span, ordered, span

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_ENDS = {"least": F.min, "greatest": F.max}
_DATA_EXCEPTION = "22"
"""SQLSTATE class of an expression that a value makes impossible, such as a cast or a division."""


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Of one pass over the rows; positions are (log version, chunk, row) of the first row, where an error may have to name it."""

    rows: int
    quarantined: int
    dropped: int
    unmet: Mapping[str, int]
    first_quarantined: tuple[int, int, int] | None
    first_unmet: Mapping[str, tuple[int, int, int]]
    span: Span
    ties: int
    deletes: int


def names_rows(entity: Entity) -> bool:
    """Whether an error may have to name a row by its position."""
    return entity.max_quarantined is not None or _has(entity, "fail")


def counted(known: DataFrame, entity: Entity, *, by_sequence: bool) -> Counted:
    """Everything that is counted of the rows, in one action: each by itself, or *by_sequence* those of a key and sequence together.

    The latter takes a shuffle, in which each number that is not counted is time. Rows have a position where the entity :func:`names_rows`.
    """
    place = F.struct(*[col(name) for name in POSITION])
    is_event = col(REASON).isNull()
    aside = ~is_event & (col(REASON) != DROPPED)
    is_row = ~col(TRUNCATE) if TRUNCATE in known.columns else F.lit(True)
    misses = {rule.name: is_row & unmet(rule) for rule in entity.expectations}
    totals = {
        "rows": F.count("*"),
        "quarantined": F.count(F.when(aside, 1)),
        **({"dropped": F.count(F.when(col(REASON) == DROPPED, 1))} if _has(entity, "drop") else {}),
        **{f"unmet {name}": F.count(F.when(missed, 1)) for name, missed in misses.items()},
    }
    firsts = {f"first {rule.name}": F.min(F.when(misses[rule.name], place)) for rule in entity.expectations if rule.action == "fail"}
    if entity.max_quarantined is not None:
        firsts["first"] = F.min(F.when(aside, place))
    told, is_told, frame = {name: col(name) for name in ordered(entity.keys, known.schema)}, is_event, known
    if by_sequence:
        values = [name for name in value_columns(known.columns, entity) if name not in entity.keys]
        counts = is_event & ~col(DELETE) if entity.deletes == "ignore" else is_event
        said = F.when(counts, content(values))
        totals["deletes"] = F.count(F.when(counts & col(DELETE), 1))
        totals["ties"] = (F.min(said) != F.max(said)).cast("int")
        place_of = {name: f"key {number}" for number, name in enumerate(entity.keys)}
        measured = {**totals, **firsts}
        frame = known.groupBy(*[col(name).alias(alias) for name, alias in place_of.items()], col(SEQUENCE)).agg(
            *[measure.alias(name) for name, measure in measured.items()]
        )
        totals, firsts = {name: F.sum(col(name)) for name in totals}, {name: F.min(col(name)) for name in firsts}
        told = {name: col(place_of[name]) for name in told}
        is_told = col("rows") > col("quarantined") + (col("dropped") if "dropped" in totals else 0)
    spans = {f"{end} {name}": one(F.when(is_told, key)).cast("string") for name, key in told.items() for end, one in _ENDS.items()}
    measures = {**totals, **firsts, **spans}
    try:
        found: dict[str, Any] = frame.agg(*[measure.alias(name) for name, measure in measures.items()]).collect()[0].asDict()
    except PySparkException as error:
        if not (error.getSqlState() or "").startswith(_DATA_EXCEPTION):
            raise
        raise ConfigError(  # without Spark's own text, which shows the value
            [
                Problem(
                    path=f"silver.{entity.entity}",
                    message=f"an SQL condition (expectations, apply_as_deletes) fails on a value ({error.getCondition()}); nothing was "
                    "published: say what such values mean, for example with try_cast or try_divide",
                )
            ]
        ) from None
    first = {name.removeprefix("first "): place for name, place in found.items() if name.startswith("first ") and place is not None}
    return Counted(
        rows=found["rows"] or 0,
        quarantined=found["quarantined"] or 0,
        dropped=found.get("dropped") or 0,
        unmet={name: found[f"unmet {name}"] or 0 for name in misses},
        first_quarantined=None if found.get("first") is None else tuple(found["first"]),
        first_unmet={name: tuple(place) for name, place in first.items()},
        span=span({name: (found[f"least {name}"], found[f"greatest {name}"]) for name in told}, known.schema),
        ties=found.get("ties") or 0,
        deletes=found.get("deletes") or 0,
    )


def _has(entity: Entity, action: str) -> bool:
    """Whether one of its expectations does this."""
    return any(rule.action == action for rule in entity.expectations)
