"""One promotion of a table at a time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from medallion.bronze.entry import Writer
from medallion.errors import BusyError
from medallion.silver.claims import Claim, Held, acquire, release
from medallion.testing.clock import FakeClock
from medallion.testing.stores import MemoryFileSystem


@pytest.fixture
def fs() -> MemoryFileSystem:
    return MemoryFileSystem()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def claim(fs: MemoryFileSystem, clock: FakeClock, attempt: str, **options: Any) -> Claim:
    return acquire(fs, "claims", attempt=attempt, clock=clock, **{"takeover_after": timedelta(minutes=15), "take_over": False, **options})


def test_a_claim_that_is_held_keeps_others_out_until_it_is_released(fs: MemoryFileSystem, clock: FakeClock) -> None:
    """The refusal names who holds it; after the release the next one is at once in."""
    first = claim(fs, clock, "first")
    with pytest.raises(BusyError, match="first"):
        claim(fs, clock, "second")
    release(fs, first)
    assert claim(fs, clock, "second").path == first.next_path


def test_a_claim_is_taken_over_when_it_is_old_or_told_so(fs: MemoryFileSystem, clock: FakeClock) -> None:
    """After takeover_after, or with --take-over; the first holder can see it."""
    first = claim(fs, clock, "first")
    clock.advance(16 * 60)
    second = claim(fs, clock, "second")
    assert second.path == first.next_path
    assert claim(fs, clock, "third", take_over=True).path == second.next_path


def test_a_claim_of_a_process_that_is_gone_is_taken_over_at_once(fs: MemoryFileSystem, clock: FakeClock) -> None:
    """A crash on the same host needs no waiting."""
    mine = claim(fs, clock, "first")
    dead = Held(attempt="dead", at=mine.held.at, writer=Writer(host=mine.held.writer.host, pid=2**22 + 1, started="1"))
    fs.put(mine.path, msgspec.json.encode(dead))
    assert claim(fs, clock, "second").path == mine.next_path


def test_releasing_a_claim_that_was_taken_over_changes_nothing(fs: MemoryFileSystem, clock: FakeClock) -> None:
    """The newer claim stays held."""
    first = claim(fs, clock, "first")
    claim(fs, clock, "second", take_over=True)
    release(fs, first)
    with pytest.raises(BusyError, match="second"):
        claim(fs, clock, "third")


def test_old_claims_are_cleared_away(fs: MemoryFileSystem, clock: FakeClock) -> None:
    """However often a table is promoted, two or three files are all that is kept."""
    for number in range(10):
        release(fs, claim(fs, clock, f"n{number}"))
    assert len(list(fs.files("claims"))) <= 2
