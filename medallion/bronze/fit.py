"""Whether a value fits its column: it lands as it is, or goes to ``_rescued`` as it is; it never lands as another value."""

from __future__ import annotations

import base64
import binascii
import decimal
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pyarrow as pa

from medallion.bronze.value import Repeated, Value, float_exact, instant, text
from medallion.schema import Array, Atom, Decimal, Struct, Type, landing_name

FITS: Any = object()
"""The misfit of a value that has none."""
Fit: TypeAlias = Callable[[Value], tuple[Any, Any]]
"""What of a value lands, in the form that Arrow takes, and what does not (:data:`FITS`: nothing)."""


def fit_for(kind: Type) -> Fit:
    """The rule for values of a column of this type. Of a struct the parts that fit land; a list lands whole or not at all.

    Any JSON fits a string, as its text: string is the widest type.
    """
    match kind:
        case Struct():
            return _struct(kind)
        case Array():
            return _array(kind)
        case Decimal():
            return _leaf(lambda value: _decimal(value, kind))
        case Atom():
            return _leaf(_ATOMS[kind.name])
        case _:
            raise AssertionError(f"{kind} is no landing type")


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A column: what landed, and what did not by row."""

    kind: Type
    array: pa.Array
    misfits: Mapping[int, Value]


def fit_all(values: Sequence[Value], kind: Type, arrow: pa.DataType) -> Fitted:
    """A column of the type *kind*, which Arrow calls *arrow*."""
    array = _alike(values, kind, arrow)
    if array is not None:
        return Fitted(kind=kind, array=array, misfits={})
    fit = fit_for(kind)
    landed: list[Any] = []
    misfits: dict[int, Value] = {}
    for index, value in enumerate(values):
        part, misfit = fit(value)
        landed.append(part)
        if misfit is not FITS:
            misfits[index] = misfit
    return Fitted(kind=kind, array=pa.array(landed, arrow), misfits=misfits)


def _alike(values: Sequence[Value], kind: Type, arrow: pa.DataType) -> pa.Array | None:
    """The column at once, if all values are of the kind of value that it holds; None: look at each."""
    kinds = set(map(type, values)) - {type(None)}
    try:
        match kind:
            case Atom(name="string") if kinds <= {str}:
                return pa.array(values, arrow)
            case Atom(name="bigint") if kinds <= {int}:
                return pa.array(values, arrow)
            case Atom(name="boolean") if kinds <= {bool}:
                return pa.array(values, arrow)
            case Atom(name="timestamp" | "date") if kinds <= {str}:
                return pa.array(values, pa.string()).cast(arrow)
    except (pa.ArrowInvalid, OverflowError, UnicodeEncodeError):
        return None
    return None


def tells(value: Value) -> bool:
    """Whether a value of a field that is no column is worth keeping: nulls, and lists and objects of them, hold nothing."""
    if isinstance(value, Mapping):
        return any(tells(part) for part in value.values())
    if isinstance(value, list) and not isinstance(value, Repeated):
        return any(tells(part) for part in value)
    return value is not None


def _leaf(land: Callable[[Value], Any]) -> Fit:
    def fit(value: Value) -> tuple[Any, Any]:
        if value is None:
            return None, FITS
        landed = None if isinstance(value, Repeated) else land(value)
        return (None, value) if landed is None else (landed, FITS)

    return fit


def _boolean(value: Value) -> bool | None:
    return value if isinstance(value, bool) else None


def _bigint(value: Value) -> int | None:
    if isinstance(value, decimal.Decimal) and value.adjusted() < 20 and value == value.to_integral_value():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63 else None


def _double(value: Value) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return float(value) if float_exact(value) else None
    if isinstance(value, decimal.Decimal):
        rounded = float(value)
        return rounded if math.isfinite(rounded) else None
    return value if isinstance(value, float) else None


def _string(value: Value) -> str | None:
    if not isinstance(value, str):
        return text(value)
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:  # half a surrogate pair: no text that a file can hold
        return None
    return value


def _decimal(value: Value, kind: Decimal) -> decimal.Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (int, str, decimal.Decimal)):
        return None
    found = _cast(str(value), pa.decimal128(kind.precision, kind.scale))
    return found if isinstance(found, decimal.Decimal) else None


def _binary(value: Value) -> bytes | None:
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except (binascii.Error, ValueError):
        return None


def _date(value: Value) -> int | None:
    return _cast(value, pa.date32(), pa.int32()) if isinstance(value, str) else None


def _timestamp(value: Value) -> int | None:
    return instant(value) if isinstance(value, str) else None


def _cast(value: str, *kinds: pa.DataType) -> Any:
    try:
        found = pa.array([value], pa.string())
        for kind in kinds:
            found = found.cast(kind)
    except (pa.ArrowInvalid, UnicodeEncodeError):
        return None
    return found[0].as_py()


_ATOMS: Mapping[str, Callable[[Value], Any]] = {
    "boolean": _boolean,
    "bigint": _bigint,
    "double": _double,
    "string": _string,
    "binary": _binary,
    "date": _date,
    "timestamp": _timestamp,
}


def _struct(kind: Struct) -> Fit:
    parts = {name: fit_for(part) for name, part in kind.fields}

    def fit(value: Value) -> tuple[Any, Any]:
        if value is None:
            return None, FITS
        if not isinstance(value, dict):
            return None, value
        landed: dict[str, Any] = {}
        misfit: dict[str, Value] = {}
        for name, part in value.items():
            column = name if name in parts else landing_name(name, parts, top=False)
            if column not in parts or column in landed:
                if tells(part):
                    misfit[name] = part
                continue
            landed[column], rest = parts[column](part)
            if rest is not FITS:
                misfit[name] = rest
        return landed, misfit or FITS

    return fit


def _array(kind: Array) -> Fit:
    element = fit_for(kind.element)

    def fit(value: Value) -> tuple[Any, Any]:
        if value is None:
            return None, FITS
        if not isinstance(value, list) or isinstance(value, Repeated):
            return None, value
        landed = []
        for one in value:
            part, rest = element(one)
            if rest is not FITS:
                return None, value
            landed.append(part)
        return landed, FITS

    return fit
