"""A record as exact Python values: no number loses digits, no key that came twice is dropped; and the types that values have."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from decimal import Decimal as Exact
from typing import Any, TypeAlias

from medallion.bronze.widen import narrowest
from medallion.schema import BOOLEAN, NOTHING, STRING, TIMESTAMP, Array, Numbers, Struct, Type

Value: TypeAlias = Any
"""None, bool, int, decimal.Decimal (numbers with a point or exponent), float (only NaN and infinities), str, list, dict, Repeated."""

_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?)?(?:Z|([+-])(\d\d)(?::?(\d\d))?)?)?", re.ASCII)
_EPOCH = 719_163
"""Day 1970-01-01 by datetime's count."""


class Repeated(list[Value]):
    """The different values of a key that stands in an object more than once: none of them is more right than the others."""


def _object(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    found = dict(pairs)
    if len(found) != len(pairs):
        values: dict[str, list[Value]] = {}
        for key, value in pairs:
            values.setdefault(key, []).append(value)
        for key, several in values.items():
            if any(type(value) is not type(several[0]) or value != several[0] for value in several[1:]):
                found[key] = Repeated(several)
    return found


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_float=Exact)


def decode(record: bytes) -> dict[str, Value] | str:
    """The fields of a record; its text where it is no JSON object that can be taken apart, or a string, for a line that was no record."""
    try:
        value = _decoder.decode(record.decode("utf-8"))
    except (ValueError, RecursionError):  # no JSON, no UTF-8, a number of thousands of digits, thousands of brackets
        return record.decode("utf-8", "backslashreplace")
    return value if isinstance(value, (dict, str)) else record.decode("utf-8")


def decode_any(json_text: str) -> Value:
    """The exact value of any JSON. Raises ValueError."""
    return _decoder.decode(json_text)


def text(value: Value) -> str:
    """The JSON of a value, compact; equal in value to what the source wrote, digits included."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | Exact():
            return str(value)
        case float():  # NaN and the infinities are no JSON
            return json.dumps(str(value))
        case str():
            return json.dumps(value, ensure_ascii=not _encodable(value))
        case Mapping():
            return "{" + ",".join(f"{text(str(key))}:{text(part)}" for key, part in value.items()) + "}"
        case _:
            return "[" + ",".join(map(text, value)) + "]"


def _encodable(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def type_of(value: Value, *, timestamps: bool) -> Type:
    """The type of one value as it was seen; strings are timestamps only where *timestamps* says so and they are instants in full."""
    match value:
        case None | Repeated():
            return NOTHING
        case bool():
            return BOOLEAN
        case int():
            size = abs(value)
            return Numbers(
                digits=len(str(size)), scale=0, fraction=False, bits64=-(2**63) <= value < 2**63, bits53=size <= 2**53 or float_exact(value)
            )
        case Exact():
            _, digits, exponent = value.as_tuple()
            scale = max(0, -exponent) if isinstance(exponent, int) else 0
            whole = max(1, len(digits) + exponent) if isinstance(exponent, int) else 1
            return Numbers(digits=whole, scale=scale, fraction=True, bits64=True, bits53=True)
        case float():
            return Numbers(digits=99, scale=0, fraction=True, bits64=True, bits53=True)
        case str():
            return TIMESTAMP if timestamps and len(value) >= 16 and instant(value) is not None else STRING
        case Mapping():
            return Struct(tuple((str(key), type_of(part, timestamps=timestamps)) for key, part in value.items()))
        case _:
            return Array(type_of_all(value, timestamps=timestamps))


def types_of(values: Sequence[Value], *, timestamps: bool) -> list[Type]:
    """The different types of *values*, in the order in which they came; of whole numbers those of the smallest and the largest may do."""
    return list(dict.fromkeys(type_of(value, timestamps=timestamps) for value in _telling(values, timestamps=timestamps)))


def _telling(values: Sequence[Value], *, timestamps: bool) -> Sequence[Value]:
    """Those of *values* whose types stand for all of them: a few where all are simple and alike, otherwise every one."""
    kinds = set(map(type, values))
    nulls: list[Value] = [None] if type(None) in kinds else []
    kinds.discard(type(None))
    if kinds == {int} and max(map(abs, (alike := [value for value in values if value is not None]))) <= 2**53:
        return [*nulls, min(alike), max(alike)]
    if kinds <= {bool} or (kinds == {str} and not timestamps):
        return [*nulls, *[value for value in values if value is not None][:1]]
    return values


def type_of_all(values: Sequence[Value], *, timestamps: bool) -> Type:
    """The narrowest type that holds all *values* without loss."""
    return narrowest(types_of(values, timestamps=timestamps))


def float_exact(value: int) -> bool:
    """Whether a double holds this whole number exactly."""
    try:
        return int(float(value)) == value
    except OverflowError:
        return False


def instant(value: str) -> int | None:
    """Microseconds since 1970 UTC of an ISO 8601 date or instant (without a zone it is UTC); None for anything else.

    The rule by which Arrow reads whole blocks, no more and no less: at most six digits behind the second, no leap second.
    """
    found = _ISO.fullmatch(value)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.group(1, 2, 3, 4, 5, 6))
    sign, hours, minutes = found[8], int(found[9] or 0), int(found[10] or 0)
    if hours > 23 or minutes > 59:
        return None
    try:  # the proleptic calendar repeats every 400 years: year 0 is one that datetime does not have
        days = datetime(year or 400, month, day, hour, minute, second, tzinfo=timezone.utc).toordinal() - _EPOCH - (0 if year else 146_097)
    except ValueError:
        return None
    offset = (hours * 60 + minutes) * (-1 if sign == "-" else 1)
    seconds = ((days * 24 + hour) * 60 + minute - offset) * 60 + second
    return seconds * 1_000_000 + int((found[7] or "").ljust(6, "0"))
