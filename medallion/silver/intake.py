"""What a batch takes in: files held against the log, rows held against the rules, the rest set aside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pyspark.errors import AnalysisException

from medallion.config.silver import Entity
from medallion.errors import ExpectationError, QuarantineLimitError, StateError
from medallion.failpoint import failpoint
from medallion.gate import checksum
from medallion.gate.expect import require_conditions
from medallion.gate.quarantine import DROPPED
from medallion.silver.ahead import Ahead
from medallion.silver.counted import Counted, counted, names_rows
from medallion.silver.events import REASON, col, events, marked, normalized, require_columns
from medallion.silver.landed import NOT_FOUND, Delivery, Landed
from medallion.silver.quarantine import set_aside
from medallion.silver.span import Span

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from medallion.silver.models.tables import Tables


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
    ahead: Ahead | None = None,
) -> Intake:
    """The events of a delivery that has chunks; its other rows are in the quarantine.

    *by_sequence*: ties and deletes are counted as well, which takes a shuffle. *ahead* may have counted already. *so_far* gives the rows
    that the batches of the promotion took before this one, and those of them in the quarantine; it is asked where the limit may be
    reached. Raises ChecksumError, ChainError, ConfigError, ExpectationError, QuarantineLimitError, or StateError where files hold other
    rows than the log lists; nothing is published then, and nothing set aside.
    """
    try:
        files = {landed.path(p): checksum.Expected(bytes=p.chunk.file.bytes, sha256=p.chunk.file.sha256) for p in delivery.chunks}
        known = _known(landed, delivery, entity)
        checksum.check(landed.spark, files, mode=check)
        counts = ahead.of(delivery) if ahead else None
        counts = counts or counted(known, entity, by_sequence=by_sequence)
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


def foresee(landed: Landed, delivery: Delivery, entity: Entity, *, by_sequence: bool) -> Counted:
    """What :func:`take` will count, if the files are those of the log; by other plans, which read no more than they must."""
    return counted(_known(landed, delivery, entity, positions=names_rows(entity)), entity, by_sequence=by_sequence)


def _known(landed: Landed, delivery: Delivery, entity: Entity, *, positions: bool = True) -> DataFrame:
    """The rows with their marks. Raises ConfigError."""
    rows = normalized(landed.rows(delivery.chunks, positions=positions), entity.normalize)
    require_columns(rows, entity)
    require_conditions(rows, entity.expectations, path=f"silver.{entity.entity}")
    return marked(rows, entity)


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
