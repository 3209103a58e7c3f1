"""Whether a newcomer may take over an open run: politeness between attempts; what keeps them safe is the log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from medallion.bronze.state import OpenRun
from medallion.bronze.writer import gone, this_process
from medallion.config.values import parse_instant, show_duration
from medallion.errors import BusyError

_working: set[str] = set()
"""Attempts of this very process that are at work."""


@contextmanager
def working(attempt: str) -> Iterator[None]:
    """While inside, other threads of this process see that *attempt* is at work."""
    _working.add(attempt)
    try:
        yield
    finally:
        _working.discard(attempt)


def admit(run: OpenRun, *, table: str, now: datetime, takeover_after: timedelta, take_over: bool) -> None:
    """Returns where the open run may be taken over: its attempt is known to be gone, silent for *takeover_after*, or *take_over* says so.

    Raises BusyError otherwise, with how long to wait.
    """
    if take_over or gone(run.writer) or (run.writer == this_process() and run.attempt not in _working):
        return
    silent = now - parse_instant(run.last_at)
    if silent >= takeover_after:
        return
    wait = timedelta(seconds=max(1, round((takeover_after - silent).total_seconds())))
    raise BusyError(
        f"attempt {run.attempt} (process {run.writer.pid} on {run.writer.host}) works on {table}, its last entry is of {run.last_at}; "
        f"wait {show_duration(wait)}, or say --take-over if it is gone: it will not be able to write any more"
    )
