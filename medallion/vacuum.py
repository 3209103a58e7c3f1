"""Tidy up: Bronze files that nobody will read are removed, Silver tables and their state get the upkeep that is configured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medallion.bronze.orphans import orphans
from medallion.clock import Clock
from medallion.config.pipeline import Pipeline
from medallion.config.silver import Entity
from medallion.errors import MedallionError, worst
from medallion.layout import BronzeLayout
from medallion.silver.home import layout_of
from medallion.storage.filesystem import FileSystem

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from medallion.silver.maintain import Kept


@dataclass(frozen=True, kw_only=True)
class Swept:
    """Orphans of a Bronze table: how many files with how many bytes."""

    table: str
    files: int = 0
    bytes: int = 0
    error: MedallionError | None = None


@dataclass(frozen=True, kw_only=True)
class Upkeep:
    """What was done to the tables of an entity; none where nothing was promoted yet."""

    entity: str
    tables: tuple[Kept, ...] = ()
    error: MedallionError | None = None


@dataclass(frozen=True, kw_only=True)
class Tidied:
    """All that was looked at."""

    bronze: tuple[Swept, ...]
    silver: tuple[Upkeep, ...]

    @property
    def errors(self) -> tuple[MedallionError, ...]:
        """What went wrong; the failure of one table does not hold up the others."""
        found = [*(one.error for one in self.bronze), *(one.error for one in self.silver)]
        return tuple(error for error in found if error is not None)

    @property
    def exit_status(self) -> int:
        """The worst of all; 0 where nothing went wrong."""
        return worst(error.exit_status for error in self.errors)


def vacuum(
    pipeline: Pipeline,
    layouts: Sequence[BronzeLayout],
    entities: Sequence[Entity],
    *,
    bronze: FileSystem,
    state: FileSystem,
    start_spark: Callable[[], SparkSession],
    dry_run: bool,
    clock: Clock,
) -> Tidied:
    """The Bronze tables at *layouts* have no orphans, the tables of *entities* are kept up; *dry_run* only counts.

    Spark is started where something was promoted and upkeep is switched on.
    """
    swept = [_sweep(bronze, layout, dry_run=dry_run) for layout in layouts]
    wanted = pipeline.platform.silver.maintenance
    promoted = [one for one in entities if any(True for _ in state.files(layout_of(pipeline, one).part("applied")))]
    kept: list[Upkeep] = []
    if promoted and (wanted.optimize or wanted.vacuum):
        spark = start_spark()
        kept = [_keep(spark, pipeline, entity, state, dry_run=dry_run, clock=clock) for entity in promoted]
    return Tidied(bronze=tuple(swept), silver=tuple(kept))


def _sweep(fs: FileSystem, layout: BronzeLayout, *, dry_run: bool) -> Swept:
    name = f"{layout.system}.{layout.table}"
    try:
        found = orphans(fs, layout)
        for file in () if dry_run else found:
            fs.delete(file.path)
    except MedallionError as error:
        return Swept(table=name, error=error)
    return Swept(table=name, files=len(found), bytes=sum(file.size for file in found))


def _keep(spark: SparkSession, pipeline: Pipeline, entity: Entity, state: FileSystem, *, dry_run: bool, clock: Clock) -> Upkeep:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    from medallion.silver.maintain import maintain
    from medallion.silver.promote import translated

    try:
        done = maintain(spark, pipeline, entity, state, dry_run=dry_run, clock=clock)
    except MedallionError as error:
        return Upkeep(entity=entity.entity, error=error)
    except (PySparkException, Py4JError) as error:
        return Upkeep(entity=entity.entity, error=translated(str(error)))
    return Upkeep(entity=entity.entity, tables=tuple(done))
