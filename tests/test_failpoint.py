"""A failpoint kills the process where a test says so, and is nothing otherwise."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import medallion
from medallion.failpoint import NAMES, VARIABLE, failpoint

PROGRAM = """
from medallion.failpoint import failpoint
for number in range(1, 4):
    failpoint("entry.before")
    print(number, flush=True)
    failpoint("entry.after")
"""


def run(value: str | None, *, own_group: bool = False) -> tuple[int, list[str]]:
    """Runs the program with the variable set; its exit status and what it printed."""
    environment = {**os.environ, **({VARIABLE: value} if value else {})}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        capture_output=True,
        text=True,
        start_new_session=own_group,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout.split()


@pytest.mark.parametrize(
    ("value", "printed"),
    [("entry.before", []), ("entry.after", ["1"]), ("entry.before:3", ["1", "2"]), ("entry.after:2", ["1", "2"])],
)
def test_the_process_is_killed_at_the_place(value: str, printed: list[str]) -> None:
    """At the first, or the given, time the place is reached the process is gone by SIGKILL, with nothing done after it."""
    assert run(value) == (-signal.SIGKILL, printed)


def test_a_process_group_of_its_own_dies_with_it() -> None:
    """A process that a test started as a group takes its children along."""
    assert run("entry.after", own_group=True) == (-signal.SIGKILL, ["1"])


@pytest.mark.parametrize("value", [None, "batch.target", "entry.before:4"])
def test_otherwise_it_runs_to_its_end(value: str | None) -> None:
    """Unset, another place, or a count that is not reached: nothing happens."""
    assert run(value) == (0, ["1", "2", "3"])


def test_unset_it_does_nothing_here() -> None:
    """In this very process, without the variable, every failpoint is passed."""
    for name in NAMES:
        failpoint(name)


def test_every_place_in_the_code_has_a_known_name() -> None:
    """A call with a name that no test can know would never be tried."""
    package = Path(medallion.__file__).parent
    used = {name for path in package.rglob("*.py") for name in re.findall(r'\bfailpoint\("([^"]+)"', path.read_text(encoding="utf-8"))}
    assert used <= set(NAMES)
    assert len(set(NAMES)) == len(NAMES)
