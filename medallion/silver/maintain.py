"""Upkeep of a Silver table and its state, off the hot path: small files become large ones, files that no version needs go."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medallion.clock import Clock
from medallion.config.pipeline import Pipeline
from medallion.config.silver import Entity
from medallion.silver.batch import tables
from medallion.silver.claims import acquire, release
from medallion.silver.home import place
from medallion.silver.publish import layout_for
from medallion.storage.filesystem import FileSystem

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

STATE = ("journal", "tombstones", "quarantine", "resolved", "applied")
"""Parts of the state that are Delta tables, and so need upkeep as well."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What was done to one Delta table: *joined* files became *written* ones; *removable* (only counted in a dry run) no version needs."""

    table: str
    joined: int = 0
    written: int = 0
    removable: int | None = None


def maintain(spark: SparkSession, pipeline: Pipeline, entity: Entity, state: FileSystem, *, dry_run: bool, clock: Clock) -> list[Kept]:
    """Properties, clustering, files and history of the entity's tables are as the configuration wants them.

    It holds the claim of a promotion meanwhile. *dry_run* changes nothing. Raises BusyError while a promotion is at work.
    """
    where = place(pipeline, entity)
    work = tables(spark, target=where.target, state=where.state, layout=layout_for(entity))
    everything = [work.target, *(getattr(work, name) for name in STATE)]
    upkeep = pipeline.platform.silver.maintenance
    if dry_run:
        return [Kept(table=table.path, removable=table.removable(upkeep.retain)) for table in everything if table.frame() is not None]
    claim = acquire(
        state,
        where.layout.part("claims"),
        attempt=f"maintain-{uuid.uuid4().hex[:12]}",
        clock=clock,
        takeover_after=pipeline.platform.bronze.takeover_after,
        take_over=False,
    )
    done = []
    try:
        work.target.settle()
        for table in everything:
            if table.frame() is None:
                continue
            joined, written = table.optimize() if upkeep.optimize else (0, 0)
            if upkeep.vacuum:
                table.vacuum(upkeep.retain)
            done.append(Kept(table=table.path, joined=joined, written=written))
    finally:
        release(state, claim)
    return done
