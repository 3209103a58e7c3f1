"""A cursor for each parent: where its requests start, what its rows say, and what of that is kept when the run ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from medallion.bronze import marks
from medallion.bronze.entry import Marks
from medallion.bronze.opening import Opened, parent_fields
from medallion.bronze.roster import Roster
from medallion.config.bound import Bound, moved, parse_bound
from medallion.config.incremental import Incremental
from medallion.config.source import Source
from medallion.config.values import parse_instant
from medallion.layout import BronzeLayout
from medallion.storage.filesystem import FileSystem


@dataclass(frozen=True, kw_only=True)
class Kin:
    """The cursors of a run whose parents are in *roster*."""

    fs: FileSystem
    layout: BronzeLayout
    source: Source
    incremental: Incremental
    opened: Opened
    roster: Roster

    def recall(self) -> None:
        """The roster knows the watermarks in force, and what earlier attempts of the run saw. Raises ChecksumError or StorageError."""
        before, earlier = self.opened.started.watermarks, self.opened.continued
        if before is not None:
            self.roster.remember((key, value) for _, key, value in marks.read(self.fs, self.layout, before))
        for candidates in () if earlier is None else earlier.candidates:
            for number, _, value in marks.read(self.fs, self.layout, candidates):
                self.roster.saw(number, value)

    def since(self, watermark: str | None) -> Bound:
        """Where requests for a parent start: at its watermark less the lookback; a new one begins at the beginning."""
        if watermark is None:
            return self.incremental.initial
        return moved(parse_bound(watermark), self.incremental.overlap, back=True)

    def keep(self, candidates: Mapping[int, str]) -> Marks:
        """A file of *candidates*, for the entry of the chunk that they are from."""
        keys = self.roster.some(candidates)
        return self._written((number, keys[number], value) for number, value in candidates.items())

    def landed(self, candidates: Mapping[int, str]) -> None:
        """*candidates* are in the log."""
        for number, value in candidates.items():
            self.roster.saw(number, value)

    def completed(self) -> Marks | None:
        """The watermarks once all parents are done: of each that was asked for. None: as they were."""
        before = self.opened.started.watermarks
        if self.opened.started.backfill:
            return None
        if before is not None and not self.roster.is_moved() and before.parents == sum(1 for _ in self.roster.marks()):
            return None
        return self._written(self.roster.marks())

    def _written(self, rows: Iterable[tuple[int, str, str]]) -> Marks:
        started = self.opened.started
        folder = self.layout.run_folder(parse_instant(started.logical_date), started.run_id)
        return marks.write(self.fs, self.layout, folder, rows, of=parent_fields(self.source), by_number=self.incremental.by_number)
