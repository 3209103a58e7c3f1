"""Files are listed, told apart by their versions, and their headers read, without Spark."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medallion.config.file import File
from medallion.errors import SourceError
from medallion.source import listing as listings
from medallion.source.listing import Listing, unique
from medallion.source.protocol import FileVersion
from medallion.storage.filesystem import FileSystem
from medallion.storage.local import LocalFileSystem
from medallion.storage.location import Location


def local(root: str) -> FileSystem:
    """A folder of this machine."""
    return LocalFileSystem(Location.parse(root))


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file below the folder of the test."""

    def put(name: str, data: bytes | str = "a,b\n1,2\n") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        os.utime(path, (1_700_000_000, 1_700_000_000.25))
        return path

    return put


def of(path: object, **more: Any) -> Listing:
    return Listing.of(File.model_validate({"path": str(path), "format": "csv"} | more), local)


def paths(listing: Listing) -> list[str]:
    return sorted(one.path for one in listing.now())


def test_a_folder_a_pattern_and_a_file_are_listed(put: Callable[..., Path], tmp_path: Path) -> None:
    """Names that begin with an underscore or a dot are not for readers; a version has size and time."""
    for name in ("in/a.csv", "in/2026/b [1].csv", "in/c.txt", "in/_SUCCESS", "in/.hidden/d.csv"):
        put(name)
    assert paths(of(tmp_path / "in")) == ["2026/b [1].csv", "a.csv", "c.txt"]
    assert paths(of(tmp_path / "in", glob="**/*.csv")) == ["2026/b [1].csv", "a.csv"]
    assert paths(of(f"{tmp_path}/in/2026/*.csv")) == ["b [1].csv"]
    alone = of(tmp_path / "in/a.csv")
    assert list(alone.now()) == [FileVersion(path="a.csv", size=8, modified="2023-11-14T22:13:20.250000Z")]
    assert alone.uri("a b.csv") == f"{tmp_path}/in/a b.csv"
    assert paths(of(tmp_path / "nowhere")) == []


def test_a_file_that_changed_is_noticed(put: Callable[..., Path], tmp_path: Path) -> None:
    """Grown, touched, gone: each is said; the others are as they were."""
    for name in ("in/x/a.csv", "in/x/b.csv"):
        put(name)
    listing = of(tmp_path / "in")
    files = list(listing.now())
    listing.check(files)
    put("in/x/a.csv", "a,b\n1,2\n3,4\n")
    with pytest.raises(SourceError, match=r"a.csv changed while it was read: it has 12 bytes .* in place of 8"):
        listing.check(files)
    put("in/x/a.csv")
    os.utime(tmp_path / "in/x/b.csv")
    with pytest.raises(SourceError, match=r"b\.csv changed"):
        listing.check(files)
    (tmp_path / "in/x/b.csv").unlink()
    with pytest.raises(SourceError, match="it is gone"):
        listing.check(files)


@pytest.mark.parametrize(
    ("data", "options", "names"),
    [
        ("a,b\n1,2\n", {}, ("a", "b")),
        ("\ufeffa,b\n", {}, ("a", "b")),
        ("\n\na,b", {}, ("a", "b")),
        ("a;'x;y'\n", {"delimiter": ";", "quote": "'"}, ("a", "x;y")),
        ('"a ""1""",b\n', {}, ('a "1"', "b")),
        ('"a\nb",c\n', {"multiline": True}, ("a\nb", "c")),
        ("id,ID,,id\n", {}, ("id", "ID_2", "column_3", "id_4")),
        ("é\n".encode("iso-8859-1"), {"encoding": "iso-8859-1"}, ("é",)),
        (gzip.compress(b"a,b\n" + os.urandom(300_000)), {}, ("a", "b")),
        ("", {}, None),
        ("\n\n", {}, None),
        ("1,2\n", {"header": False, "columns": ["x", "y"]}, ("x", "y")),
    ],
)
def test_the_names_of_columns(put: Callable[..., Path], tmp_path: Path, data: Any, options: dict[str, Any], names: Any) -> None:
    """By the header as the options say, each name once; a compressed file is opened only as far as it is needed."""
    put("in/a.csv.gz" if isinstance(data, bytes) and data[:2] == b"\x1f\x8b" else "in/a.csv", data)
    listing = of(tmp_path / "in", **options)
    assert listing.headers(list(listing.now())) == [names]


def test_a_header_may_be_long_but_has_an_end(put: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More of the file is read until its first line ends, up to a limit."""
    monkeypatch.setattr(listings, "OPENING", 16)
    monkeypatch.setattr(listings, "LARGEST_HEADER", 500)
    put("in/a.csv", ",".join(f"column{number}" for number in range(20)) + "\n1\n")
    listing = of(tmp_path / "in")
    (names,) = listing.headers(list(listing.now()))
    assert names is not None
    assert len(names) == 20
    put("in/a.csv", "x" * 2000)
    with pytest.raises(SourceError, match="no end of its first line"):
        listing.headers(list(listing.now()))


def test_what_is_no_compressed_file_is_said(put: Callable[..., Path], tmp_path: Path) -> None:
    """By its ending it should be one."""
    put("in/a.csv.gz", b"a,b\n")
    listing = of(tmp_path / "in")
    with pytest.raises(SourceError, match=r"a.csv.gz is no gzip file"):
        listing.headers(list(listing.now()))


def test_names_stay_apart_whatever_they_are() -> None:
    """A name that was made may be there already."""
    assert unique(["a", "A", "a_2", " "]) == ("a", "A_2", "a_2_3", "column_4")
