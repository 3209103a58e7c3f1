"""The parents of a run, each once and in order: on disk, so that there may be any number of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from medallion.bronze.state import latest
from medallion.config.bound import is_before, parse_bound
from medallion.errors import DiskFullError, StorageError

_AT_ONCE = 512
"""Parents that are taken out together."""


class Roster:
    """Parents by their number, from 1 on in the order in which they were first added. A context, in a file of its own.

    A parent is a text that says all that is asked for it. One thread adds; then any may read. Raises DiskFullError or StorageError.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with _typed(path):
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -8000"):
                self._db.execute(f"PRAGMA {setting}")
            self._db.execute("CREATE TABLE parent (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE)")
            self._db.execute("CREATE TABLE mark (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
            self._db.execute("CREATE TABLE candidate (number INTEGER PRIMARY KEY, value TEXT NOT NULL)")

    def __enter__(self) -> Roster:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._db.close()

    def add(self, keys: Iterable[str]) -> None:
        """Those of *keys* that are not there yet come last."""
        with _typed(self._path):
            self._db.execute("BEGIN")
            self._db.executemany("INSERT OR IGNORE INTO parent (key) VALUES (?)", ((key,) for key in keys))
            self._db.execute("COMMIT")

    def __len__(self) -> int:
        with _typed(self._path):
            return int(self._db.execute("SELECT count(*) FROM parent").fetchone()[0])

    def remember(self, marks: Iterable[tuple[str, str]]) -> None:
        """The watermarks of parents, with which the run begins; before anything is read."""
        with _typed(self._path):
            self._db.execute("BEGIN")
            self._db.executemany("INSERT OR REPLACE INTO mark (key, value) VALUES (?, ?)", marks)
            self._db.execute("COMMIT")

    def mark(self, key: str) -> str | None:
        """The watermark of a parent; None: it is a new one."""
        with _typed(self._path):
            found = self._db.execute("SELECT value FROM mark WHERE key = ?", (key,)).fetchone()
        return None if found is None else str(found[0])

    def saw(self, number: int, value: str) -> None:
        """Rows up to *value* have landed of the parent *number*."""
        with _typed(self._path):
            found = self._db.execute("SELECT value FROM candidate WHERE number = ?", (number,)).fetchone()
            if found is None or is_before(parse_bound(found[0]), parse_bound(value)):
                self._db.execute("INSERT OR REPLACE INTO candidate (number, value) VALUES (?, ?)", (number, value))

    def is_moved(self) -> bool:
        """Whether rows have landed that move a watermark."""
        with _typed(self._path):
            return self._db.execute("SELECT 1 FROM candidate LIMIT 1").fetchone() is not None

    def marks(self) -> Iterator[tuple[int, str, str]]:
        """Number, key and watermark of each parent that has one, once all of them are done."""
        number = 0
        asked = (
            "SELECT number, parent.key, mark.value, candidate.value FROM parent "
            "LEFT JOIN mark USING (key) LEFT JOIN candidate USING (number) WHERE number > ? ORDER BY number LIMIT ?"
        )
        while True:
            with _typed(self._path):
                found: list[tuple[int, str, str | None, str | None]] = self._db.execute(asked, (number, _AT_ONCE)).fetchall()
            if not found:
                return
            for number, key, before, candidate in found:
                if (value := latest(before, candidate)) is not None:
                    yield number, key, value

    def some(self, numbers: Iterable[int]) -> Mapping[int, str]:
        """The parents with these *numbers*."""
        with _typed(self._path):
            found = [self._db.execute("SELECT number, key FROM parent WHERE number = ?", (number,)).fetchone() for number in numbers]
        return dict(one for one in found if one is not None)

    def since(self, number: int) -> Iterator[tuple[int, str]]:
        """The parents from *number* on, with their numbers."""
        while True:
            with _typed(self._path):
                asked = "SELECT number, key FROM parent WHERE number >= ? ORDER BY number LIMIT ?"
                found: list[tuple[int, str]] = self._db.execute(asked, (number, _AT_ONCE)).fetchall()
            if not found:
                return
            yield from found
            number = found[-1][0] + 1


@contextmanager
def _typed(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        kind = DiskFullError if "full" in str(error) else StorageError
        raise kind(f"{path.name} in the spool cannot be used: {error}") from error
