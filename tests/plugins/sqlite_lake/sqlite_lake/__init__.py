"""Roots ``sqlite://NAME/folder``: files are rows of the database that ``platform.connection.plugin.databases`` calls NAME."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from pathlib import Path

from medallion.errors import AlreadyExistsError, DiskFullError, NotFoundError, StorageError, StorageUnavailable
from medallion.storage.filesystem import FileInfo, checked
from medallion.storage.location import Location
from medallion.storage.provider import Access, Provider


class SqliteFileSystem:
    """A FileSystem over the rows of *database* that begin with the root's path; each call is a transaction of its own."""

    def __init__(self, root: Location, database: Path) -> None:
        self.root = root
        self._database = database
        self._prefix = root.path.strip("/") + "/" if root.path.strip("/") else ""

    @classmethod
    def opened(cls, root: Location, access: Access) -> SqliteFileSystem:
        """Opens *root*; StorageError where the options name no database for it."""
        databases = access.options.get("databases", {})
        if root.authority not in databases:
            raise StorageError(f"{root}: platform.connection.plugin.databases has no {root.authority!r}")
        return cls(root, Path(databases[root.authority]))

    def put_if_absent(self, path: str, data: bytes) -> None:
        """See FileSystem: a primary key is given to one row."""
        with self._connected(path) as db:
            db.execute("INSERT INTO file VALUES (?, ?, ?)", (self._key(path), data, _now()))

    def put(self, path: str, data: bytes) -> None:
        """See FileSystem."""
        with self._connected(path) as db:
            db.execute("INSERT OR REPLACE INTO file VALUES (?, ?, ?)", (self._key(path), data, _now()))

    def upload(self, local: Path, path: str) -> None:
        """See FileSystem. *local* stays."""
        if not local.is_file():
            raise StorageError(f"{local}, which was to be stored as {path}, is not a file")
        self.put(path, local.read_bytes())

    def read(self, path: str) -> bytes:
        """See FileSystem."""
        with self._connected(path) as db:
            found = db.execute("SELECT data FROM file WHERE path = ?", (self._key(path),)).fetchone()
        if found is None:
            raise NotFoundError(f"{path} is not a file")
        return bytes(found[0])

    def exists(self, path: str) -> bool:
        """See FileSystem."""
        with self._connected(path) as db:
            return db.execute("SELECT 1 FROM file WHERE path = ?", (self._key(path),)).fetchone() is not None

    def files(self, path: str = "") -> Iterator[FileInfo]:
        """See FileSystem."""
        prefix = self._key(path) + "/" if path else self._prefix
        with self._connected(path) as db:
            found = db.execute("SELECT path, length(data), at FROM file WHERE substr(path, 1, ?) = ?", (len(prefix), prefix)).fetchall()
        for name, size, at in found:
            yield FileInfo(path=name.removeprefix(self._prefix), size=size, modified=datetime.fromisoformat(at))

    def delete(self, path: str) -> None:
        """See FileSystem."""
        with self._connected(path) as db:
            db.execute("DELETE FROM file WHERE path = ?", (self._key(path),))

    def _key(self, path: str) -> str:
        return self._prefix + checked(path)

    @contextmanager
    def _connected(self, path: str) -> Iterator[sqlite3.Connection]:
        """A connection in a transaction; errors of the database become those of the seam."""
        try:
            with closing(sqlite3.connect(self._database, timeout=60)) as db, db:
                db.execute("CREATE TABLE IF NOT EXISTS file (path TEXT PRIMARY KEY, data BLOB NOT NULL, at TEXT NOT NULL)")
                yield db
        except sqlite3.IntegrityError as error:
            raise AlreadyExistsError(f"{path} is there already") from error
        except sqlite3.OperationalError as error:
            kind = StorageUnavailable if "locked" in str(error) else DiskFullError if "full" in str(error) else StorageError
            raise kind(f"{self.root.child(path)}: {error}") from error
        except sqlite3.Error as error:
            raise StorageError(f"{self.root.child(path)}: {error}") from error


def _now() -> str:
    return datetime.now(tz=timezone.utc).isoformat()


PROVIDER = Provider(
    name="sqlite", schemes=("sqlite",), open=SqliteFileSystem.opened, put_if_absent="a primary key, of which a database has one row only"
)
