"""Where a range of cursor values begins and ends, and how long it is: instants and durations, or plain numbers. The two do not mix."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Context, Decimal
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from medallion.config.values import parse_duration, parse_instant, show_duration, show_instant

Bound: TypeAlias = datetime | Decimal
Span: TypeAlias = timedelta | Decimal
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
_EXACT = Context(prec=400)


def parse_bound(value: object) -> Bound:
    """A number, or text that is one, as Decimal; anything else as an instant in UTC. Raises ValueError for what is neither."""
    if isinstance(value, Decimal):
        return value
    text = str(value).strip() if isinstance(value, (int, float, str)) and not isinstance(value, bool) else ""
    if _NUMBER.fullmatch(text):
        return Decimal(text)
    if isinstance(value, (int, float)):
        raise ValueError(f"must be a number in digits, a date or an instant, got {value!r}")
    return parse_instant(value)


def show_bound(value: Bound) -> str:
    """The spelling in logs and messages: ISO 8601 with ``Z``, or digits."""
    if isinstance(value, datetime):
        return show_instant(value)
    whole = value.to_integral_value()
    return f"{whole if whole == value else value:f}"


def parse_span(value: object) -> Span:
    """A number, or text that is one, as Decimal; anything else as a duration with its unit; ValueError for what is neither or below 0."""
    if isinstance(value, Decimal):
        return value
    text = str(value).strip() if isinstance(value, (int, float, str)) and not isinstance(value, bool) else ""
    found = Decimal(text) if _NUMBER.fullmatch(text) else parse_duration(value)
    if isinstance(found, Decimal) and found < 0:
        raise ValueError(f"must not be below 0, got {value!r}")
    return found


def show_span(value: Span) -> str:
    """The shortest spelling that :func:`parse_span` reads as the same."""
    return show_duration(value) if isinstance(value, timedelta) else show_bound(value)


def alike(one: Bound, other: Bound) -> bool:
    """Whether both are instants, or both numbers: only then one is before the other."""
    return isinstance(one, datetime) == isinstance(other, datetime)


def is_before(one: Bound, other: Bound) -> bool:
    """Whether *one* is lower. Raises ValueError where they are not alike."""
    if isinstance(one, datetime) and isinstance(other, datetime):
        return one < other
    if isinstance(one, Decimal) and isinstance(other, Decimal):
        return one < other
    raise ValueError(f"{show_bound(one)} and {show_bound(other)} have no common order")


def moved(bound: Bound, span: Span, *, back: bool = False) -> Bound:
    """*bound* plus *span*, or less it. Raises ValueError where one is a number and the other is not, or no such instant exists."""
    try:
        if isinstance(bound, datetime) and isinstance(span, timedelta):
            return bound - span if back else bound + span
        if isinstance(bound, Decimal) and isinstance(span, Decimal):
            return _EXACT.subtract(bound, span) if back else _EXACT.add(bound, span)
    except OverflowError as error:
        raise ValueError(f"{show_bound(bound)} cannot be moved by {show_span(span)}") from error
    raise ValueError(f"{show_bound(bound)} cannot be moved by {show_span(span)}")


def _bound_text(value: Any) -> str:
    found = parse_bound(value)
    return value if isinstance(value, str) else show_bound(found)


def _schema(pattern: str) -> WithJsonSchema:
    schema: dict[str, Any] = {"anyOf": [{"type": "string", "pattern": pattern} if pattern else {"type": "string"}, {"type": "number"}]}
    return WithJsonSchema(schema)


BoundText = Annotated[str, BeforeValidator(_bound_text), _schema("")]
"""A text that :func:`parse_bound` reads; a number is its text."""
AnySpan = Annotated[Span, BeforeValidator(parse_span), PlainSerializer(show_span), _schema(r"^\d+(\.\d+)?(ms|s|m|h|d|w)?$")]
"""A duration or a number."""
