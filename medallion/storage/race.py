"""Whether a store keeps its promise that of many writers one wins: seen by letting them race."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

from medallion.errors import AlreadyExistsError, UnsafeStoreError
from medallion.storage.filesystem import FileSystem

FOLDER = "_race"


def check_put_if_absent(fs: FileSystem, *, writers: int = 8, rounds: int = 5) -> None:
    """Returns if in each of *rounds* exactly one of *writers* created the file and the file holds what that one wrote.

    Raises UnsafeStoreError otherwise, and any StorageError of the store. The files, below ``_race/``, are removed again.
    """
    with ThreadPoolExecutor(max_workers=writers) as pool:
        for _ in range(rounds):
            path = f"{FOLDER}/{uuid.uuid4().hex}"
            try:
                _race(fs, path, writers, pool)
            finally:
                fs.delete(path)


def _race(fs: FileSystem, path: str, writers: int, pool: ThreadPoolExecutor) -> None:
    start = threading.Barrier(writers)
    contents = [f"{path} by writer {number}\n".encode() for number in range(writers)]

    def won(data: bytes) -> bool:
        start.wait()
        try:
            fs.put_if_absent(path, data)
        except AlreadyExistsError:
            return False
        return True

    winners = [data for data, first in zip(contents, pool.map(won, contents), strict=True) if first]
    if len(winners) != 1:
        raise UnsafeStoreError(
            f"{fs.root}: {len(winners)} of {writers} writers believe to have created the same file, so a log there would lose "
            "entries; use another store or provider"
        )
    if fs.read(path) != winners[0]:
        raise UnsafeStoreError(f"{fs.root}: a file holds something else than what its only writer put there; use another store")
