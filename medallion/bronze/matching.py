"""A condition on columns becomes an expression that Arrow evaluates, with SQL's meaning of null."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal as Exact
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from medallion.bronze.arrow import arrow_type
from medallion.config.condition import Alike, Compared, Comparison, Condition, Denied, Joined, Listed, Missing, Value
from medallion.config.values import parse_instant
from medallion.schema import Atom, Decimal, Type

_SIGNS: Mapping[Comparison, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_UNKNOWN = pa.scalar(None, pa.bool_())


def matching(condition: Condition, columns: Mapping[str, Type]) -> pc.Expression:
    """True for the rows of a table with these *columns* that *condition* holds for; null where that is unknown.

    Names of columns are found whatever their case, as Spark does. Raises ValueError, with a sentence that begins behind "where", for a
    column that is not there and for a value that its column cannot hold.
    """
    match condition:
        case Compared():
            name = named(condition.column, columns)
            return _SIGNS[condition.sign](pc.field(name), _scalar(condition.value, name, columns[name]))
        case Listed():
            name = named(condition.column, columns)
            values = [_scalar(value, name, columns[name]) for value in condition.values]
            among = pc.field(name).isin(pa.array([value.as_py() for value in values], values[0].type))
            return pc.if_else(pc.field(name).is_valid(), among, _UNKNOWN)
        case Alike():
            name = named(condition.column, columns)
            _scalar(condition.pattern, name, columns[name])
            return pc.match_like(pc.field(name), condition.pattern)
        case Missing():
            return pc.field(named(condition.column, columns)).is_null()
        case Denied():
            return ~matching(condition.part, columns)
        case Joined():
            one, other = (matching(part, columns) for part in condition.parts)
            return one & other if condition.how == "and" else one | other


def named(column: str, columns: Mapping[str, Type]) -> str:
    """The column that is meant by *column*. Raises ValueError as :func:`matching` does."""
    if column in columns:
        return column
    found = [name for name in columns if name.lower() == column.lower()]
    if not found:
        raise ValueError(f"names the column {column}, there are {', '.join(columns) or 'none'}")
    return found[0]


def _scalar(value: Value, name: str, kind: Type) -> pa.Scalar:
    """*value* in the type of its column."""
    wrong = ValueError(f"compares {name}, which is {kind}, with {value!r}")
    number = isinstance(value, (int, Exact)) and not isinstance(value, bool)
    try:
        if isinstance(kind, Decimal) and number:
            return pa.scalar(Exact(value), pa.decimal128(38, max(0, -int(Exact(value).as_tuple().exponent))))
        match kind:
            case Atom(name="string") if isinstance(value, str):
                return pa.scalar(value, pa.string())
            case Atom(name="boolean") if isinstance(value, bool):
                return pa.scalar(value, pa.bool_())
            case Atom(name="bigint") if number and Exact(value) == int(value):
                return pa.scalar(int(value), pa.int64())
            case Atom(name="bigint" | "double") if number:
                return pa.scalar(float(value), pa.float64())
            case Atom(name="date") if isinstance(value, str):
                return pa.scalar(date.fromisoformat(value), pa.date32())
            case Atom(name="timestamp") if isinstance(value, str):
                return pa.scalar(parse_instant(value), arrow_type(kind))
    except (ValueError, ArithmeticError, pa.ArrowException) as error:
        raise wrong from error
    raise wrong
