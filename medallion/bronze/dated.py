"""Pages that ask for ``{run.date}``: the day of the run that is open in the log, which may be resumed on a later one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from medallion.bronze.log import LogReader
from medallion.bronze.state import open_state
from medallion.config.values import parse_instant
from medallion.errors import StateError
from medallion.layout import BronzeLayout
from medallion.source.protocol import Lane, LaneSource, Page
from medallion.storage.filesystem import FileSystem


@dataclass(frozen=True, kw_only=True)
class DatedPages:
    """A PageSource that *opened* makes for a logical date, once the run is open that says which."""

    fs: FileSystem
    layout: BronzeLayout
    opened: Callable[[datetime], LaneSource]

    def pages(self, lanes: Iterable[Lane]) -> Iterator[Page]:
        """See PageSource. Raises StateError where no run is open."""
        run = open_state(LogReader(self.fs, self.layout)).open
        if run is None:
            raise StateError(f"no run is open in {self.layout.folder}, so there is no date to ask for; run again")
        return self.opened(parse_instant(run.started.logical_date)).pages(lanes)
