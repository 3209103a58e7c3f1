"""What a promotion left behind, in one small file: while nothing has moved since, the next one needs no Spark to say so.

A receipt is a shortcut, never a truth: it is held against the log, the configuration and the newest commits of the tables, and
wherever one of them differs, or cannot be read, the promotion looks for itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timezone

import msgspec

from medallion.bronze.entry import ChunkEntry, RunCompleted
from medallion.bronze.log import LogReader, Stored
from medallion.config.pipeline import Pipeline
from medallion.config.silver import Entity
from medallion.config.values import parse_instant
from medallion.errors import ChainError, LogEntryError, NewerFormatError, NotFoundError
from medallion.layout import BronzeLayout
from medallion.silver import commits
from medallion.silver.commits import Commit
from medallion.silver.home import is_name, layout_of, table_of
from medallion.silver.source import ends
from medallion.storage.filesystem import FileSystem

NAME = "receipt.json"


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot: the version of its ``run_completed``, and its logical time as the log spells it."""

    version: int
    logical_date: str


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Everything up to *version* of the log, whose entry has the hash *sha256*, is in the table, and *rows* are in it."""

    settings: str
    """Hash of what the table depends on in the configuration."""
    version: int
    sha256: str
    target: Commit | None
    """None: nothing was delivered yet that makes a table."""
    applied: Commit | None
    rows: int
    table_id: str | None = None
    """The id that Delta gave the table. None: there is no table, or the receipt is of an older version."""
    snapshot: Snapshot | None = None
    """The newest that is in the table."""


@dataclass(frozen=True, kw_only=True)
class News:
    """A receipt that holds but for the *entries* of the log, their chain checked, that came after it."""

    receipt: Receipt
    entries: tuple[Stored, ...]
    moved: bool = False
    """Whether files of the table were put together, or removed, since the receipt was written; this one is of the table as it is now."""


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """Where the receipt of an entity lies, and what it is held against. All its methods raise StorageError where a store does."""

    pipeline: Pipeline
    entity: Entity
    bronze: FileSystem
    silver: FileSystem
    state: FileSystem

    @staticmethod
    def keeps(pipeline: Pipeline, entity: Entity) -> bool:
        """Whether receipts are kept for this entity: a table in a catalog has no place that we know, exports have a state of their own."""
        return not is_name(table_of(pipeline, entity)) and not entity.exports

    def write(self, version: int, sha256: str, rows: int, *, table_id: str | None = None, snapshot: Snapshot | None = None) -> None:
        """A receipt for what is true now: the log is in the table up to *version*, and the table has *rows* rows."""
        receipt = Receipt(
            settings=self._settings(),
            version=version,
            sha256=sha256,
            target=commits.listed(self.silver, self._table),
            applied=commits.listed(self.state, self._part("applied")),
            rows=rows,
            table_id=table_id,
            snapshot=snapshot,
        )
        self._put(receipt)

    def table_version(self) -> int:
        """The newest version of the table; -1 where there is none."""
        newest = commits.newest(self.silver, self._table)
        return -1 if newest is None else newest

    def standing(self) -> Receipt | None:
        """The receipt, if nothing that was delivered since is missing from the table; moved to the newest entry of the log and the newest
        commit of the table. None: there is none, or something has moved and must be looked at.
        """
        news = self.news()
        if news is None or self._delivers(news.entries):
            return None
        receipt = news.receipt
        if news.entries:
            receipt = msgspec.structs.replace(receipt, version=news.entries[-1].version, sha256=news.entries[-1].sha256)
        if news.entries or news.moved:
            self._put(receipt)
        return receipt

    def news(self) -> News | None:
        """The receipt and what the log holds since, if neither the table's rows nor the configuration have moved; its files may have.

        None: something must be looked at.
        """
        try:
            receipt = msgspec.json.decode(self.state.read(self._path), type=Receipt)
        except (NotFoundError, msgspec.MsgspecError):
            return None
        if receipt.settings != self._settings() or not self.state.exists(f"{self._part('checkpoint')}/metadata"):
            return None
        if not commits.unmoved(self.state, self._part("applied"), receipt.applied):
            return None
        moved = not commits.unmoved(self.silver, self._table, receipt.target)
        if moved:
            target = commits.after_maintenance(self.silver, self._table, receipt.target)
            if target is None:
                return None
            receipt = msgspec.structs.replace(receipt, target=target)
        try:
            fresh = self._since(receipt)
        except (ChainError, LogEntryError, NewerFormatError):  # the promotion says what is wrong, and of which file
            return None
        return None if fresh is None else News(receipt=receipt, entries=tuple(fresh), moved=moved)

    def untouched(self) -> tuple[Stored, ...] | None:
        """The whole log, its chain checked, where no promotion of this entity has begun: it has no table and no state.

        None: something is there, or the log is not as it should be, and must be looked at.
        """
        if self.state.exists(f"{self._part('checkpoint')}/metadata"):  # one small look, where listings may be long
            return None
        if any(self.silver.files(f"{self._table}/_delta_log")) or any(self.state.files(self._part("applied"))):
            return None
        try:
            return tuple(self._log.read(0, self._log.newest()))
        except (ChainError, LogEntryError, NewerFormatError):  # the promotion says what is wrong, and of which file
            return None

    def schemas(self, entries: Sequence[Stored]) -> tuple[Stored, ...]:
        """The entries of the log that say which columns the chunks of *entries* have."""
        named = {chunk.schema_id for one in entries if isinstance(one.entry, ChunkEntry) for chunk in one.entry.chunks}
        return tuple(self._log.one(version) for version in sorted(named - {one.version for one in entries}))

    def _since(self, receipt: Receipt) -> list[Stored] | None:
        """The entries of the log after the receipt's; None where the receipt is of another log."""
        log = self._log
        newest = log.newest()
        if newest < receipt.version or (receipt.version >= 0 and log.one(receipt.version).sha256 != receipt.sha256):
            return None
        return log.read(receipt.version + 1, newest, prev_sha256=receipt.sha256)

    def _delivers(self, fresh: Sequence[Stored]) -> bool:
        by_run = self.entity.model == "periodic_snapshot"
        told = [one for one in fresh if not (by_run and self._repeats_its_day(one))]
        return bool(ends(told, max_files=1, max_bytes=1, by_run=by_run))

    def _repeats_its_day(self, one: Stored) -> bool:
        """Whether a run brings what its slice of the table holds already: the content of a run of the same day, kept by date."""
        run = one.entry
        if not isinstance(run, RunCompleted) or run.same_as_version is None or self.entity.snapshot_by == "run":
            return False
        before = self._log.one(run.same_as_version).entry
        return isinstance(before, RunCompleted) and _day(before) == _day(run)

    def _settings(self) -> str:
        origin = self.pipeline.source_of(self.entity) or self.entity.bronze
        assert origin is not None, "the configuration was checked"
        places = [str(self.bronze.root.child(self._bronze.folder)), str(self.silver.root.child(self._table))]
        said = [self.entity.model_dump(mode="json"), origin.load_pattern, places]
        return hashlib.sha256(msgspec.json.encode(said, order="sorted")).hexdigest()

    def _put(self, receipt: Receipt) -> None:
        self.state.put(self._path, msgspec.json.encode(receipt, order="sorted") + b"\n")

    @property
    def _log(self) -> LogReader:
        return LogReader(self.bronze, self._bronze)

    @property
    def _bronze(self) -> BronzeLayout:
        origin = self.pipeline.source_of(self.entity) or self.entity.bronze
        assert origin is not None, "the configuration was checked"
        return BronzeLayout(system=origin.system, table=origin.table)

    @property
    def _table(self) -> str:
        return layout_of(self.pipeline, self.entity).table

    @property
    def _path(self) -> str:
        return self._part(NAME)

    def _part(self, name: str) -> str:
        return layout_of(self.pipeline, self.entity).part(name)


def _day(run: RunCompleted) -> date:
    return parse_instant(run.logical_date).astimezone(timezone.utc).date()
