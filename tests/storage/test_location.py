"""All spellings of a place are one location."""

from __future__ import annotations

from pathlib import Path

import pytest

from medallion.errors import StorageError
from medallion.storage.location import Location


@pytest.mark.parametrize(
    "text", ["lake", "./lake", "lake/", "file:lake", "x/../lake", "{base}/lake", "file://{base}/lake", "file:{base}/lake"]
)
def test_every_spelling_of_a_folder_is_its_absolute_path(text: str, tmp_path: Path) -> None:
    """Relative paths start at the folder that is given, with or without the scheme."""
    found = Location.parse(text.format(base=tmp_path), relative_to=tmp_path)
    assert found == Location(scheme="file", authority="", path=f"{tmp_path}/lake")
    assert found.uri == f"{tmp_path}/lake"


def test_a_relative_path_starts_at_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a folder it is where the program was started."""
    monkeypatch.chdir(tmp_path)
    assert Location.parse("lake").path == f"{tmp_path}/lake"


def test_home_is_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A tilde is the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Location.parse("~/lake").path == f"{tmp_path}/lake"


@pytest.mark.parametrize(
    ("text", "scheme", "authority", "path", "uri"),
    [
        ("s3a://bucket/lake/", "s3a", "bucket", "/lake", "s3a://bucket/lake"),
        ("S3A://Bucket", "s3a", "Bucket", "/", "s3a://Bucket/"),
        ("s3://bucket/lake", "s3a", "bucket", "/lake", "s3a://bucket/lake"),
        ("abfs://c@account.dfs.core.windows.net/a%20b/c", "abfs", "c@account.dfs.core.windows.net", "/a b/c", None),
        ("hdfs://name:8020/a/../b", "hdfs", "name:8020", "/b", "hdfs://name:8020/b"),
        ("dbfs:/Volumes/main/raw/lake/", "dbfs", "", "/Volumes/main/raw/lake", "/Volumes/main/raw/lake"),
        ("/Volumes/main/raw/../raw/lake", "dbfs", "", "/Volumes/main/raw/lake", "/Volumes/main/raw/lake"),
        ("dbfs:/tmp/lake", "dbfs", "", "/tmp/lake", "dbfs:///tmp/lake"),
        ("file:/Volumes/disk", "file", "", "/Volumes/disk", "/Volumes/disk"),
    ],
)
def test_uris_are_taken_apart(text: str, scheme: str, authority: str, path: str, uri: str | None) -> None:
    """Scheme, authority and path are told apart, and spelled back as Spark takes them."""
    found = Location.parse(text)
    assert found == Location(scheme=scheme, authority=authority, path=path)
    assert found.uri == (uri or text)
    assert str(found) == found.uri


def test_where_volumes_are_disks_a_plain_path_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS mounts its disks there; the scheme says that a volume of a catalog is meant."""
    monkeypatch.setattr("sys.platform", "darwin")
    assert Location.parse("/Volumes/disk/a/b").scheme == "file"
    assert Location.parse("dbfs:/Volumes/main/raw/lake").scheme == "dbfs"


def test_a_file_uri_with_a_host_is_refused() -> None:
    """file://lake/bronze means a host called lake; writing to /bronze in silence would be worse than an error."""
    with pytest.raises(StorageError, match="names a host, 'lake'"):
        Location.parse("file://lake/bronze")


def test_a_child_lies_below() -> None:
    """A relative path goes on where the location ends, also at a root."""
    assert Location.parse("s3a://b/lake").child("t/_log").path == "/lake/t/_log"
    assert Location.parse("s3a://b").child("t").path == "/t"
