"""A table made again from all of Bronze: beside the old one, held against Bronze, and put in its place by one commit."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from medallion.clock import Clock
from medallion.config.pipeline import Pipeline
from medallion.config.silver import Entity
from medallion.errors import DifferenceError, FencedError
from medallion.events import Listener
from medallion.silver import applied
from medallion.silver.audit import audit
from medallion.silver.batch import tables
from medallion.silver.claims import acquire, release
from medallion.silver.home import Place, is_name, layout_of, place
from medallion.silver.promote import SWAPPING, promote
from medallion.silver.promoted import Promoted
from medallion.silver.publish import DeltaTable, layout_for
from medallion.silver.receipt import Shelf
from medallion.stop import StopFlag
from medallion.storage.filesystem import FileSystem

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from medallion.silver.export import Exporter
    from medallion.silver.models.tables import Tables

BESIDE = "beside"
"""The part of the state that names the table that is being made beside the entity's own."""
SAMPLE = 1000
"""Keys of the new table that are folded again before it takes the old one's place."""
_PARTS = ("journal", "tombstones", "quarantine")


def rebuild(
    spark: SparkSession,
    pipeline: Pipeline,
    entity: Entity,
    state: FileSystem,
    silver: FileSystem | None,
    *,
    shelf: Shelf | None = None,
    exporter: Exporter | None = None,
    take_over: bool = False,
    accept_quarantine: bool = False,
    clock: Clock,
    listener: Listener,
    stop: StopFlag,
) -> Promoted:
    """The entity's table is what the configuration makes of all of Bronze now, whatever it was before.

    *state* and *silver* are the file systems at the roots of these names; no *silver*: the table is in a catalog. *shelf* takes the
    receipt, *exporter* writes the table out. Who reads the table meanwhile sees the old one, then the new one, whole. A process that is
    killed leaves the old table or the new one; where it was killed in between, promotions are refused until this is done again.
    Raises what :func:`medallion.silver.promote.promote` raises,
    and DifferenceError where the new table is not what its log makes: the old one stays then.
    """
    where = place(pipeline, entity)
    note = where.layout.part(BESIDE)
    name = f"{entity.entity}__rebuild_{uuid.uuid4().hex[:8]}"  # never the same: a session remembers tables by their path
    beside = _named(entity, name)
    claim = acquire(
        state,
        where.layout.part("claims"),
        attempt=f"rebuild-{uuid.uuid4().hex[:12]}",
        clock=clock,
        takeover_after=pipeline.platform.bronze.takeover_after,
        take_over=take_over,
    )
    try:
        if state.exists(note):  # what a killed rebuild left
            _clear(spark, pipeline, _named(entity, state.read(note).decode()), state, silver)
        state.put(note, name.encode())
        done = promote(
            spark, pipeline, beside, state, refold=True, accept_quarantine=accept_quarantine, clock=clock, listener=listener, stop=stop
        )
        made = place(pipeline, beside)
        new = tables(spark, target=made.target, state=made.state)
        if new.target.frame() is not None:
            found = audit(spark, pipeline, beside, sample=SAMPLE, seed=int(clock.now().timestamp()))
            if found.differences:
                raise DifferenceError(
                    f"{entity.entity}: {len(found.differences)} of {found.keys} keys of the table that was made again have other rows than "
                    "their log makes; the old table stays: please report it"
                )
            stop.check()
            if state.exists(claim.next_path):
                raise FencedError(f"another promotion of {entity.entity} has taken over from {claim.held.attempt}; the old table stays")
            old = tables(spark, target=where.target, state=where.state, layout=layout_for(entity))
            _swap(old, new, state, where, made)
            last = applied.newest(old.applied)
            assert last is not None, "it was copied"
            if exporter is not None:
                exporter.export(old.target)
            if shelf is not None:
                shelf.write(last.last_version, last.sha256, done.table_rows)
        _clear(spark, pipeline, beside, state, silver)
        state.delete(note)
    finally:
        release(state, claim)
    return replace(done, entity=entity.entity)


def _named(entity: Entity, name: str) -> Entity:
    return entity.model_copy(update={"entity": name, "exports": ()})


def _swap(old: Tables, new: Tables, state: FileSystem, where: Place, made: Place) -> None:
    """The old tables hold what the new ones hold. The user's table changes by one commit; a mark guards the rest until all is done."""
    state.put(where.layout.part(SWAPPING), b"")
    rows = new.target.frame()
    assert rows is not None, "there is a new table"
    old.target.become(rows)
    for name in _PARTS:
        _follow(getattr(old, name), getattr(new, name), state, where.layout.part(name))
    history = new.applied.frame()
    assert history is not None, "a table that is there was applied"
    told = history.withColumns({"table_id": F.lit(old.target.table_id()), "table_version": F.lit(old.target.version()).cast("bigint")})
    old.applied.become(told)
    checkpoint, copied = where.layout.part("checkpoint"), made.layout.part("checkpoint")
    _remove(state, checkpoint)
    for file in list(state.files(copied)):
        state.put(f"{checkpoint}{file.path.removeprefix(copied)}", state.read(file.path))
    state.delete(where.layout.part(SWAPPING))


def _follow(old: DeltaTable, new: DeltaTable, state: FileSystem, folder: str) -> None:
    """A part of the state is what it is beside; where it is not needed there, it is gone."""
    rows = new.frame()
    if rows is None:
        _remove(state, folder)
    else:
        old.become(rows)


def _clear(spark: SparkSession, pipeline: Pipeline, beside: Entity, state: FileSystem, silver: FileSystem | None) -> None:
    """Nothing is left of a table that was made beside."""
    made, layout = place(pipeline, beside), layout_of(pipeline, beside)
    if is_name(made.target):
        spark.sql(f"DROP TABLE IF EXISTS {made.target}")
    elif silver is not None:
        _remove(silver, layout.table)
    _remove(state, layout.state)


def _remove(fs: FileSystem, folder: str) -> None:
    for file in list(fs.files(folder)):
        fs.delete(file.path)
