"""Rows that come with types: how each Spark type lands, as SQL that loses no value. Pure: types are Spark's JSON, rules are text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from medallion.bronze.evolve import SchemaPlan, plan
from medallion.bronze.widen import joined, settled
from medallion.config.source import SchemaContract
from medallion.layout import literal, quoted
from medallion.schema import (
    BIGINT,
    BINARY,
    BOOLEAN,
    DATE,
    DOUBLE,
    NOTHING,
    STRING,
    TIMESTAMP,
    Array,
    Atom,
    Decimal,
    Nothing,
    Struct,
    Type,
    landing_name,
)

Kind: TypeAlias = str | Mapping[str, Any]
"""A Spark type as ``DataType.jsonValue()`` has it."""

_ATOMS: Mapping[str, Type] = {
    **dict.fromkeys(("byte", "short", "integer", "long"), BIGINT),
    **dict.fromkeys(("float", "double"), DOUBLE),
    **dict.fromkeys(("timestamp", "timestamp_ntz"), TIMESTAMP),
    "boolean": BOOLEAN,
    "string": STRING,
    "binary": BINARY,
    "date": DATE,
    "void": NOTHING,
}
INSTANT_FORMAT = "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"
"""How Spark spells an instant whole; by itself it cuts it to milliseconds in JSON and CSV."""
INSTANTS = "map('timestampFormat', '{}')".format(INSTANT_FORMAT.replace("'", "\\'"))
"""For to_json in SQL."""
_DECIMAL = re.compile(r"decimal\((\d+),(-?\d+)\)")
_TEXT_FITS: Mapping[str, str] = {
    "boolean": "lower(trim({0})) IN ('true', 'false')",
    "bigint": "trim({0}) RLIKE '^[+-]?[0-9]+$'",
    "double": "true",
    "date": "trim({0}) RLIKE '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}$'",
    "timestamp": "trim({0}) RLIKE '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}'",
}
"""What Spark's own cast takes beyond these would be another value than the text says: part of a date, today, ``y`` for true."""


def landing_type(kind: Kind) -> Type:
    """The landing type for values of a Spark type: itself, or the one it is cast to.

    Narrow numbers are widened, a timestamp without a zone is taken as UTC, maps become JSON text, and every type that has no
    counterpart (intervals, times, variants) its text.
    """
    if isinstance(kind, str):
        if (found := _DECIMAL.fullmatch(kind)) is not None:
            return Decimal(precision=int(found[1]), scale=int(found[2]))
        return _ATOMS.get(kind, STRING)
    if kind["type"] == "array":
        return Array(landing_type(kind["elementType"]))
    if kind["type"] == "struct":
        parts: dict[str, Type] = {}
        for field in kind["fields"]:
            parts[landing_name(field["name"], parts, top=False)] = landing_type(field["type"])
        return Struct(tuple(parts.items()))
    return landing_type(kind["sqlType"]) if kind["type"] == "udt" else STRING


def landed(kind: Kind, sql: str) -> str:
    """*sql*, an expression of a Spark type, as its landing type."""
    if not isinstance(kind, str):
        match kind["type"]:
            case "map":
                return f"to_json({sql}, {INSTANTS})"
            case "array":
                inner = landed(kind["elementType"], "x")
                return sql if inner == "x" else f"transform({sql}, x -> {inner})"
            case "struct":
                parts = []
                for (name, _), field in zip(_struct(kind).fields, kind["fields"], strict=True):
                    inner = f"{sql}.{quoted(field['name'])}"
                    parts.append(f"{literal(name)}, {landed(field['type'], inner)}")
                return f"CASE WHEN {sql} IS NOT NULL THEN named_struct({', '.join(parts)}) END"
            case "udt":
                return f"CAST({sql} AS {landing_type(kind)})"
    same = kind in ("boolean", "long", "double", "string", "binary", "date", "timestamp", "void") or _DECIMAL.fullmatch(str(kind))
    return sql if same else f"CAST({sql} AS {landing_type(kind)})"


def _struct(kind: Kind) -> Struct:
    found = landing_type(kind)
    assert isinstance(found, Struct), "a struct lands as a struct"
    return found


def widens(seen: Type, column: Type) -> bool:
    """Whether every value of the type *seen* has its place in a column of the type *column*."""
    return isinstance(seen, Nothing) or joined(column, seen) == column


def widened(seen: Type, column: Type, sql: str) -> str:
    """*sql*, of the landing type *seen*, as the wider type *column*: numbers grow, what becomes text is written as JSON has it."""
    match seen, column:
        case _ if seen == column:
            return sql
        case Struct(), Struct():
            had = dict(seen.fields)
            parts = (
                f"{literal(name)}, " + (widened(had[name], kind, f"{sql}.{quoted(name)}") if name in had else f"CAST(NULL AS {kind})")
                for name, kind in column.fields
            )
            return f"CASE WHEN {sql} IS NOT NULL THEN named_struct({', '.join(parts)}) END"
        case Array(), Array():
            return f"transform({sql}, x -> {widened(seen.element, column.element, 'x')})"
        case Struct() | Array(), Atom(name="string"):
            return f"to_json({sql}, {INSTANTS})"
        case Atom(name="binary"), Atom(name="string"):
            return f"base64({sql})"
        case Atom(name="timestamp"), Atom(name="string"):
            return f"date_format({sql}, \"yyyy-MM-dd'T'HH:mm:ss.SSSSSSX\")"
        case _:
            return f"CAST({sql} AS {column})"


