"""Durations and sizes as a person writes them: ``30s``, ``5m``, ``128mb``; a bare number is refused, its unit being unknown."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

RUN_DATE = "{run.date}"
"""Stands for the day of the run in a text."""
_DURATION = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZE = {"b": 1, "kb": 1024, "mb": 1024**2, "gb": 1024**3}


def parse_duration(value: object) -> timedelta:
    """``30s``, ``5m``, ``7d``, ``250ms`` as a timedelta; raises ValueError for anything else."""
    if isinstance(value, timedelta):
        return value
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)", value.strip().lower()) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"must be a duration with its unit, such as 30s, 5m, 24h or 7d, got {value!r}")
    return timedelta(seconds=float(found[1]) * _DURATION[found[2]])


def parse_size(value: object) -> int:
    """``128mb``, ``8gb`` in bytes (1 kb = 1024 bytes); raises ValueError for anything else."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(b|kb|mb|gb)", value.strip().lower()) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"must be a size with its unit, such as 512kb, 128mb or 8gb, got {value!r}")
    return int(float(found[1]) * _SIZE[found[2]])


def show_duration(value: timedelta) -> str:
    """The shortest spelling of a duration that :func:`parse_duration` reads as the same."""
    seconds = value.total_seconds()
    for unit in ("d", "h", "m", "s"):
        if seconds and seconds % _DURATION[unit] == 0:
            return f"{int(seconds // _DURATION[unit])}{unit}"
    return f"{round(seconds * 1000)}ms" if seconds else "0s"


def show_size(value: int) -> str:
    """The shortest spelling of a size that :func:`parse_size` reads as the same."""
    for unit in ("gb", "mb", "kb"):
        if value and value % _SIZE[unit] == 0:
            return f"{value // _SIZE[unit]}{unit}"
    return f"{value}b"


def parse_instant(value: object) -> datetime:
    """An ISO 8601 date or instant as an instant in UTC (without a zone it is UTC); raises ValueError for anything else."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=timezone.utc)
    if not isinstance(value, str):
        raise ValueError(f"must be a date or an instant in ISO 8601, such as 2026-11-23 or 2026-11-23T08:00:00Z, got {value!r}")
    try:
        # Python 3.10 reads neither Z nor fractions of other than three or six digits.
        text = re.sub(r"\.(\d+)", lambda found: f".{found[1][:6]:0<6}", re.sub(r"[zZ]$", "+00:00", value.strip()), count=1)
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"must be a date or an instant in ISO 8601, such as 2026-11-23 or 2026-11-23T08:00:00Z, got {value!r}") from None
    return instant.astimezone(timezone.utc) if instant.tzinfo else instant.replace(tzinfo=timezone.utc)


def show_instant(value: datetime) -> str:
    """The instant in ISO 8601 with ``Z``, as sources are asked with it; microseconds only where there are any."""
    return value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def _instant_text(value: str) -> str:
    parse_instant(value)
    return value


def _text(pattern: str) -> WithJsonSchema:
    schema: dict[str, Any] = {"type": "string", "pattern": pattern}
    return WithJsonSchema(schema)


Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(show_duration), _text(r"^\d+(\.\d+)?(ms|s|m|h|d|w)$")]
Size = Annotated[int, BeforeValidator(parse_size), PlainSerializer(show_size), _text(r"^\d+(\.\d+)?(b|kb|mb|gb)$")]
InstantText = Annotated[str, AfterValidator(_instant_text)]
"""A text that :func:`parse_instant` reads."""


class Section(BaseModel):
    """A part of the configuration: frozen, and closed to keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, protected_namespaces=(), use_attribute_docstrings=True)
