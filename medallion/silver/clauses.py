"""What MERGE is told of columns, as SQL: the table is t, what is merged into it is s."""

from __future__ import annotations

from collections.abc import Sequence

from medallion.layout import quoted


def equal(columns: Sequence[str]) -> str:
    """SQL: t and s agree in these columns, which are never null."""
    return " AND ".join(f"t.{quoted(name)} = s.{quoted(name)}" for name in columns)


def set_all(columns: Sequence[str]) -> str:
    """SQL: ``UPDATE SET`` of these columns to those of s."""
    return "UPDATE SET " + ", ".join(f"t.{quoted(name)} = s.{quoted(name)}" for name in columns)


def insert_all(columns: Sequence[str]) -> str:
    """SQL: ``INSERT`` of these columns of s."""
    return f"INSERT ({', '.join(map(quoted, columns))}) VALUES ({', '.join('s.' + quoted(name) for name in columns)})"
