"""Patterns of paths mean what they mean elsewhere."""

from __future__ import annotations

import pytest

from medallion.config.glob import is_glob, matcher, parted

PATHS = ["a.csv", "b.CSV", "x/a.csv", "x/y/a.csv", "x/y/a.json", "x/b1.csv", "x/b[1].csv", "x/b+.csv"]


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("**", PATHS),
        ("*", ["a.csv", "b.CSV"]),
        ("*.csv", ["a.csv"]),
        ("**/*.csv", ["a.csv", "x/a.csv", "x/y/a.csv", "x/b1.csv", "x/b[1].csv", "x/b+.csv"]),
        ("x/*", ["x/a.csv", "x/b1.csv", "x/b[1].csv", "x/b+.csv"]),
        ("x/**", ["x/a.csv", "x/y/a.csv", "x/y/a.json", "x/b1.csv", "x/b[1].csv", "x/b+.csv"]),
        ("x/**/a.{csv,json}", ["x/a.csv", "x/y/a.csv", "x/y/a.json"]),
        ("x/b?.csv", ["x/b1.csv", "x/b+.csv"]),
        ("x/b[0-9].csv", ["x/b1.csv"]),
        ("x/b[!0-9].csv", ["x/b+.csv"]),
        ("x/b[[]1].csv", ["x/b[1].csv"]),
        ("x/b+.csv", ["x/b+.csv"]),
    ],
)
def test_a_pattern_means_whole_paths(pattern: str, meant: list[str]) -> None:
    """Case counts, a star stays within a name, two stars pass through none or many folders."""
    assert [path for path in PATHS if matcher(pattern).fullmatch(path)] == meant


@pytest.mark.parametrize("pattern", ["x/[a", "x/{a,b", "", "/a", "a//b", "a/"])
def test_what_is_no_pattern_is_said(pattern: str) -> None:
    """A bracket that is not closed, an empty part."""
    with pytest.raises(ValueError, match=r"not closed|empty part"):
        matcher(pattern)


@pytest.mark.parametrize(
    ("path", "folder", "pattern"),
    [
        ("data/in", "data/in", None),
        ("data/in/*.csv", "data/in/", "*.csv"),
        ("s3://lake/in/dt=2026-*/a.csv", "s3://lake/in/", "dt=2026-*/a.csv"),
        ("*.csv", ".", "*.csv"),
        ("/in{a,b}/c", "/", "in{a,b}/c"),
    ],
)
def test_a_path_is_parted_where_its_pattern_begins(path: str, folder: str, pattern: str | None) -> None:
    """The folder is what is listed."""
    assert parted(path) == (folder, pattern)
    assert is_glob(path) == (pattern is not None)
