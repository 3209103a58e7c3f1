"""What is new since last time: the windows of a run, the order of cursor values, and the fingerprint of what is asked."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from functools import total_ordering
from typing import Any, Literal

import msgspec

from medallion.config.bound import Bound, Span, is_before, moved, show_bound
from medallion.config.incremental import Incremental
from medallion.config.secret import PREFIX
from medallion.config.source import Source
from medallion.errors import ConfigError, Problem, SourceError
from medallion.source.protocol import Lane, Window

WHOLE = "all"
"""Name of the lane of a run that is not cut into windows."""
MOST_WINDOWS = 100_000

_INSTANT = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?\s*([Zz]|UTC|[+-]\d{2}(?::?\d{2})?)?)?",
    re.ASCII,
)
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def first_lanes(incremental: Incremental | None, now: datetime) -> list[Lane]:
    """What a first run that opens *now* asks for; raises ConfigError for too many windows."""
    if incremental is None:
        return lanes(Window(start=None, end=None), None)
    end = incremental.last or (None if incremental.by_number else now)
    return lanes(Window(start=incremental.initial, end=end), incremental.window)


def first_lane(incremental: Incremental | None, now: datetime) -> Lane:
    """What such a run asks for first; where its range is empty, a lane without bounds. Raises ConfigError for too many windows."""
    return next(iter(first_lanes(incremental, now)), Lane(name=WHOLE, window=Window(start=None, end=None)))


def lanes(bounds: Window, window: Span | None) -> list[Lane]:
    """*bounds* cut into windows of that length, oldest first; the same bounds always give the same lanes and names.

    Without a window, or with an open side, there is one lane; an empty range has none. Raises ConfigError for too many windows.
    """
    if bounds.start is not None and bounds.end is not None and not is_before(bounds.start, bounds.end):
        return []
    if window is None or bounds.start is None or bounds.end is None:
        return [Lane(name=WHOLE, window=bounds)]
    if _are_too_many(bounds.start, bounds.end, window):
        sentence = f"cuts {_short(bounds.start)} to {_short(bounds.end)} into more than {MOST_WINDOWS} windows; make it longer"
        raise ConfigError([Problem(path="incremental.window", message=sentence)])
    cut: list[Lane] = []
    start = bounds.start
    while is_before(start, bounds.end):
        try:
            end = moved(start, window)
        except ValueError:  # there is no later instant
            end = bounds.end
        end = end if is_before(end, bounds.end) else bounds.end
        cut.append(Lane(name=_window_name(start), window=Window(start=start, end=end)))
        start = end
    return cut


def _are_too_many(start: Bound, end: Bound, window: Span) -> bool:
    """Whether :data:`MOST_WINDOWS` windows do not reach *end*."""
    try:
        return is_before(moved(start, window * MOST_WINDOWS), end)
    except (OverflowError, ValueError):  # they reach further than there are instants
        return False


@total_ordering
@dataclass(frozen=True)
class CursorKey:
    """A cursor value by its meaning: an instant (seconds since 1970, exact) or a number. The two do not compare."""

    kind: Literal["instant", "number"]
    value: Decimal

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, CursorKey):
            return NotImplemented
        if self.kind != other.kind:
            raise SourceError("the cursor field holds numbers as well as instants, which have no common order; no watermark can be told")
        return self.value < other.value


def cursor_key(value: str | int | float | Decimal) -> CursorKey:
    """What a cursor value means, whatever its spelling: ISO 8601 with any offset and fraction (without one: UTC), or a number.

    Raises SourceError for anything else: text has no order that a watermark could rest on.
    """
    text = str(value).strip()
    if not isinstance(value, bool) and _NUMBER.fullmatch(text):
        return CursorKey("number", Decimal(text))
    found = _INSTANT.fullmatch(text)
    if found is not None:
        year, month, day, hour, minute, second, fraction, zone = found.groups()
        try:
            moment = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), tzinfo=timezone.utc)
        except ValueError as error:
            raise _no_cursor(text) from error
        if int(second or 0) > 60:
            raise _no_cursor(text)
        since = moment - _EPOCH
        seconds = since.days * 86400 + since.seconds + int(second or 0) - _offset(zone or "Z")
        return CursorKey("instant", Decimal(f"{seconds}") + Decimal(f"0.{fraction or 0}"))
    raise _no_cursor(text)


def newer(one: str | None, other: str | None) -> str | None:
    """Whichever of two cursor values is later, as it is spelled; None counts as before everything."""
    if one is None or other is None:
        return other if one is None else one
    return one if one == other or cursor_key(one) >= cursor_key(other) else other


def fingerprint(source: Source) -> str:
    """The hash of what is asked: a run may be continued only while it stays the same.

    Left out is how it is asked: concurrency, rates, retries, limits, authorisation; and what happens to the answer afterwards. Keys at
    their defaults are left out too, so that a version with more of them continues what an earlier one began.
    """
    asked: dict[str, Any] = {"type": source.type, "load_pattern": source.load_pattern}
    if source.api is not None:
        names = {"base_url", "endpoint", "method", "params", "headers", "json_", "pagination", "incremental"}
        names |= {"records_path", "records_format", "csv"}
        api = source.api.model_dump(mode="json", by_alias=True, include=names, exclude_defaults=True)
        api.get("incremental", {}).pop("sorted", None)
        asked["api"] = api
    if source.custom is not None:
        custom = source.custom.model_dump(mode="json", by_alias=True)
        custom["options"] = _open(custom["options"])
        if custom["incremental"]:
            custom["incremental"].pop("sorted")
        asked["custom"] = custom
    if source.db is not None:
        names = {"url", "table", "query", "predicates", "session_init", "incremental"}
        asked["db"] = source.db.model_dump(mode="json", by_alias=True, include=names, exclude_defaults=True)
    if source.parent is not None:
        asked["parent"] = source.parent.model_dump(mode="json", exclude={"on_missing"}, exclude_defaults=True)
    if source.file is not None:
        named = {"max_files_per_job", "max_bytes_per_job"}
        asked["file"] = source.file.model_dump(mode="json", exclude=named, exclude_defaults=True)
    return hashlib.sha256(msgspec.json.encode(asked, order="sorted")).hexdigest()


def _open(value: Any) -> Any:
    """*value* without the names of secrets: another name for a credential asks for nothing else."""
    if isinstance(value, dict):
        return {key: _open(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_open(child) for child in value]
    return PREFIX if isinstance(value, str) and value.startswith(PREFIX) else value


def _short(bound: Bound) -> str:
    return f"{bound:%Y-%m-%d}" if isinstance(bound, datetime) else show_bound(bound)


def _window_name(start: Bound) -> str:
    if not isinstance(start, datetime):
        return f"from {show_bound(start)}"
    start = start.astimezone(timezone.utc)
    return f"{start:%Y%m%dT%H%M%S}{f'.{start.microsecond:06d}' if start.microsecond else ''}Z"


def _offset(zone: str) -> int:
    if zone.upper() in ("Z", "UTC"):
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -seconds if zone[0] == "-" else seconds


def _no_cursor(text: str) -> SourceError:
    return SourceError(f"the cursor value {text[:60]!r} is neither an instant in ISO 8601 nor a number; choose another cursor_field")
