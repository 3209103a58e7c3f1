"""What a batch takes in: files held against the log, rows held against the rules, the rest set aside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pyspark.errors import AnalysisException
from pyspark.sql import functions as F

from medallion.config.silver import Entity
from medallion.errors import StateError
from medallion.gate import checksum
from medallion.gate.quarantine import NULL_SEQUENCE
from medallion.silver.events import REASON, col, events, marked, normalized, require_columns
from medallion.silver.landed import NOT_FOUND, Delivery, Landed
from medallion.silver.quarantine import set_aside

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from medallion.silver.models.tables import Tables


@dataclass(frozen=True, kw_only=True)
class Intake:
    """What of a delivery goes to the model, and what does not."""

    events: DataFrame
    unsure: DataFrame | None
    """Rows that were set aside though they may have a key: a snapshot does not say that these keys are absent."""
    quarantined: int


def take(landed: Landed, delivery: Delivery, entity: Entity, tables: Tables, *, check: Literal["full", "size", "none"]) -> Intake:
    """The events of a delivery that has chunks; its other rows are in the quarantine.

    Raises ChecksumError, ChainError, ConfigError, or StateError where files hold other rows than the log lists; nothing is published then.
    """
    try:
        files = {landed.path(p): checksum.Expected(bytes=p.chunk.files[0].bytes, sha256=p.chunk.files[0].sha256) for p in delivery.chunks}
        checksum.check(landed.spark, files, mode=check)
        rows = normalized(landed.rows(delivery.chunks), entity.normalize)
        require_columns(rows, entity)
        known = marked(rows, entity)
        read, refused = (int(total or 0) for total in known.agg(F.count("*"), F.count(col(REASON))).collect()[0])
    except AnalysisException as error:
        missing = landed.missing(delivery.chunks) if error.getCondition() == NOT_FOUND else None
        if missing is None:
            raise
        raise missing from error
    if read != delivery.rows:
        raise StateError(
            f"log versions {delivery.first_version} to {delivery.last_version} list {delivery.rows} rows, "
            f"their files hold {read}; nothing was published"
        )
    if refused:
        set_aside(tables.quarantine, known.where(col(REASON).isNotNull()))
    unsure = known.where(col(REASON) == NULL_SEQUENCE) if refused and delivery.snapshot is not None else None
    return Intake(events=events(known, entity), unsure=unsure, quarantined=refused)
