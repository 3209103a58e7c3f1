"""How the bounds of a range are spelled in a request. A coarser spelling never asks for less: starts are rounded down, ends up."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from medallion.config.bound import Bound
from medallion.config.values import show_instant

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_UNITS = {"epoch": timedelta(seconds=1), "epoch_ms": timedelta(milliseconds=1)}


def worded(bound: Bound, form: str, *, end: bool) -> str | int | float:
    """*bound* as *form* (``iso``, ``date``, ``epoch``, ``epoch_ms``, or a pattern of strftime) has it; numbers are themselves.

    A pattern is taken as it is, in UTC: one that leaves out the time asks up to the day in which the range ends, not included.
    """
    if not isinstance(bound, datetime):
        return int(bound) if bound == bound.to_integral_value() else float(bound)
    instant = bound.astimezone(timezone.utc)
    if form == "iso":
        return show_instant(instant)
    if form in _UNITS:
        since = instant - _EPOCH
        return -(-since // _UNITS[form]) if end else since // _UNITS[form]
    if form == "date":
        midnight = instant.replace(hour=0, minute=0, second=0, microsecond=0)
        return f"{(midnight + timedelta(days=1) if end and midnight < instant else midnight):%Y-%m-%d}"
    return instant.strftime(form)
