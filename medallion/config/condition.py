"""The condition on a parent's records: the part of Spark's SQL that is evaluated without Spark, read into a tree.

Columns are compared with literals by ``= != <> < <= > >=``, ``IN``, ``BETWEEN``, ``LIKE`` and ``IS NULL``, each with its ``NOT``, and
put together with ``AND``, ``OR``, ``NOT`` and parentheses. Literals are text, numbers, true and false; an instant or a date is
text that spells one. Everything else is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias

Value: TypeAlias = str | int | Decimal | bool
Comparison: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]

_ALLOWED = "a column is compared with literals by = != < <= > >= IN BETWEEN LIKE or IS NULL; AND, OR, NOT and parentheses join them"


@dataclass(frozen=True, kw_only=True)
class Compared:
    """*column* stands so to *value*; unknown where the column is null."""

    column: str
    sign: Comparison
    value: Value


@dataclass(frozen=True, kw_only=True)
class Listed:
    """*column* is one of *values*; unknown where it is null."""

    column: str
    values: tuple[Value, ...]


@dataclass(frozen=True, kw_only=True)
class Alike:
    """*column* is text like *pattern*, by case; ``%`` is any text, ``_`` any character; unknown where it is null."""

    column: str
    pattern: str


@dataclass(frozen=True, kw_only=True)
class Missing:
    """*column* is null."""

    column: str


@dataclass(frozen=True, kw_only=True)
class Denied:
    """The opposite of *part*; unknown stays unknown."""

    part: Condition


@dataclass(frozen=True, kw_only=True)
class Joined:
    """All of *parts*, or any of them, in SQL's logic of three values."""

    how: Literal["and", "or"]
    parts: tuple[Condition, Condition]


Condition: TypeAlias = Compared | Listed | Alike | Missing | Denied | Joined


def parse_condition(text: str) -> Condition:
    """What *text* says. Raises ValueError with a sentence for what is no SQL, or more of it than is evaluated here."""
    import sqlglot  # half a second, which only a configuration with a condition pays
    from sqlglot import errors, exp

    try:
        found = sqlglot.parse_one(text, dialect="spark")
    except errors.SqlglotError as error:
        raise ValueError(f"is no SQL condition: {str(error).splitlines()[0][:120]}") from error
    signs: dict[type[exp.Expr], tuple[Comparison, Comparison]] = {
        exp.EQ: ("=", "="),
        exp.NEQ: ("!=", "!="),
        exp.LT: ("<", ">"),
        exp.LTE: ("<=", ">="),
        exp.GT: (">", "<"),
        exp.GTE: (">=", "<="),
    }

    def condition(node: exp.Expr) -> Condition:
        if isinstance(node, exp.Paren):
            return condition(node.this)
        if isinstance(node, exp.Not):
            return Denied(part=condition(node.this))
        if isinstance(node, (exp.And, exp.Or)):
            return Joined(how="and" if isinstance(node, exp.And) else "or", parts=(condition(node.this), condition(node.expression)))
        if (sign := signs.get(type(node))) is not None:
            if isinstance(node.this, exp.Column):
                return Compared(column=column(node.this), sign=sign[0], value=literal(node.expression))
            if not isinstance(node.expression, exp.Column):
                raise _refused(node)
            return Compared(column=column(node.expression), sign=sign[1], value=literal(node.this))
        if isinstance(node, exp.Between) and not node.args.get("symmetric"):
            name, low, high = column(node.this), literal(node.args["low"]), literal(node.args["high"])
            return Joined(how="and", parts=(Compared(column=name, sign=">=", value=low), Compared(column=name, sign="<=", value=high)))
        if isinstance(node, exp.In) and node.expressions:
            return Listed(column=column(node.this), values=tuple(literal(one) for one in node.expressions))
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
            return Missing(column=column(node.this))
        if isinstance(node, exp.Like):
            pattern = literal(node.expression)
            if not isinstance(pattern, str) or "\\" in pattern:
                raise _refused(node)
            alike = Alike(column=column(node.this), pattern=pattern)
            return Denied(part=alike) if node.args.get("negate") else alike
        raise _refused(node)

    def column(node: exp.Expr) -> str:
        if not isinstance(node, exp.Column) or len(node.parts) != 1 or not node.name:
            raise _refused(node)
        return str(node.name)

    def literal(node: exp.Expr) -> Value:
        if isinstance(node, exp.Boolean):
            return bool(node.this)
        if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal) and not node.this.is_string:
            return -_number(node.this.name)
        if isinstance(node, exp.Literal):
            return str(node.this) if node.is_string else _number(node.name)
        raise _refused(node)

    def _refused(node: exp.Expr) -> ValueError:
        return ValueError(f"{node.sql(dialect='spark')[:60]!r} is not evaluated here: {_ALLOWED}")

    return condition(found)


def columns(condition: Condition) -> Iterator[str]:
    """The columns that *condition* looks at, each as often as it does."""
    if isinstance(condition, Denied):
        yield from columns(condition.part)
    elif isinstance(condition, Joined):
        for part in condition.parts:
            yield from columns(part)
    else:
        yield condition.column


def _number(text: str) -> int | Decimal:
    return int(text) if text.isdecimal() else Decimal(text)
