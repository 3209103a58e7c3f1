"""Whether a landed row says all that its record said: what it holds in columns and what it holds in ``_rescued``."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from medallion.bronze.value import instant
from medallion.schema import Array, Atom, Struct, Type, landing_name

_ABSENT: Any = object()


def lost(record: bytes, columns: Mapping[str, Type], row: Mapping[str, Any]) -> list[str]:
    """The fields of *record* of which *row* says less, or something else. Numbers are compared as they are written, digit by digit."""
    rescued = {} if row["_rescued"] is None else _read(row["_rescued"])
    return [name for name, value in _read(record).items() if not _field(name, value, columns, row, rescued, top=True)]


def _read(text: str | bytes) -> Any:
    return json.loads(text, parse_float=Decimal)


def _field(name: str, value: Any, columns: Mapping[str, Type], row: Mapping[str, Any] | None, rescued: Any, *, top: bool) -> bool:
    column = landing_name(name, columns, top=top)
    misfit = rescued.get(name, _ABSENT) if isinstance(rescued, dict) else _ABSENT
    return _kept(columns.get(column), value, None if row is None else row.get(column), misfit)


def _kept(kind: Type | None, value: Any, landed: Any, misfit: Any) -> bool:
    if isinstance(kind, Struct) and isinstance(value, dict):
        parts = dict(kind.fields)
        return all(_field(name, part, parts, landed, misfit, top=False) for name, part in value.items())
    if misfit is not _ABSENT:
        return landed is None and bool(misfit == value)
    if kind is None or value is None:
        return landed is None and not _tells(value)
    return landed is not None and _same(kind, value, landed)


def _same(kind: Type, value: Any, landed: Any) -> bool:
    match kind:
        case Array():
            pairs = zip(value, landed, strict=True) if isinstance(value, list) and len(value) == len(landed) else None
            return pairs is not None and all(_kept(kind.element, one, other, _ABSENT) for one, other in pairs)
        case Struct():
            return False
        case Atom(name="string"):
            return bool(landed == value if isinstance(value, str) else _read(landed) == value)
        case Atom(name="binary"):
            return bool(base64.b64decode(value) == landed)
        case Atom(name="date"):
            return bool(landed.isoformat() == value)
        case Atom(name="timestamp"):
            return isinstance(landed, datetime) and instant(value) == round(landed.timestamp() * 1_000_000)
        case Atom(name="boolean"):
            return value is landed
        case Atom(name="double"):
            return not isinstance(value, bool) and bool(int(landed) == value if isinstance(value, int) else float(value) == landed)
        case _:
            return not isinstance(value, bool) and Decimal(value) == landed


def _tells(value: Any) -> bool:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return value is not None if parts is None else any(map(_tells, parts))
