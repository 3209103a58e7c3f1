"""How a flow ended, source by source and entity by entity, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from medallion.bronze.extract import ExtractResult
from medallion.errors import MedallionError, worst
from medallion.silver.promoted import Promoted

Status = Literal["done", "unchanged", "failed", "skipped"]
"""unchanged: nothing was new. skipped: it was not tried, since something before it failed."""


@dataclass(frozen=True, kw_only=True)
class SourceOutcome:
    """How the extraction of a source ended. *result* is there where it came to its end, *error* where it did not."""

    source: str
    status: Status
    result: ExtractResult | None = None
    error: MedallionError | None = None


@dataclass(frozen=True, kw_only=True)
class EntityOutcome:
    """How the promotion of an entity ended. *silver_rows* is the number of rows in its table, at *path*."""

    entity: str
    status: Status
    source: str | None = None
    """The source of this configuration that it is made of, if it is."""
    promoted: Promoted | None = None
    silver_rows: int | None = None
    path: str | None = None
    error: MedallionError | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a flow ended, source by source and entity by entity."""

    pipeline: str
    sources: tuple[SourceOutcome, ...] = ()
    entities: tuple[EntityOutcome, ...] = ()
    seconds: float = 0.0

    @property
    def errors(self) -> tuple[MedallionError, ...]:
        """What went wrong, sources before entities."""
        found = [*(one.error for one in self.sources), *(one.error for one in self.entities)]
        return tuple(error for error in found if error is not None)

    @property
    def exit_status(self) -> int:
        """The worst of all exit statuses; 0 where everything went well."""
        return worst(error.exit_status for error in self.errors)

    @property
    def nothing_new(self) -> bool:
        """Whether all went well and changed no table; without entities: no source had a row."""
        sources, entities = {one.status for one in self.sources}, {one.status for one in self.entities}
        return sources <= {"done", "unchanged"} and (entities or sources) == {"unchanged"}