def fitted(seen: Type, column: Type, sql: str) -> str | None:
    """*sql* as *column*, null for each value that the column cannot hold as it is; None: it holds none of them."""
    if isinstance(seen, (Struct, Array)) or isinstance(column, (Struct, Array)) or BINARY in (seen, column):
        return None
    cast = f"try_cast({sql} AS {column})"
    if seen != STRING:  # the value counts, if it comes back as it was
        return f"CASE WHEN try_cast({cast} AS {seen}) <=> {sql} THEN {cast} END"
    if isinstance(column, Decimal):
        test = f"trim({sql}) RLIKE '^[+-]?[0-9]*([.][0-9]{{0,{column.scale}}}0*)?$'"
    else:
        assert isinstance(column, Atom), "text is parsed into a type without parts"
        test = _TEXT_FITS[column.name].format(sql)
    return f"CASE WHEN {test} THEN {cast} END"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How the columns of a frame land. Its columns are called ``c0``, ``c1``, … in the expressions.

    *columns* are SQL expressions in the order of *plan*'s; *rescued* is the one of ``_rescued``.
    """

    plan: SchemaPlan
    columns: tuple[str, ...]
    rescued: str
    parsed: tuple[str, ...]
    """Declared columns that are parsed from text: under ``type_changes: freeze`` a value that does not fit is found only in the rows."""


def shape(
    fields: Sequence[tuple[str, Kind]],
    declared: Mapping[str, Type],
    current: Mapping[str, Type],
    contract: SchemaContract,
    *,
    rescued: str | None = None,
) -> Shape:
    """How a frame of *fields* (name and Spark type) lands in a table of the columns *current*; *rescued* is its column for ``_rescued``.

    By contract a type that the column's does not hold widens it, is refused, or only its values that the column holds as they are
    stay there, the others going to ``_rescued``. Text for a declared column is parsed, and never widens it. The plan's *frozen* is
    to be looked at before anything lands.
    """
    places = {name: (f"c{place}", kind) for place, (name, kind) in enumerate(fields) if name != rescued}
    seen = {name: landing_type(kind) for name, (_, kind) in places.items()}
    known = dict(plan(declared, current, {}, contract).columns)
    parsed = {name for name in seen if name in declared and seen[name] == STRING and not widens(STRING, known[landing_name(name, known)])}
    told = {
        name: [kind]
        for name, kind in seen.items()
        if name not in parsed and ((column := landing_name(name, known)) not in known or not widens(kind, known[column]))
    }
    missing = set(known) - {landing_name(name, known) for name in seen}
    planned = plan(declared, current, told, contract, missing=[name for name in known if name in missing])
    columns, misfits = dict.fromkeys(planned.columns, ""), dict[str, str]()
    for name, (place, kind) in places.items():
        value, column = landed(kind, place), landing_name(name, planned.columns)
        if column not in planned.columns or columns[column]:
            if settled(seen[name]) is not None:
                misfits[name] = value
        elif widens(seen[name], planned.columns[column]):
            columns[column] = widened(seen[name], planned.columns[column], value)
        elif (fit := fitted(seen[name], planned.columns[column], value)) is not None:
            columns[column] = fit
            misfits[name] = f"CASE WHEN ({fit}) IS NULL THEN {value} END"
        else:
            misfits[name] = value
    return Shape(
        plan=planned,
        columns=tuple(f"CAST({columns[name] or 'NULL'} AS {kind}) AS {quoted(name)}" for name, kind in planned.columns.items()),
        rescued=_rescued(misfits, None if rescued is None else f"c{[name for name, _ in fields].index(rescued)}"),
        parsed=tuple(sorted(parsed)),
    )


def _rescued(misfits: Mapping[str, str], given: str | None) -> str:
    if not misfits:
        return f"CAST({given or 'NULL'} AS STRING)"
    parts = [f"{literal(name)}, {value}" for name, value in sorted(misfits.items())]
    some = " OR ".join(f"({value}) IS NOT NULL" for value in misfits.values())
    if given is not None:
        parts.append(f"'', {given}")
    told = f"to_json(named_struct({', '.join(parts)}), {INSTANTS})"
    return f"CASE WHEN {some} THEN {told} ELSE CAST({given or 'NULL'} AS STRING) END"


def content(columns: Mapping[str, Type]) -> str:
    """What of a landed row its content's hash is made of: all values, and which of them are null, since Spark's hashes pass over nulls."""
    parts = (
        f"{quoted(name)} IS NULL, {f'to_json({quoted(name)}, {INSTANTS})' if isinstance(kind, (Struct, Array)) else quoted(name)}"
        for name, kind in columns.items()
    )
    return ", ".join([*parts, "_rescued IS NULL", "_rescued"])
