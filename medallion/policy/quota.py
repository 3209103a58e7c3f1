"""What a host says of its own limits in the headers of an answer: how many requests are left, and when there are new ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

_EPOCH = 100_000_000
"""A reset beyond this is an instant since 1970, not a number of seconds from now."""
_MILLISECONDS = 100_000_000_000


def exhausted_for(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """How long from *now*, the wall clock, no request is left; None where some are, or the headers do not say until when.

    Names of *headers* are in lower case. Read are ``RateLimit`` in both of its forms, ``RateLimit-Remaining`` with
    ``RateLimit-Reset``, and ``X-RateLimit-Remaining`` with ``X-RateLimit-Reset`` in seconds or as an instant since 1970. Of
    several limits that are used up the longest counts.
    """
    waits = [reset for left, reset in _limits(headers, now) if left <= 0 < reset]
    return timedelta(seconds=min(max(waits), timedelta.max.total_seconds() - 1)) if waits else None


def _limits(headers: Mapping[str, str], now: datetime) -> Iterable[tuple[float, float]]:
    """Pairs of what is left and the seconds until it is new."""
    for prefix in ("ratelimit", "x-ratelimit"):
        left, reset = _numbers(headers.get(f"{prefix}-remaining")), _numbers(headers.get(f"{prefix}-reset"))
        if left and reset:
            yield min(left), _seconds(max(reset), now)
    combined = headers.get("ratelimit")
    if combined is None:
        return
    for member in map(_named, [part.split(";") for part in _members(combined)] if ";" in combined else [combined.split(",")]):
        left, reset = _numbers(member.get("r", member.get("remaining"))), _numbers(member.get("t", member.get("reset")))
        if left and reset:
            yield left[0], _seconds(reset[0], now)


def _members(text: str) -> list[str]:
    """The members of a list, of which a quoted name may hold commas."""
    members = [""]
    for part in re.findall(r'"[^"]*"|,|[^",]+', text):
        if part == ",":
            members.append("")
        else:
            members[-1] += part
    return members


def _named(parts: Iterable[str]) -> dict[str, str]:
    pairs = (part.partition("=") for part in parts)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _numbers(text: str | None) -> list[float]:
    parts = [] if text is None else [part.strip() for part in text.split(",")]
    return [float(part) for part in parts if re.fullmatch(r"-?[0-9]{1,20}(\.[0-9]{1,9})?", part)]


def _seconds(reset: float, now: datetime) -> float:
    if reset < _EPOCH:
        return reset
    return (reset / 1000 if reset >= _MILLISECONDS else reset) - now.timestamp()
