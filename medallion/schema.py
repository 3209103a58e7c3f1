"""The types of a landed table as Spark spells them, the names that its columns may have.

A table's schema is a mapping of column names to types, in order.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

RESCUED = "_rescued"
"""The column of every chunk file with the values that fitted no column, as one JSON object."""
ROW = "_row"
"""The column of every chunk file with the row's number in its file."""

_REFUSED = re.compile(r"[ ,;{}()\n\t=\x00-\x1f\ud800-\udfff]")
_RESERVED = re.compile(r"_row|_rescued|_metadata|__.*", re.IGNORECASE | re.DOTALL)
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Atom:
    """A type without parts."""

    name: Literal["boolean", "bigint", "double", "string", "binary", "date", "timestamp"]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, kw_only=True)
class Decimal:
    """Exact numbers of *precision* digits, *scale* of them behind the point."""

    precision: int
    scale: int

    def __str__(self) -> str:
        return f"decimal({self.precision},{self.scale})"


@dataclass(frozen=True)
class Array:
    """A list of values of one type."""

    element: Type

    def __str__(self) -> str:
        return f"array<{self.element}>"


@dataclass(frozen=True)
class Struct:
    """Named parts, in order."""

    fields: tuple[tuple[str, Type], ...]

    def __str__(self) -> str:
        return "struct<" + ",".join(f"{spelled(name)}:{kind}" for name, kind in self.fields) + ">"


@dataclass(frozen=True)
class Nothing:
    """Only nulls were seen; a column of this type does not come to exist."""

    def __str__(self) -> str:
        return "void"


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """JSON numbers that were seen: digits before and behind the point, and what they need to stay exact.

    :func:`medallion.bronze.widen.settled` makes a landing type of it.
    """

    digits: int
    scale: int
    fraction: bool
    """Whether one of them is written with a point or an exponent."""
    bits64: bool
    """Whether all that have no fraction fit into 64 bits."""
    bits53: bool
    """Whether all that have no fraction are exact as a double."""

    def __str__(self) -> str:
        return "double" if self.fraction else "bigint"


Type: TypeAlias = Atom | Decimal | Array | Struct | Nothing | Numbers

BOOLEAN, BIGINT, DOUBLE, STRING, BINARY, DATE, TIMESTAMP = (
    Atom("boolean"),
    Atom("bigint"),
    Atom("double"),
    Atom("string"),
    Atom("binary"),
    Atom("date"),
    Atom("timestamp"),
)
NOTHING = Nothing()


def spelled(name: str) -> str:
    """The name as it stands inside a type: plain, or in backticks."""
    return name if _PLAIN.fullmatch(name) else "`" + name.replace("`", "``") + "`"


def landing_name(name: str, taken: Collection[str] = (), *, top: bool = True) -> str:
    """The column for the source's field *name* in a table with the columns *taken*.

    The name itself, unless it is reserved (at the top), holds a character that Delta refuses, or differs from a column only in
    case: then its legal part and the start of its SHA-256, which is the same in every run.
    """
    legal = name != "" and not _REFUSED.search(name) and not (top and _RESERVED.fullmatch(name))
    if legal and (name in taken or name.lower() not in {other.lower() for other in taken}):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return re.sub("^_+", "_", f"{_REFUSED.sub('_', name)}_{digest}")


_TOKEN = re.compile(r"\s*(?:`((?:[^`]|``)+)`|([A-Za-z0-9_]+)|('(?:[^'\\]|\\.)*')|(.))", re.DOTALL)
_ATOMS = {
    **dict.fromkeys(("boolean", "bool"), BOOLEAN),
    **dict.fromkeys(("byte", "tinyint", "short", "smallint", "int", "integer", "long", "bigint"), BIGINT),
    **dict.fromkeys(("float", "real", "double"), DOUBLE),
    **dict.fromkeys(("string", "varchar", "char", "character"), STRING),
    **dict.fromkeys(("timestamp", "timestamp_ltz"), TIMESTAMP),
    "binary": BINARY,
    "date": DATE,
}


