"""Where everything lives: the only spelling of every path on disk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

LOG = "_log"
HINT = "_log/_last"


def entry_name(version: int) -> str:
    """Path of a log entry below its table: twenty digits, so that names sort as versions do."""
    return f"{LOG}/{version:020d}.json"


def quoted(name: str) -> str:
    """The identifier as SQL takes it, whatever characters it has."""
    return "`" + name.replace("`", "``") + "`"


def literal(text: str) -> str:
    """How SQL spells a text."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@dataclass(frozen=True, kw_only=True)
class BronzeLayout:
    """Paths of one Bronze table, relative to the Bronze root."""

    system: str
    table: str

    @property
    def folder(self) -> str:
        """The table's folder."""
        return f"system={self.system}/table={self.table}"

    def entry(self, version: int) -> str:
        """The log entry of a version."""
        return f"{self.folder}/{entry_name(version)}"

    @property
    def hint(self) -> str:
        """The hint of the newest version: may be wrong, never trusted."""
        return f"{self.folder}/{HINT}"

    def within(self, path: str) -> str:
        """A path that a log entry names, relative to the root instead of the table."""
        return f"{self.folder}/{path}"

    @staticmethod
    def run_folder(logical_date: datetime, run_id: str) -> str:
        """A run's folder relative to the table; ``dt`` is the UTC day of the logical date."""
        return f"dt={logical_date.astimezone(timezone.utc):%Y-%m-%d}/run={run_id}"


@dataclass(frozen=True, kw_only=True)
class SilverLayout:
    """Paths of one Silver table and of its state."""

    pipeline: str
    domain: str
    entity: str
    version: int

    @property
    def table(self) -> str:
        """The Delta table, relative to the Silver root."""
        return f"domain={self.domain}/entity={self.entity}/v{self.version}"

    @property
    def name(self) -> str:
        """The table's name in the schema of a catalog."""
        return self.entity if self.version == 1 else f"{self.entity}_v{self.version}"

    @property
    def exports(self) -> str:
        """The folder of the exports of all versions, relative to their root; not in a table's: Delta removes what it does not know."""
        return f"domain={self.domain}/entity={self.entity}/export"

    @property
    def state(self) -> str:
        """The state's folder, relative to the state root."""
        return f"{self.pipeline}/{self.entity}/v{self.version}"

    def part(self, name: str) -> str:
        """A part of the state: checkpoint, journal, tombstones, quarantine, resolved, applied or claims."""
        return f"{self.state}/{name}"
