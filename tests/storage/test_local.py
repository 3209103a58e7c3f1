"""What only a local disk can do wrong: full, read-only, without links, with links that lead elsewhere, killed in between."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from medallion import errors
from medallion.storage.local import TEMPORARY, LocalFileSystem
from medallion.storage.location import Location


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty folder as the root."""
    (tmp_path / "lake").mkdir()
    return tmp_path / "lake"


@pytest.fixture
def fs(root: Path) -> LocalFileSystem:
    """The file system below the root."""
    return LocalFileSystem(Location.parse(str(root)))


def failing(number: int):
    """A system call that fails with an errno."""

    def call(*_args: object, **_kwargs: object) -> None:
        raise OSError(number, os.strerror(number))

    return call


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, errors.DiskFullError),
        (errno.EDQUOT, errors.DiskFullError),
        (errno.ESTALE, errors.StorageUnavailable),
        (errno.ETIMEDOUT, errors.StorageUnavailable),
        (errno.EIO, errors.StorageError),
        (errno.EROFS, errors.StorageError),
        (errno.EACCES, errors.StorageError),
    ],
)
@pytest.mark.parametrize("verb", ["put", "put_if_absent", "upload"])
def test_errors_of_the_system_are_typed(
    fs: LocalFileSystem, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, number: int, kind: type[Exception]
) -> None:
    """A write that fails is a typed error naming the file; nothing is there afterwards, neither file nor rest."""
    local = tmp_path / "spooled"
    local.write_bytes(b"x")
    monkeypatch.setattr(os, "fsync", failing(number))
    with pytest.raises(errors.StorageError, match="a/b") as raised:
        fs.upload(local, "a/b") if verb == "upload" else getattr(fs, verb)("a/b", b"x")
    monkeypatch.undo()
    assert type(raised.value) is kind
    assert [path for path in root.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_mount_without_links_is_refused(fs: LocalFileSystem, root: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Where no hard link can be made, nothing is created by another way."""
    monkeypatch.setattr(os, "link", failing(number))
    with pytest.raises(errors.UnsafeStoreError, match="refuses hard links"):
        fs.put_if_absent("log/0", b"x")
    assert list((root / "log").iterdir()) == []


def test_a_link_whose_answer_was_lost_is_ours(fs: LocalFileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS may answer that the name exists because its first try made it: the file has two names then, and is ours."""
    link = os.link

    def twice(source: Path, target: Path) -> None:
        link(source, target)
        raise FileExistsError(errno.EEXIST, "exists")

    monkeypatch.setattr(os, "link", twice)
    fs.put_if_absent("log/0", b"x")
    assert fs.read("log/0") == b"x"


@pytest.mark.parametrize("verb", ["read", "exists", "delete", "put", "put_if_absent", "files"])
def test_links_that_leave_the_root_are_refused(fs: LocalFileSystem, root: Path, tmp_path: Path, verb: str) -> None:
    """Neither a folder nor a file that is a link to outside is read, written or deleted through."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"s")
    (root / "folder").symlink_to(outside)
    (root / "file").symlink_to(outside / "secret")
    for path in ("folder/secret", "file"):
        with pytest.raises(errors.StorageError, match="symbolic link"):
            list(getattr(fs, verb)(path, *([b"x"] if verb.startswith("put") else [])) or ())
    assert (outside / "secret").read_bytes() == b"s"
    assert list(fs.files()) == []


def test_links_within_the_root_are_followed(fs: LocalFileSystem, root: Path) -> None:
    """A link that stays below the root is a file like others, and a root may be reached by a link itself."""
    fs.put("a", b"x")
    (root / "b").symlink_to(root / "a")
    (root.parent / "alias").symlink_to(root)
    assert fs.read("b") == b"x"
    assert LocalFileSystem(Location.parse(str(root.parent / "alias"))).read("a") == b"x"
    assert sorted(file.path for file in fs.files()) == ["a", "b"]


def test_what_a_killed_writer_left_is_not_listed(fs: LocalFileSystem, root: Path) -> None:
    """Temporary files are no files of the lake, and their names cannot be asked for."""
    (root / "log").mkdir()
    (root / "log" / f"{TEMPORARY}1234").write_bytes(b"half")
    assert list(fs.files()) == []
    for verb in (fs.read, fs.exists, fs.delete):
        with pytest.raises(errors.StorageError, match="being written"):
            verb(f"log/{TEMPORARY}1234")


def test_an_upload_moves_within_a_device(fs: LocalFileSystem, tmp_path: Path) -> None:
    """On the same device no byte is copied: the file keeps its inode and is gone from where it was."""
    local = tmp_path / "spooled"
    local.write_bytes(b"chunk")
    inode = local.stat().st_ino
    fs.upload(local, "part")
    assert fs.locate("part").stat().st_ino == inode
    assert not local.exists()


def test_an_upload_copies_between_devices(fs: LocalFileSystem, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From another device the bytes are copied beside the target first, so that it is never seen in part."""
    local = tmp_path / "spooled"
    local.write_bytes(b"chunk")
    replace = Path.replace
    moved: list[str] = []

    def across(self: Path, target: Path) -> Path:
        if self == local:
            raise OSError(errno.EXDEV, "cross-device link")
        moved.append(self.name)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", across)
    fs.upload(local, "part")
    assert fs.read("part") == b"chunk"
    assert [name.startswith(TEMPORARY) for name in moved] == [True]
    assert [path.name for path in root.iterdir()] == ["part"]


def test_every_write_is_on_disk_with_its_name(fs: LocalFileSystem, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes, name and new folders are synced; an upload's bytes once."""
    synced: list[str] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    local = tmp_path / "spooled"
    local.write_bytes(b"x")
    fs.upload(local, "a/part")
    assert synced == ["lake", "spooled", "a"]
    for verb in (fs.put, fs.put_if_absent):
        synced.clear()
        verb(f"a/{verb.__name__}", b"x")
        assert [name.startswith(TEMPORARY) for name in synced] == [True, False]
        assert synced[1] == "a"


def test_a_file_where_a_folder_is_needed_is_named(fs: LocalFileSystem) -> None:
    """A name cannot be both; reading below a file finds nothing."""
    fs.put("a", b"x")
    with pytest.raises(errors.StorageError, match="is a file where a folder is needed"):
        fs.put("a/b", b"y")
    with pytest.raises(errors.NotFoundError):
        fs.read("a/b")
    assert not fs.exists("a/b")
    fs.delete("a/b")
    assert list(fs.files("a")) == []


def test_names_the_disk_cannot_hold_are_typed(fs: LocalFileSystem) -> None:
    """A name that is too long, or no text at all, is a StorageError."""
    for path in ("a" * 300, "a\ud800b"):
        with pytest.raises(errors.StorageError):
            fs.put(path, b"x")


def test_other_schemes_are_not_local() -> None:
    """A bucket is not a folder of this machine."""
    with pytest.raises(errors.StorageError, match="s3a://bucket/lake"):
        LocalFileSystem(Location.parse("s3a://bucket/lake"))
