"""SQL for PostgreSQL, made of quoted names, instants and numbers; nothing of a configuration is SQL but its query and its predicates."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, TypeAlias

from medallion.config.bound import Bound, show_bound
from medallion.config.db import Db
from medallion.source.protocol import Window

Kind: TypeAlias = str | Mapping[str, Any]
"""The type of a column as Spark reads it, in its JSON."""
MOMENTS = ("date", "timestamp", "timestamp_ntz")
"""Kinds of columns that hold instants; a cursor's column that is none of them holds numbers."""
_BIGINT = 9_200_000_000_000_000_000
"""Within what a bound can be, also after it was a double."""


def quoted(name: str) -> str:
    """The identifier, whatever characters it has."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """The text as a constant, whatever the server makes of backslashes."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def table_name(table: str) -> str:
    """``sales.orders`` with its parts quoted."""
    return ".".join(quoted(part.strip()) for part in table.split("."))


def relation(db: Db) -> str:
    """The rows that are read, all of them. A query ends with a line, since its last one may be a comment."""
    return f"{db.query.strip()}\n" if db.query is not None else f"SELECT * FROM {table_name(db.table or '')}"


def range_of(column: str, kind: Kind, window: Window) -> str:
    """The condition for rows of ``[start, end)``, an open side left out; *kind* is the column's type as Spark has it."""
    sides = [f"{quoted(column)} {sign} {_constant(at, kind)}" for sign, at in ((">=", window.start), ("<", window.end)) if at is not None]
    return " AND ".join(sides) or "true"


def highest(relation: str, column: str, kind: Kind) -> str:
    """The highest value of a column of dates or timestamps, in ISO 8601, or of numbers, in digits; null: there is no row."""
    most = f"max({quoted(column)})"
    if kind not in MOMENTS:
        return f"SELECT CAST({most} AS text) AS highest FROM ({relation}) AS {quoted('rows')}"
    naive = f"{most} AT TIME ZONE 'UTC'" if kind == "timestamp" else f"CAST({most} AS timestamp)"
    spelled = f"""to_char({naive}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
    return (
        f"SELECT CASE WHEN isfinite({most}) THEN {spelled} ELSE CAST({most} AS text) END AS highest FROM ({relation}) AS {quoted('rows')}"
    )


def bounds(relation: str, column: str, kind: Kind) -> str:
    """The lowest and the highest value of a column, as Spark reads the bounds of a partitioned read."""
    least, most = f"min({quoted(column)})", f"max({quoted(column)})"
    if kind == "timestamp":
        least, most = f"{least} AT TIME ZONE 'UTC'", f"{most} AT TIME ZONE 'UTC'"
    elif kind not in MOMENTS:
        least, most = (f"CAST(greatest(least({side}, {_BIGINT}), -{_BIGINT}) AS bigint)" for side in (f"floor({least})", f"ceil({most})"))
    return f"SELECT CAST({least} AS text) AS least, CAST({most} AS text) AS most FROM ({relation}) AS {quoted('rows')}"


def primary_key(table: str) -> str:
    """The columns of a table's primary key, in order."""
    return (
        "SELECT CAST(a.attname AS text) AS name FROM pg_index i "
        "JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey) "
        f"WHERE i.indisprimary AND i.indrelid = CAST({literal(table_name(table))} AS regclass) ORDER BY array_position(i.indkey, a.attnum)"
    )


def selected(column: str, kind: Kind, cast: str | None) -> str:
    """The column in a SELECT: cast to *cast* where the driver would not give it exactly; a timestamp without a zone is one in UTC."""
    name = quoted(column)
    if cast is not None:
        return f"CAST({name} AS {cast}) AS {name}"
    return f"{name} AT TIME ZONE 'UTC' AS {name}" if kind == "timestamp_ntz" else name


def _constant(at: Bound, kind: Kind) -> str:
    if not isinstance(at, datetime):
        return show_bound(at)
    utc = at.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")
    return f"TIMESTAMPTZ '{utc}+00'" if kind == "timestamp" else f"TIMESTAMP '{utc}'"