def parse_ddl(text: str) -> dict[str, Type]:
    """The columns of a declaration such as ``id BIGINT, at TIMESTAMP``, names as written, types as they land.

    Whole numbers of any width land as bigint, FLOAT as double, VARCHAR as string. Raises ValueError, one sentence, for
    anything else.
    """
    reader = _Reader(text)
    fields = reader.fields(end="")
    if not fields:
        raise ValueError("the schema declares no column; leave schema: out to have it inferred")
    return dict(fields)


def parse_type(text: str) -> Type:
    """The type that ``str`` of a type spells, or any spelling that :func:`parse_ddl` takes; raises ValueError."""
    reader = _Reader(text)
    kind = reader.kind()
    reader.expect("")
    return kind


class _Reader:
    """Reads tokens from the left; an identifier in backticks is never a keyword."""

    def __init__(self, text: str) -> None:
        self._tokens: Iterator[re.Match[str]] = _TOKEN.finditer(text.strip())
        self._text = text
        self._advance()

    def _advance(self) -> str:
        seen = getattr(self, "_next", "")
        found = next(self._tokens, None)
        self._quoted = found is not None and found[1] is not None
        self._next = "" if found is None else found[1].replace("``", "`") if self._quoted else found[0].strip()
        return seen

    def expect(self, token: str) -> None:
        if self._next != token or self._quoted:
            raise ValueError(f"{self._text!r}: expected {token or 'the end'!r}, found {self._next or 'the end'!r}")
        self._advance()

    def fields(self, end: str) -> tuple[tuple[str, Type], ...]:
        found: dict[str, Type] = {}
        while self._quoted or self._next != end:
            if not self._quoted and not re.fullmatch(r"\w+", self._next):
                raise ValueError(
                    f"{self._text!r}: expected a column name, found {self._next or 'the end'!r} (unusual names stand in backticks)"
                )
            name = self._advance()
            if name.lower() in {other.lower() for other in found}:
                raise ValueError(f"column {name!r} is declared twice (names that differ only in case are one column for Spark)")
            if self._next == ":" and not self._quoted:
                self._advance()
            found[name] = self.kind()
            if self._next.lower() == "not":
                raise ValueError(f"column {name!r}: NOT NULL is not kept on landing; use an expectation")
            if self._next.lower() == "comment":
                self._advance()
                self._advance()
            if self._next != ",":
                break
            self._advance()
        self.expect(end)
        return tuple(found.items())

    def kind(self) -> Type:
        word = "" if self._quoted else self._advance().lower()
        if word in _ATOMS:
            if word in ("varchar", "char", "character"):
                self._numbers()
            return _ATOMS[word]
        if word in ("decimal", "dec", "numeric"):
            precision, scale = (*self._numbers(), 0, 0)[:2] if self._next == "(" else (10, 0)
            if not (1 <= precision <= 38 and 0 <= scale <= precision):
                raise ValueError(f"decimal({precision},{scale}): the precision must be 1 to 38, the scale 0 to the precision")
            return Decimal(precision=precision, scale=scale)
        if word == "array":
            self.expect("<")
            element = self.kind()
            self.expect(">")
            return Array(element)
        if word == "struct":
            self.expect("<")
            return Struct(self.fields(end=">"))
        raise ValueError(
            f"{word or self._next or 'the end'!r} is no type of a landed table: boolean, bigint, double, decimal(p,s), "
            "string, binary, date, timestamp, array<…> and struct<…> are"
        )

    def _numbers(self) -> tuple[int, ...]:
        found: list[int] = []
        if self._next == "(":
            self._advance()
            while self._next.isdigit():
                found.append(int(self._advance()))
                if self._next == ",":
                    self._advance()
            self.expect(")")
        return tuple(found)
