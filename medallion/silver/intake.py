"""What a batch takes in: files held against the log, rows held against the rules, the rest set aside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import functions as F

from medallion.config.silver import Entity
from medallion.errors import ConfigError, ExpectationError, Problem, QuarantineLimitError, StateError
from medallion.failpoint import failpoint
from medallion.gate import checksum
from medallion.gate.expect import require_conditions, unmet
from medallion.gate.quarantine import DROPPED
from medallion.silver.events import (
    DELETE,
    POSITION,
    REASON,
    SEQUENCE,
    TRUNCATE,
    col,
    events,
    marked,
    normalized,
    require_columns,
    value_columns,
)
from medallion.silver.fold import content
from medallion.silver.landed import NOT_FOUND, Delivery, Landed
from medallion.silver.quarantine import set_aside
from medallion.silver.span import Span, ordered, span

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from medallion.silver.models.tables import Tables

_ENDS = {"least": F.min, "greatest": F.max}
_DATA_EXCEPTION = "22"
"""SQLSTATE class of an expression that a value makes impossible, such as a cast or a division."""


@dataclass(frozen=True, kw_only=True)
class Intake:
    """What of a delivery goes to the model, and what does not."""

    events: DataFrame
    unsure: DataFrame | None
    """Rows that were set aside or left out though they may have a key: a snapshot does not say that these keys are absent."""
    quarantined: int
    dropped: int
    unmet: Mapping[str, int]
    """Rows that do not meet it, by expectation."""
    accepted: bool
    """Whether these are more rows in the quarantine than the limit allows."""
    span: Span
    """Of the keys of the events."""
    ties: int
    deletes: int
    """Sequences that are contested, and events that delete; 0 where they were not asked for."""


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


def take(
    landed: Landed,
    delivery: Delivery,
    entity: Entity,
    tables: Tables,
    *,
    check: Literal["full", "size", "none"],
    so_far: Callable[[], tuple[int, int]],
    accept_quarantine: bool = False,
    by_sequence: bool = False,
) -> Intake:
    """The events of a delivery that has chunks; its other rows are in the quarantine.

    *by_sequence*: ties and deletes are counted as well, which takes a shuffle. *so_far* gives the rows that the batches of the promotion
    took before this one, and those of them in the quarantine; it is asked where the limit may be reached. Raises ChecksumError, ChainError,
    ConfigError, ExpectationError, QuarantineLimitError, or StateError where files hold other rows than the log lists; nothing is published
    then, and nothing set aside.
    """
    try:
        files = {landed.path(p): checksum.Expected(bytes=p.chunk.file.bytes, sha256=p.chunk.file.sha256) for p in delivery.chunks}
        checksum.check(landed.spark, files, mode=check)
        rows = normalized(landed.rows(delivery.chunks), entity.normalize)
        require_columns(rows, entity)
        require_conditions(rows, entity.expectations, path=f"silver.{entity.entity}")
        known = marked(rows, entity)
        counts = counted(known, entity, by_sequence=by_sequence)
    except AnalysisException as error:
        missing = landed.missing(delivery.chunks) if error.getCondition() == NOT_FOUND else None
        if missing is None:
            raise
        raise missing from error
    where = f"log versions {delivery.first_version} to {delivery.last_version}"
    if counts.rows != delivery.rows:
        raise StateError(f"{where} list {delivery.rows} rows, their files hold {counts.rows}; nothing was published")
    _refuse_unmet(counts, entity, where)
    accepted = _is_over(counts, entity, so_far)
    if accepted and not accept_quarantine:
        _refuse_quarantine(counts, entity, where)
    if counts.quarantined:
        set_aside(tables.quarantine, known.where(col(REASON).isNotNull() & (col(REASON) != DROPPED)))
        failpoint("batch.quarantine")
    left_out = counts.quarantined + counts.dropped
    return Intake(
        events=events(known, entity),
        unsure=known.where(col(REASON).isNotNull()) if left_out and delivery.snapshot is not None else None,
        quarantined=counts.quarantined,
        dropped=counts.dropped,
        unmet=counts.unmet,
        accepted=accepted,
        span=counts.span,
        ties=counts.ties,
        deletes=counts.deletes,
    )


def counted(known: DataFrame, entity: Entity, *, by_sequence: bool) -> Counted:
    """Everything that is counted of the rows, in one action: each by itself, or *by_sequence* those of a key and sequence together."""
    place = F.struct(*[col(name) for name in POSITION])
    is_event = col(REASON).isNull()
    aside = ~is_event & (col(REASON) != DROPPED)
    is_row = ~col(TRUNCATE) if TRUNCATE in known.columns else F.lit(True)
    misses = {rule.name: is_row & unmet(rule) for rule in entity.expectations}
    totals = {
        "rows": F.count("*"),
        "quarantined": F.count(F.when(aside, 1)),
        "dropped": F.count(F.when(col(REASON) == DROPPED, 1)),
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
        measured = {**totals, **firsts, "is told": F.max(is_event)}
        frame = known.groupBy(*[col(name).alias(alias) for name, alias in place_of.items()], col(SEQUENCE)).agg(
            *[measure.alias(name) for name, measure in measured.items()]
        )
        totals, firsts = {name: F.sum(col(name)) for name in totals}, {name: F.min(col(name)) for name in firsts}
        told, is_told = {name: col(place_of[name]) for name in told}, col("is told")
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
        dropped=found["dropped"] or 0,
        unmet={name: found[f"unmet {name}"] or 0 for name in misses},
        first_quarantined=None if found.get("first") is None else tuple(found["first"]),
        first_unmet={name: tuple(place) for name, place in first.items()},
        span=span({name: (found[f"least {name}"], found[f"greatest {name}"]) for name in told}, known.schema),
        ties=found.get("ties") or 0,
        deletes=found.get("deletes") or 0,
    )


def _refuse_unmet(counts: Counted, entity: Entity, where: str) -> None:
    """Raises ExpectationError for the first rule that says so. No value is shown: it may be a secret."""
    for rule in entity.expectations:
        if rule.action == "fail" and counts.unmet[rule.name]:
            raise ExpectationError(
                f"{entity.entity}: {counts.unmet[rule.name]} of {counts.rows} rows of {where} do not meet the expectation {rule.name}, "
                f"the first of them {_spelled(counts.first_unmet[rule.name])}; nothing of this batch was published: mend the source, or "
                "choose another action"
            )


def _is_over(counts: Counted, entity: Entity, so_far: Callable[[], tuple[int, int]]) -> bool:
    """Whether the promotion has more rows in the quarantine than the limit allows, with those of this batch."""
    if entity.max_quarantined is None or not counts.quarantined:
        return False
    rows, quarantined = so_far()
    return entity.max_quarantined.is_exceeded(quarantined + counts.quarantined, of=rows + counts.rows)


def _refuse_quarantine(counts: Counted, entity: Entity, where: str) -> None:
    assert counts.first_quarantined is not None, "rows are counted, so one of them is the first"
    by_rule = ", ".join(f"{counts.unmet[rule.name]} by {rule.name}" for rule in entity.expectations if rule.action == "quarantine")
    raise QuarantineLimitError(
        f"{entity.entity}: {counts.quarantined} of {counts.rows} rows of {where} would be set aside"
        f"{f' ({by_rule})' if by_rule else ''}, the first of them {_spelled(counts.first_quarantined)}: with the batches before "
        "it more than max_quarantined allows; nothing of this batch was published: look at the source, then let it pass once with "
        "--accept-quarantine"
    )


def _spelled(position: tuple[int, int, int]) -> str:
    return "at log version {}, chunk {}, row {}".format(*position)
