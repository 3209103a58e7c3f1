"""A root is raced before the first file is created there only if absent, once, and a store that fails the race is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medallion.errors import AlreadyExistsError, UnsafeStoreError
from medallion.storage.proven import MARK, ProvenFileSystem
from medallion.storage.registry import open_filesystem
from medallion.testing.clock import FakeClock
from medallion.testing.stores import FlakyFileSystem, MemoryFileSystem


class Overwriting(MemoryFileSystem):
    """Lets every writer win."""

    def put_if_absent(self, path: str, data: bytes) -> None:
        """Overwrites."""
        self.put(path, data)


def proven(store: MemoryFileSystem, name: str = "memory") -> tuple[ProvenFileSystem, FlakyFileSystem]:
    """The store as a run opens it, and what counts its calls."""
    counted = FlakyFileSystem(store, [])
    return ProvenFileSystem(counted, name=name, clock=FakeClock()), counted


def test_the_first_creation_on_a_root_is_raced_for_and_no_later_one() -> None:
    """Forty writers before the first file, none before the second, none in the next process; only the mark stays."""
    store = MemoryFileSystem()
    first, counted = proven(store)
    first.put_if_absent("log/0", b"0")
    assert sum(verb == "put_if_absent" for verb, _ in counted.calls) == 5 * 8 + 1
    first.put_if_absent("log/1", b"1")
    assert counted.calls[-1] == ("put_if_absent", "log/1")
    second, recounted = proven(store)
    second.put_if_absent("log/2", b"2")
    assert recounted.calls == [("read", MARK), ("put_if_absent", "log/2")]
    assert sorted(store.contents) == [MARK, "log/0", "log/1", "log/2"]
    assert json.loads(store.contents[MARK])["root"] == "memory://test/"


@pytest.mark.parametrize("attempts", [1, 2])
def test_a_store_that_lets_two_writers_win_is_refused(attempts: int) -> None:
    """Nothing is written, however often it is tried, and no mark says that it passed."""
    store = Overwriting()
    fs, _ = proven(store)
    for _ in range(attempts):
        with pytest.raises(UnsafeStoreError, match="8 of 8 writers"):
            fs.put_if_absent("log/0", b"0")
    assert store.contents == {}


@pytest.mark.parametrize(
    "mark",
    [
        b"",
        b"null",
        b'{"root": "memory://other/", "provider": "memory"}',
        b'{"root": "memory://test/", "provider": "another"}',
        b'["memory"]',
    ],
    ids=["empty", "null", "of another root", "of another provider", "list"],
)
def test_a_mark_that_is_about_something_else_says_nothing(mark: bytes) -> None:
    """A lake that was copied to an unsafe store is raced there."""
    store = Overwriting()
    store.contents[MARK] = mark
    with pytest.raises(UnsafeStoreError):
        proven(store)[0].put_if_absent("log/0", b"0")


def test_reading_writes_nothing() -> None:
    """A root that is only looked at is not raced on."""
    store = MemoryFileSystem()
    store.contents["a"] = b"x"
    fs, _ = proven(store)
    assert (fs.read("a"), fs.exists("b"), [file.path for file in fs.files()]) == (b"x", False, ["a"])
    assert sorted(store.contents) == ["a"]


def test_what_is_taken_is_still_taken() -> None:
    """After the race a creation is refused as ever."""
    fs, _ = proven(MemoryFileSystem())
    fs.put("there", b"x")
    with pytest.raises(AlreadyExistsError):
        fs.put_if_absent("there", b"y")


def test_every_root_is_opened_so(tmp_path: Path) -> None:
    """The way in which commands open a root leaves the mark on a real disk."""
    fs = open_filesystem(str(tmp_path), clock=FakeClock())
    fs.put_if_absent("a", b"x")
    assert sorted(file.path for file in fs.files()) == [MARK, "a"]
