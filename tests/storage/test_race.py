"""A store that lets two writers win is found."""

from __future__ import annotations

import pytest

from medallion.errors import AlreadyExistsError, StorageUnavailable, UnsafeStoreError
from medallion.storage.race import check_put_if_absent
from medallion.testing.stores import FlakyFileSystem, MemoryFileSystem


class Overwriting(MemoryFileSystem):
    """Lets every writer win, as a store without conditions does."""

    def put_if_absent(self, path: str, data: bytes) -> None:
        """Overwrites."""
        self.put(path, data)


class Refusing(MemoryFileSystem):
    """Lets nobody win."""

    def put_if_absent(self, path: str, data: bytes) -> None:
        """Refuses."""
        raise AlreadyExistsError(f"{path}: not even {len(data)} bytes")


class Mixing(MemoryFileSystem):
    """Has one winner and keeps another's bytes."""

    def put_if_absent(self, path: str, data: bytes) -> None:
        """Creates once, overwrites always."""
        try:
            super().put_if_absent(path, data)
        finally:
            self.contents[path] = b"of nobody"


@pytest.mark.parametrize(
    ("store", "words"),
    [(Overwriting(), "8 of 8 writers"), (Refusing(), "0 of 8 writers"), (Mixing(), "something else")],
    ids=["overwriting", "refusing", "mixing"],
)
def test_unsafe_stores_are_found(store: MemoryFileSystem, words: str) -> None:
    """Two winners, none, or the wrong contents are an error that says so, and no file stays."""
    with pytest.raises(UnsafeStoreError, match=words):
        check_put_if_absent(store)
    assert store.contents == {}


def test_a_safe_store_passes_and_is_left_clean() -> None:
    """One winner in every round, and no files afterwards."""
    store = MemoryFileSystem()
    check_put_if_absent(store, writers=3, rounds=2)
    assert store.contents == {}


def test_a_store_that_fails_is_not_called_unsafe() -> None:
    """What is wrong with the store itself is raised as it is."""
    with pytest.raises(StorageUnavailable):
        check_put_if_absent(FlakyFileSystem(MemoryFileSystem(), ["refused"]), writers=2, rounds=1)
