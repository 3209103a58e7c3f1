"""What every implementation of a seam has to pass; subclass with a fixture and run it with pytest.

::

    class TestMyStore(FileSystemContract):
        @pytest.fixture
        def fs(self, tmp_path): return MyFileSystem(...)    # an empty root
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from medallion.errors import AlreadyExistsError, NotFoundError, StorageError
from medallion.storage.filesystem import FileSystem, head
from medallion.storage.race import check_put_if_absent

OUTSIDE = ("", ".", "..", "../x", "/abs", "a//b", "a/../../x", "a/..", "a/", "./a", "a/./b", "nul\0name", "back\\slash")
"""Paths that are no plain paths below a root."""

VERBS: dict[str, Callable[[FileSystem, str, Path], object]] = {
    "delete": lambda fs, path, _local: fs.delete(path),
    "exists": lambda fs, path, _local: fs.exists(path),
    "put": lambda fs, path, _local: fs.put(path, b"x"),
    "put_if_absent": lambda fs, path, _local: fs.put_if_absent(path, b"x"),
    "read": lambda fs, path, _local: fs.read(path),
    "upload": lambda fs, path, local: fs.upload(local, path),
}


class FileSystemContract:
    """The promises of :class:`medallion.storage.filesystem.FileSystem`, one test each; *fs* is a fixture: an empty root."""

    @pytest.fixture
    def fs(self) -> FileSystem:
        """An empty root of the file system under test."""
        raise AssertionError("a subclass of FileSystemContract has to define the fixture fs")

    @pytest.mark.parametrize("data", [b"", b"\0\xff\r\n", "Zürich 東京 🚆".encode()], ids=["empty", "binary", "unicode"])
    def test_what_was_put_is_read(self, fs: FileSystem, data: bytes) -> None:
        """Both ways to put give back the same bytes, none of them being special."""
        fs.put("a/put", data)
        fs.put_if_absent("a/created", data)
        assert fs.read("a/put") == data
        assert fs.read("a/created") == data

    def test_ten_megabytes_pass_unchanged(self, fs: FileSystem, tmp_path: Path) -> None:
        """Large contents survive put and upload."""
        data = os.urandom(10 * 1024 * 1024)
        local = tmp_path / "spooled"
        local.write_bytes(data)
        fs.put("large/put", data)
        fs.upload(local, "large/uploaded")
        for path in ("large/put", "large/uploaded"):
            assert hashlib.sha256(fs.read(path)).digest() == hashlib.sha256(data).digest()

    def test_put_replaces(self, fs: FileSystem) -> None:
        """The newest put counts, however long the one before was."""
        fs.put("hint", b"a long first text")
        fs.put("hint", b"short")
        assert fs.read("hint") == b"short"

    def test_put_if_absent_keeps_what_is_there(self, fs: FileSystem) -> None:
        """A second creation is refused and changes nothing, even with the same bytes."""
        fs.put_if_absent("log/0", b"first")
        for data in (b"second", b"first"):
            with pytest.raises(AlreadyExistsError):
                fs.put_if_absent("log/0", data)
        assert fs.read("log/0") == b"first"

    def test_put_if_absent_refuses_what_was_put(self, fs: FileSystem) -> None:
        """A file counts however it came there."""
        fs.put("there", b"x")
        with pytest.raises(AlreadyExistsError):
            fs.put_if_absent("there", b"y")

    def test_a_deleted_name_is_free_again(self, fs: FileSystem) -> None:
        """After a deletion the file can be created once more."""
        fs.put_if_absent("claim", b"one")
        fs.delete("claim")
        fs.put_if_absent("claim", b"two")
        assert fs.read("claim") == b"two"

    def test_of_eight_writers_one_wins(self, fs: FileSystem) -> None:
        """In twenty races of eight writers each file has exactly one creator, and holds what that one wrote."""
        check_put_if_absent(fs, writers=8, rounds=20)
        assert list(fs.files()) == []

    def test_a_file_is_seen_whole_or_not_at_all(self, fs: FileSystem) -> None:
        """A reader beside a writer sees nothing or everything."""
        data = os.urandom(1024 * 1024)
        written = threading.Event()

        def look() -> set[int]:
            sizes = set()
            while not written.is_set():
                if fs.exists("whole"):
                    sizes.add(len(fs.read("whole")))
            return sizes

        with ThreadPoolExecutor(max_workers=1) as pool:
            seen = pool.submit(look)
            try:
                fs.put_if_absent("whole", data)
            finally:
                written.set()
        assert seen.result() <= {len(data)}

    def test_upload_lands_the_bytes_of_the_local_file(self, fs: FileSystem, tmp_path: Path) -> None:
        """An uploaded file is there with its size, below folders that did not exist."""
        local = tmp_path / "part.parquet"
        local.write_bytes(b"PAR1")
        fs.upload(local, "dt=2026-11-23/run=1/part.parquet")
        assert fs.read("dt=2026-11-23/run=1/part.parquet") == b"PAR1"
        assert [(file.path, file.size) for file in fs.files()] == [("dt=2026-11-23/run=1/part.parquet", 4)]

    def test_upload_of_nothing_is_an_error(self, fs: FileSystem, tmp_path: Path) -> None:
        """A local file that is missing leaves no empty file behind."""
        with pytest.raises(StorageError):
            fs.upload(tmp_path / "missing", "never")
        assert not fs.exists("never")

    def test_reading_what_is_not_there_is_typed(self, fs: FileSystem) -> None:
        """Neither a missing file nor a folder can be read."""
        fs.put("folder/file", b"x")
        for path in ("missing", "no/such/folder/file", "folder"):
            with pytest.raises(NotFoundError):
                fs.read(path)

    def test_the_beginning_of_a_file_is_read(self, fs: FileSystem) -> None:
        """As many bytes as are wanted, or all there are; a file that is not there is a typed error."""
        fs.put("whole", b"0123456789")
        assert head(fs, "whole", 4) == b"0123"
        assert head(fs, "whole", 100) == b"0123456789"
        with pytest.raises(NotFoundError):
            head(fs, "nothing", 4)

    def test_only_files_exist(self, fs: FileSystem) -> None:
        """A file exists; its folder, and what lies beside it, does not."""
        fs.put("folder/file", b"x")
        assert fs.exists("folder/file")
        assert not fs.exists("folder")
        assert not fs.exists("folder/other")

    def test_files_lists_a_folder_at_any_depth(self, fs: FileSystem) -> None:
        """A listing gives each file below the folder once, by its path from the root, and nothing from beside it."""
        for path in ("a/1", "a/b/c/2", "a/_log/3", "a/.hidden", "ab/4"):
            fs.put(path, b"four")
        assert sorted(file.path for file in fs.files("a")) == ["a/.hidden", "a/1", "a/_log/3", "a/b/c/2"]
        assert len(list(fs.files())) == 5
        assert {file.size for file in fs.files()} == {4}
        assert {file.modified.utcoffset() is not None for file in fs.files()} == {True}

    def test_a_missing_folder_has_no_files(self, fs: FileSystem) -> None:
        """Neither the root before its first write nor an unknown folder is an error."""
        assert list(fs.files()) == []
        assert list(fs.files("nowhere/at/all")) == []

    def test_delete_can_be_repeated(self, fs: FileSystem) -> None:
        """After a deletion there is no file, whether or not there was one."""
        fs.put("a/b", b"x")
        for _ in range(2):
            fs.delete("a/b")
            assert not fs.exists("a/b")
        fs.delete("never/there")

    def test_names_that_stores_treat_specially_are_plain(self, fs: FileSystem) -> None:
        """Percent signs, blanks, globs and letters beyond ASCII are part of a name and nothing else."""
        for path in ("a b/c%20d", "e+f/g*[h]{i}?#j", "köln/東京", "dt=2026-11-23/run=a.b-c_d"):
            fs.put(path, path.encode())
            assert fs.read(path) == path.encode()
            assert [file.path for file in fs.files(path.split("/")[0])] == [path]

    @pytest.mark.parametrize("verb", sorted(VERBS))
    @pytest.mark.parametrize("path", OUTSIDE)
    def test_paths_that_are_not_plain_are_refused(self, fs: FileSystem, tmp_path: Path, path: str, verb: str) -> None:
        """Nothing is read or written by a path that is absolute, climbs, or has two spellings."""
        local = tmp_path / "local"
        local.write_bytes(b"x")
        with pytest.raises(StorageError):
            VERBS[verb](fs, path, local)
        assert list(fs.files()) == []
