"""SIGKILL at every place of an extraction, a full disk, a store that fails: the next run makes it as if nothing had happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from bronze_fakes import Lake, MemoryFileSystem, Rows, row, source

from medallion.errors import DiskFullError, StorageUnavailable
from medallion.failpoint import VARIABLE

PLACES = [
    ("entry.after:1", "full"),  # an open run without a chunk
    ("chunk.spool:2", "cdc"),
    ("chunk.spooled:2", "full"),
    ("chunk.uploaded:2", "cdc"),
    ("entry.before:2", "cdc"),  # before the schema
    ("entry.after:2", "full"),  # a schema without a chunk
    ("entry.before:4", "cdc"),
    ("entry.after:4", "full"),
    ("entry.after:8", "cdc"),  # after run_completed
]


@pytest.mark.slow
@pytest.mark.parametrize(("place", "load_pattern"), PLACES)
def test_a_kill_costs_only_the_pages_in_flight(tmp_path: Path, place: str, load_pattern: str) -> None:
    """All rows are there once, in order; only pages of chunks that no entry lists are asked again."""
    here = Path(__file__).parent
    environment = os.environ | {VARIABLE: place, "PYTHONPATH": f"{here}{os.pathsep}{here.parent.parent}"}
    killed = subprocess.run(
        [sys.executable, str(here / "kill_driver.py"), str(tmp_path), load_pattern],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    lake = Lake.on_disk(tmp_path)
    committed = len(lake.ids())
    finished = lake.kinds()[-1:] == ["RunCompleted"]
    again = Rows([row(n) for n in range(20)])
    result = lake.extract(again, source(load_pattern))
    if finished:
        assert not result.resumed
    else:
        assert again.asked == [("all", page) for page in range(committed // 2, 10)]
        assert result.resumed
        assert lake.ids() == list(range(20))


class Full(MemoryFileSystem):
    """A store whose disk is full after some uploads, until there is room again."""

    room = 2

    def upload(self, local: Path, path: str) -> None:
        if self.room == 0:
            raise DiskFullError(f"no space left for {path}")
        self.room -= 1
        super().upload(local, path)


def test_a_full_disk_is_a_typed_error_and_a_resume(tmp_path: Path) -> None:
    """A chunk that did not land takes no later one along: its pages are asked again when there is room."""
    fs = Full()
    lake = Lake(fs, tmp_path)
    assert isinstance(lake.fails(Rows([row(n) for n in range(40)])), DiskFullError)
    assert lake.ids() == list(range(8))
    assert list(tmp_path.glob("medallion-*")) == []
    fs.room = 99
    assert lake.extract(Rows([row(n) for n in range(40)])).resumed
    assert lake.ids() == list(range(40))


def test_a_full_spool_is_a_typed_error_and_a_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ENOSPC while a file is made: what was committed before stays."""
    lake = Lake.in_memory(tmp_path)
    written = Path.open

    def no_room(self: Path, mode: str = "r", *more: object, **named: object):  # type: ignore[no-untyped-def]
        if mode == "xb" and self.name.startswith("00002"):
            raise OSError(28, "No space left on device")
        return written(self, mode, *more, **named)  # type: ignore[call-overload]

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", no_room)
        assert isinstance(lake.fails(Rows([row(n) for n in range(40)])), DiskFullError)
    lake.extract(Rows([row(n) for n in range(40)]))
    assert lake.ids() == list(range(40))


class Down(MemoryFileSystem):
    """A store that is away for one upload."""

    uploads = 0

    def upload(self, local: Path, path: str) -> None:
        self.uploads += 1
        if self.uploads == 2:
            raise StorageUnavailable(f"503 for {path}")
        super().upload(local, path)


def test_no_chunk_lands_behind_one_that_did_not(tmp_path: Path) -> None:
    """The store is back at once, but resume points would skip what is missing: the run ends there."""
    lake = Lake(Down(), tmp_path)
    assert isinstance(lake.fails(Rows([row(n) for n in range(40)])), StorageUnavailable)
    assert lake.ids() == [0, 1, 2, 3]
    lake.extract(Rows([row(n) for n in range(40)]))
    assert lake.ids() == list(range(40))
