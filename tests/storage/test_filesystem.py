"""A path is plain, or it is refused."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medallion.errors import StorageError
from medallion.storage.filesystem import checked


@pytest.mark.parametrize("path", ["a", "a/b", "..a", "a..b", ".hidden", "system=x/table=y/_log/0.json", "köln", "...", "a/..b"])
def test_plain_paths_pass(path: str) -> None:
    """A relative path with plain segments is given back as it is."""
    assert checked(path) == path


@pytest.mark.parametrize("path", ["", ".", "..", "../x", "/", "/a", "//a", "a/", "a//b", "a/./b", "a/../b", "a\\b", "a\0"])
def test_others_are_refused(path: str) -> None:
    """A path that climbs, is absolute, or has another spelling is an error."""
    with pytest.raises(StorageError):
        checked(path)


@settings(max_examples=200)
@given(path=st.text(alphabet="./a\\\0 é", max_size=12))
def test_what_passes_stays_below_the_root(path: str) -> None:
    """Whatever passes lies strictly below any root it is joined to, and has one spelling."""
    try:
        checked(path)
    except StorageError:
        return
    assert posixpath.normpath(posixpath.join("/root", path)) == f"/root/{path}"
    assert path
