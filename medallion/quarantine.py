"""Rows that were set aside: looked at, landed again once they are mended, or discarded; each once, and said by whom."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from medallion.bronze import again
from medallion.bronze.log import LogReader
from medallion.bronze.mend import Mended, mended
from medallion.clock import Clock
from medallion.config.pipeline import Pipeline
from medallion.config.silver import Entity
from medallion.errors import ConfigError, Problem
from medallion.events import Listener
from medallion.layout import BronzeLayout
from medallion.silver.claims import acquire, release
from medallion.silver.home import layout_of
from medallion.storage.filesystem import FileSystem

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from medallion.silver.models.tables import Tables
    from medallion.silver.quarantine import Aside, Chosen, Counted


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a replay or a discard did: *rows* that it resolved, and those of the chosen ones that were *replayed* or *discarded* before.

    *landed_version* is the log version of the chunk in which the rows of a replay are; None: there was none to land. *found* rows were
    landed in *found_version* by a replay that was killed before it could say so.
    """

    rows: int = 0
    found: int = 0
    found_version: int | None = None
    replayed: int = 0
    discarded: int = 0
    landed_version: int | None = None
    run_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Quarantine:
    """The quarantine of one entity. *state* and *bronze* are the file systems at the roots of that name."""

    spark: SparkSession
    pipeline: Pipeline
    entity: Entity
    state: FileSystem
    bronze: FileSystem
    clock: Clock
    listener: Listener

    def counts(self) -> list[Counted]:
        """All rows by reason and rule."""
        from medallion.silver import quarantine

        work = self._tables()
        return quarantine.counted(work.quarantine, work.resolved)

    def rows(self, chosen: Chosen, *, limit: int | None = None) -> list[Aside]:
        """The chosen rows. Raises ConfigError where a position is named that is not in the quarantine."""
        from medallion.silver import quarantine

        work = self._tables()
        found = quarantine.asides(work.quarantine, work.resolved, chosen, limit=limit)
        if limit is None and chosen.positions:
            there = {row.position for row in found}
            unknown = [position for position in chosen.positions if position not in there]
            if unknown:
                at = ":".join(map(str, unknown[0]))
                message = f"the quarantine of {self.entity.entity} has no row {at} of that kind; `medallion quarantine show` lists them"
                raise ConfigError([Problem(path="--at", message=message)])
        return found

    def replay(self, chosen: Chosen, corrections: Sequence[Mended], *, who: str, why: str | None) -> Done:
        """The chosen rows that are open are in the Bronze log again, mended where *corrections* say so, and marked as replayed.

        Exactly once: rows that a killed replay has landed are only marked. Raises ConfigError, BusyError, FencedError, ChecksumError,
        StateError or StorageError; nothing is landed then, or it is found by the next replay.
        """
        from medallion.silver.quarantine import resolve

        origin = self._origin()
        if origin.load_pattern == "full":
            message = "rows of a snapshot are not replayed: mend them at the source, the next snapshot brings them; discard them here"
            raise ConfigError([Problem(path=self.entity.entity, message=message)])
        layout = BronzeLayout(system=origin.system, table=origin.table)
        told = {one.position: one for one in corrections}
        with self._claimed():
            rows = self.rows(chosen)
            work = self._tables()
            late, late_version = self._landed_before(work, layout, rows, who=who, why=why)
            todo = [row for row in rows if row.state in ("open", "landing") and row not in late]
            run_id = version = None
            if todo:
                table = mended(self.bronze, layout, [told.get(row.position) or _as_it_stands(row) for row in todo])
                now = self.clock.now()
                run_id = again.new_run_id(now)
                newest = LogReader(self.bronze, layout).newest()
                resolve(work.resolved, todo, "landing", run_id=run_id, landed_version=newest, who=who, why=why, at=now)
                version = again.land(
                    self.bronze,
                    layout,
                    table,
                    [row.position for row in todo],
                    run_id=run_id,
                    entity=self.entity.entity,
                    source=origin.name,
                    load_pattern=origin.load_pattern,
                    bronze=self.pipeline.platform.bronze,
                    clock=self.clock,
                    listener=self.listener,
                )
                resolve(work.resolved, todo, "replayed", run_id=run_id, landed_version=version, who=who, why=why, at=now)
        before = Counter(row.state for row in rows)
        return Done(
            rows=len(todo),
            found=len(late),
            found_version=late_version,
            replayed=before["replayed"],
            discarded=before["discarded"],
            landed_version=version,
            run_id=run_id,
        )

    def discard(self, chosen: Chosen, *, who: str, why: str) -> Done:
        """The chosen rows that are open are marked as discarded."""
        from medallion.silver.quarantine import resolve

        origin = self._origin()
        with self._claimed():
            rows, work = self.rows(chosen), self._tables()
            layout = BronzeLayout(system=origin.system, table=origin.table)
            late, version = self._landed_before(work, layout, rows, who=who, why=why)
            todo = [row for row in rows if row.state in ("open", "landing") and row not in late]
            if todo:
                resolve(work.resolved, todo, "discarded", who=who, why=why, at=self.clock.now())
        before = Counter(row.state for row in rows)
        return Done(rows=len(todo), found=len(late), found_version=version, replayed=before["replayed"], discarded=before["discarded"])

    def _landed_before(
        self, work: Tables, layout: BronzeLayout, rows: Sequence[Aside], *, who: str, why: str | None
    ) -> tuple[list[Aside], int | None]:
        """Those of *rows* that a replay landed which was killed before it could say so; they are marked now."""
        from medallion.silver.quarantine import resolve

        reader = LogReader(self.bronze, layout)
        late: list[Aside] = []
        newest = None
        for run_id in dict.fromkeys(row.run_id for row in rows if row.state == "landing"):
            mine = [row for row in rows if row.run_id == run_id and row.state == "landing"]
            assert run_id is not None, "who lands rows says in which run"
            version = again.landed_at(reader, run_id, after=mine[0].landed_version or 0)
            if version is not None:
                resolve(work.resolved, mine, "replayed", run_id=run_id, landed_version=version, who=who, why=why, at=self.clock.now())
                late, newest = [*late, *mine], version
        return late, newest

    def _origin(self) -> _Origin:
        source = self.pipeline.source_of(self.entity)
        table = source or self.entity.bronze
        assert table is not None, "the configuration was checked"
        name = table.table if source is None else source.name
        return _Origin(system=table.system, table=table.table, load_pattern=table.load_pattern, name=name)

    def _tables(self) -> Tables:
        from medallion.silver.batch import tables
        from medallion.silver.home import place

        where = place(self.pipeline, self.entity)
        return tables(self.spark, target=where.target, state=where.state)

    @contextmanager
    def _claimed(self) -> Iterator[None]:
        """Meanwhile no promotion is at work, and no other replay. Raises BusyError where one is."""
        claim = acquire(
            self.state,
            layout_of(self.pipeline, self.entity).part("claims"),
            attempt=f"quarantine-{uuid.uuid4().hex[:12]}",
            clock=self.clock,
            takeover_after=self.pipeline.platform.bronze.takeover_after,
            take_over=False,
        )
        try:
            yield
        finally:
            release(self.state, claim)


def _as_it_stands(row: Aside) -> Mended:
    return Mended(position=row.position, changes={}, label="row {}:{}:{}".format(*row.position))


@dataclass(frozen=True, kw_only=True)
class _Origin:
    """The Bronze table of an entity."""

    system: str
    table: str
    load_pattern: Literal["full", "cdc", "current_history"]
    name: str
