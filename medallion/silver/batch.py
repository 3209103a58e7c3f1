"""One micro-batch: gate, fold, merge, remember; a frozen value that Spark may call in another process.

The writes of a batch, in order: quarantine, journal or tombstones, table, `applied`. A crash between any two of them
is repaired by the same batch again: each write is idempotent by what it means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Literal

from medallion.bronze.entry import RunCompleted
from medallion.bronze.log import Stored
from medallion.clock import Clock, SystemClock
from medallion.config.silver import DELETED_AT, Entity
from medallion.config.values import parse_instant
from medallion.errors import FencedError, SnapshotError
from medallion.failpoint import failpoint
from medallion.silver import applied, evolve
from medallion.silver.ahead import Ahead
from medallion.silver.counted import Counted
from medallion.silver.earlier import counting, deliveries, left_by, logical_time
from medallion.silver.identity import identity
from medallion.silver.intake import Intake, foresee, take
from medallion.silver.landed import Delivery, Landed
from medallion.silver.models import current, history, ledger, periodic, snapshot
from medallion.silver.models.tables import Counts, Tables, unpublished
from medallion.silver.publish import UNSAID, WHOLE, DeltaTable, TableLayout, layout_for
from medallion.silver.span import ANYTHING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def tables(spark: SparkSession, *, target: str, state: str, layout: TableLayout = UNSAID) -> Tables:
    """The Delta tables of an entity, by where its table (path, URI, or name in a catalog) and its state are; *layout* is of the table."""

    def part(name: str, layout: TableLayout = UNSAID) -> DeltaTable:
        return DeltaTable(spark=spark, path=f"{state}/{name}", layout=layout)

    return Tables(
        target=DeltaTable(spark=spark, path=target, layout=layout),
        journal=part("journal"),
        tombstones=part("tombstones"),
        quarantine=part("quarantine"),
        resolved=part("resolved"),
        applied=part("applied", WHOLE),
    )


@dataclass(frozen=True, kw_only=True)
class MicroBatch:
    """What ``foreachBatch`` calls. *claim* and *next_claim* are files: the promotion holds the first while the second is missing."""

    entity: Entity
    load_pattern: Literal["full", "cdc", "current_history"]
    bronze: str
    target: str
    state: str
    checksum: Literal["full", "size", "none"]
    claim: str
    next_claim: str
    attempt: str
    table_id: str | None
    """Of the table that earlier batches made; None: not made or not known yet."""
    replay: bool = False
    accept_quarantine: bool = False
    newest: applied.Snapshot | None = None
    """The newest snapshot that earlier promotions applied to this very table."""
    instead: Mapping[int, int] = field(default_factory=dict)
    """The version of the snapshot that a batch takes, by the version at which it ends; empty: the one that the log delivers."""
    entries: tuple[Stored, ...] = ()
    """Entries of the log that were read already, their chain checked."""
    heard: list[applied.Applied] = field(default_factory=list)
    """What the batches of this promotion wrote into `applied`. Where Spark calls a copy in another process, ours hears nothing."""
    ahead: Ahead | None = None
    """It may have counted the rows of the first batch already."""
    clock: Clock = field(default_factory=SystemClock)

    def counts_ahead(self, spark: SparkSession, after: dict[str, Any], end: dict[str, Any]) -> Ahead:
        """The rows of the batch that will deliver the log from one offset to another are being counted."""

        def count() -> tuple[Delivery, Counted | None]:
            landed = self._landed(spark)
            delivery = self._delivery(landed, after["version"] + 1, end["version"], prev_sha256=after["sha256"])
            return delivery, foresee(landed, delivery, self.entity, by_sequence=self._by_sequence) if delivery.chunks else None

        return Ahead(spark, count)

    @property
    def _by_run(self) -> bool:
        return self.entity.model == "periodic_snapshot"

    @property
    def _by_sequence(self) -> bool:
        """Whether the batch needs to know of ties and deletes before it writes: of events of which one row a key stays."""
        return self.load_pattern != "full" and not (self._by_run or self.entity.model == "scd_type_2" or ledger.needed(self.entity))

    def _landed(self, spark: SparkSession) -> Landed:
        return Landed(spark=spark, root=self.bronze, known={one.version: one for one in self.entries})

    def _delivery(self, landed: Landed, first: int, last: int, *, prev_sha256: str) -> Delivery:
        delivery = landed.deliver(first, last, prev_sha256=prev_sha256, by_run=self._by_run)
        if last not in self.instead:
            return delivery
        return replace(landed.run(self.instead[last]), first_version=first, last_version=last, sha256=delivery.sha256)

    def __call__(self, frame: DataFrame, _batch_id: int) -> None:
        """The range of log versions that *frame* holds is in the table, and in `applied`."""
        spark = frame.sparkSession
        asked = frame.collect()
        if not asked:
            return
        started, since = self.clock.now(), self.clock.monotonic()
        landed = self._landed(spark)
        delivery = self._delivery(landed, asked[0]["first"], asked[-1]["last"], prev_sha256=asked[0]["prev_sha256"])
        failpoint("batch.before")
        self._still_ours(spark)
        work = tables(spark, target=self.target, state=self.state, layout=layout_for(self.entity))
        if self.load_pattern == "full" or self._by_run:
            if delivery.snapshot is None:
                return
            if self._is_old(delivery, delivery.snapshot, work):
                if self._by_run:  # there is no newer row of `applied` for it: a later run may be of another date
                    self._remember(work, delivery, Counts(), None, started, since)
                return
        elif not delivery.chunks:
            return
        counts, taken = self._fold(landed, delivery, work)
        failpoint("batch.target")
        self._remember(work, delivery, counts, taken, started, since)
        failpoint("batch.applied")

    def _still_ours(self, spark: SparkSession) -> None:
        """Raises FencedError if another promotion has taken the claim."""
        folder, ours = self.claim.rsplit("/", 1)
        claims = Landed(spark=spark, root=folder)
        if not claims.exists(ours) or claims.exists(self.next_claim.rsplit("/", 1)[-1]):
            raise FencedError(
                f"another promotion of {self.entity.entity} has taken over from {self.attempt}; nothing of this batch was published"
            )

    def _is_old(self, delivery: Delivery, run: RunCompleted, work: Tables) -> bool:
        """Whether this snapshot was applied already; raises SnapshotError if it must not be."""
        if self.entity.model == "periodic_snapshot":
            if periodic.is_stored(work, self._slice(delivery), {placed.version for placed in delivery.chunks}):
                return True
            self._refuse_empty(run)
            return False
        last = self._last_snapshot()
        if last is not None:
            assert delivery.snapshot_version is not None, "a snapshot has a version"
            at, newest = logical_time(delivery), parse_instant(last.logical_date)
            if self.replay and self.entity.model != "scd_type_2" and delivery.snapshot_version == last.version:
                return False  # the newest snapshot again: it mends a table that was restored, and changes nothing in one that is right
            if delivery.snapshot_version <= last.version and (at <= newest or not self.instead):
                return True
            if at < newest or (run.newest_logical_date is not None and not self.instead):
                this = applied.Snapshot(version=delivery.snapshot_version, logical_date=at)
                if applied.holds(work.applied, this, table_id=self._id(work)):
                    return True  # folded in its place, when all were folded again
                raise SnapshotError(
                    f"the snapshot of {run.logical_date} (run {run.run_id}) is older than the newest one, "
                    f"{run.newest_logical_date or newest.isoformat()}; nothing was published: run promote with --rebuild, which folds all "
                    "snapshots again in the order of their dates"
                )
        self._refuse_empty(run)
        return False

    def _refuse_empty(self, run: RunCompleted) -> None:
        if run.rows == 0 and not self.entity.allow_empty_snapshot:
            raise SnapshotError(
                f"the snapshot of {run.logical_date} (run {run.run_id}) is empty and would delete every row; nothing was published: "
                "look at the source, or set allow_empty_snapshot: true"
            )

    def _slice(self, delivery: Delivery) -> periodic.Slice:
        assert delivery.snapshot is not None, "by run, each delivery is one"
        assert delivery.snapshot_version is not None, "a run that is complete has a version"
        return periodic.slice_of(delivery.snapshot, delivery.snapshot_version, by=periodic.kept_by(self.entity, self.load_pattern))

    def _fold(self, landed: Landed, delivery: Delivery, work: Tables) -> tuple[Counts, Intake | None]:
        """The table as it shall be; returns what the fold counted and what it was given (None: an empty snapshot)."""
        if not delivery.chunks:
            assert delivery.snapshot is not None, "only a snapshot delivers nothing and means something"
            if self.entity.model == "periodic_snapshot":
                return periodic.clear(work, self._slice(delivery)), None
            return self._apply_empty(landed, work, delivery), None
        taken = take(
            landed,
            delivery,
            self.entity,
            work,
            check=self.checksum,
            so_far=lambda: applied.quarantined_by(work.applied, self.attempt),
            accept_quarantine=self.accept_quarantine,
            by_sequence=self._by_sequence,
            ahead=self.ahead,
        )
        if self.heard or self.replay or self.table_id is not None:  # else there is no table, or one that this very batch has made
            evolve.widen(taken.events, work, self.entity)
        if self.entity.model == "periodic_snapshot":
            return periodic.apply(taken.events, work, self.entity, self._slice(delivery)), taken
        if delivery.snapshot is not None:
            return self._apply_snapshot(taken.events, landed, work, delivery, taken.unsure), taken
        if ledger.needed(self.entity):
            span = ANYTHING if self.entity.apply_as_truncates is not None else taken.span  # a truncate is of every key
            return ledger.apply(taken.events, work, self.entity, span=span), taken
        if self.entity.model == "scd_type_2":
            return history.apply(taken.events, work, self.entity, span=taken.span), taken
        return current.apply(taken.events, work, self.entity, ties=taken.ties, deletes=taken.deletes, span=taken.span), taken

    def _apply_snapshot(
        self, batch: DataFrame, landed: Landed, work: Tables, delivery: Delivery, unsure: DataFrame | None = None
    ) -> Counts:
        """*unsure* are rows of a snapshot that were set aside though they have a key: it is not absent."""
        run = delivery.snapshot
        assert run is not None, "it is one"
        at, last = logical_time(delivery), self._last_snapshot()
        replaces = last is not None and at == parse_instant(last.logical_date)
        if ledger.needed(self.entity):
            if replaces:
                ledger.forget(work, at, before=run.first_version)
            events = ledger.as_events(batch, work, self.entity, at, delivery.snapshot_version or 0, unsure, replaces=replaces)
            return ledger.apply(events, work, self.entity, whole=replaces)
        model = snapshot.apply_history if self.entity.model == "scd_type_2" else snapshot.apply_current
        before = partial(self._before, landed, work, delivery) if replaces else None
        return model(batch, work, self.entity, at, unsure, before=before)

    def _before(self, landed: Landed, work: Tables, delivery: Delivery, wanted: DataFrame) -> DataFrame | None:
        """What the table had of some keys before the snapshots of this logical time."""
        told = counting(deliveries(landed, self.load_pattern, delivery.last_version))
        earlier = [one for one in told if logical_time(one) < logical_time(delivery)]
        newest = max((placed.chunk.schema_id for placed in delivery.chunks), default=-1)
        return left_by(earlier, wanted, landed, self.entity, applied.ruled(work.applied), schema_id=newest)

    def _last_snapshot(self) -> applied.Snapshot | None:
        """The newest snapshot that is in the table, of this promotion or of one before."""
        return applied.snapshot_of(self.heard[-1]) if self.heard else self.newest

    def _id(self, work: Tables, created: str | None = None) -> str:
        """Of the table, which may have been created just now."""
        return self.heard[-1].table_id if self.heard else self.table_id or created or work.target.table_id()

    def _apply_empty(self, landed: Landed, work: Tables, delivery: Delivery) -> Counts:
        """An empty snapshot that is allowed: every key is absent. Nothing to do where there is no table yet."""
        there = work.target.frame()
        if there is None:
            return Counts()
        none = unpublished(there, self.entity).limit(0)
        added = {*self.entity.history_columns.model_dump().values(), DELETED_AT}
        return self._apply_snapshot(none.drop(*[name for name in none.columns if name in added]), landed, work, delivery)

    def _remember(self, work: Tables, delivery: Delivery, counts: Counts, taken: Intake | None, started: datetime, since: float) -> None:
        run = delivery.snapshot
        row = applied.Applied(
            first_version=delivery.first_version,
            last_version=delivery.last_version,
            sha256=delivery.sha256,
            snapshot_logical_date=parse_instant(run.logical_date) if run else None,
            snapshot_version=delivery.snapshot_version,
            rows=delivery.rows,
            quarantined=counts.quarantined + (taken.quarantined if taken else 0),
            ties=counts.ties,
            late=counts.late,
            files=len(delivery.chunks),
            bytes=delivery.bytes,
            started_at=started,
            seconds=self.clock.monotonic() - since,
            table_id=self._id(work, counts.written.table_id),
            table_version=work.target.version() if counts.written.version is None else counts.written.version,
            inserted=counts.written.inserted,
            updated=counts.written.updated,
            deleted=counts.written.deleted,
            identity=identity(self.entity, self.load_pattern),
            runtime=f"medallion {_version()}, Spark {work.target.spark.version}",
            attempt=self.attempt,
            dropped=taken.dropped if taken else 0,
            rules=taken.unmet if taken else {},
            accepted=taken is not None and taken.accepted,
            expectations=applied.spelled(self.entity.expectations) if taken else None,
        )
        applied.write(work.applied, row)
        self.heard.append(row)


def _version() -> str:
    try:
        return version("medallion-foundry")
    except PackageNotFoundError:  # run from a folder or a zip
        from medallion import __version__

        return __version__
