"""The parents of a run, each once and in order: on disk, so that there may be any number of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

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
