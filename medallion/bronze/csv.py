"""Chunks as CSV: every value as text from which Spark and Arrow make exactly the value again. Pure but for Arrow; rules for Spark are SQL.

Every field stands between quotes, a quote in it is doubled, null is ``\\N``. A text that itself is ``\\N`` gets a backslash more, and so
does one with more backslashes in front of the N; bytes are base64, nested values JSON.
"""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from medallion.bronze.fit import fit_all
from medallion.bronze.typed import INSTANTS
from medallion.bronze.value import decode_any
from medallion.layout import literal, quoted
from medallion.schema import BINARY, STRING, TIMESTAMP, Array, Struct, Type

NULL = "\\N"
READ: Mapping[str, str] = MappingProxyType(
    {
        "header": "true",
        "enforceSchema": "false",  # the header is held against the schema
        "multiLine": "true",
        "lineSep": "\n",
        "quote": '"',
        "escape": '"',
        "nullValue": NULL,
        "emptyValue": "",
        "mode": "FAILFAST",
    }
)
"""How Spark reads it, every column as a string."""
WRITE: Mapping[str, str] = MappingProxyType(
    {
        "header": "true",
        "quoteAll": "true",
        "lineSep": "\n",
        "quote": '"',
        "escape": '"',
        "nullValue": NULL,
        "emptyValue": "",
        "ignoreLeadingWhiteSpace": "false",
        "ignoreTrailingWhiteSpace": "false",
    }
)
"""How Spark writes it, every column being a string."""
OPTIONS = pyarrow.csv.WriteOptions(include_header=True, quoting_style="all_valid")
"""How Arrow writes it, no column having nulls."""


def sql_text(name: str, kind: Type) -> str:
    """The SQL of the text for a column's value; null stays null."""
    value = quoted(name)
    match kind:
        case Struct() | Array():
            return f"to_json({value}, {INSTANTS})"
        case _ if kind == BINARY:
            return f"base64({value})"
        case _ if kind == TIMESTAMP:
            return f"concat(CAST({value} AS STRING), 'Z')"
        case _ if kind == STRING:
            return f"CASE WHEN {value} RLIKE {literal(_ESCAPED)} THEN concat({literal(_MORE)}, {value}) ELSE {value} END"
        case _:
            return f"CAST({value} AS STRING)"


def sql_value(name: str, kind: Type) -> str:
    """The SQL of a column's value, of the text that stands in its place; what is no such text fails."""
    text = quoted(name)
    match kind:
        case Struct() | Array():
            return f"from_json({text}, {literal(str(kind))}, map('mode', 'FAILFAST', 'columnNameOfCorruptRecord', '__none'))"
        case _ if kind == BINARY:
            return f"unbase64({text})"
        case _ if kind == STRING:
            return f"CASE WHEN {text} RLIKE {literal(_TWICE)} THEN substring({text}, 2) ELSE {text} END"
        case _:
            return f"CAST({text} AS {kind})"


_MORE = "\\"
_ESCAPED, _TWICE = r"\A\\+N\z", r"\A\\{2,}N\z"


def texts(table: pa.Table) -> pa.Table:
    """*table*, of landing types, as texts without nulls."""
    return pa.table([_texts(column) for column in table.columns], names=table.column_names)


def text_schema(schema: pa.Schema) -> pa.Schema:
    """The schema of :func:`texts`."""
    return pa.schema([(name, pa.string()) for name in schema.names])


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_string(kind):
        told = pc.replace_substring_regex(column, r"\A(\\+N)\z", r"\\\1")
    elif pa.types.is_binary(kind):
        values = [None if value is None else base64.b64encode(value).decode() for value in column.to_pylist()]
        told = pa.chunked_array([pa.array(values, pa.string())])
    elif pa.types.is_nested(kind):
        spelled = column.cast(_leaves(kind)).to_pylist()
        told = pa.chunked_array([pa.array([None if value is None else _json(value, kind) for value in spelled], pa.string())])
    else:
        told = column.cast(pa.string())
    return pc.fill_null(told, NULL)


def _leaves(kind: pa.DataType) -> pa.DataType:
    """A nested type whose parts that Python cannot hold, or not as they are, come as text."""
    if pa.types.is_list(kind):
        return pa.list_(_leaves(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(part.name, _leaves(part.type)) for part in kind])
    return pa.string() if pa.types.is_decimal(kind) or pa.types.is_temporal(kind) else kind


def _json(value: Any, kind: pa.DataType) -> str:
    if value is None:
        return "null"
    if pa.types.is_list(kind):
        return f"[{','.join(_json(part, kind.value_type) for part in value)}]"
    if pa.types.is_struct(kind):
        return "{" + ",".join(f"{json.dumps(part.name)}:{_json(value[part.name], part.type)}" for part in kind) + "}"
    if pa.types.is_decimal(kind):
        return str(value)
    if pa.types.is_binary(kind):
        return json.dumps(base64.b64encode(value).decode())
    if isinstance(value, float) and not math.isfinite(value):
        return '"NaN"' if math.isnan(value) else '"Infinity"' if value > 0 else '"-Infinity"'
    return json.dumps(value, ensure_ascii=False)


def parsed(data: bytes, columns: Mapping[str, Type], arrow: Mapping[str, pa.DataType]) -> pa.Table:
    """The rows of a file with these *columns*, which Arrow calls *arrow*; it may have others, which are left out.

    Raises ValueError for what is no such file.
    """
    try:
        table = pyarrow.csv.read_csv(
            io.BytesIO(data),
            read_options=pyarrow.csv.ReadOptions(block_size=len(data) + 1, use_threads=False),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()),
                null_values=[NULL],
                strings_can_be_null=True,
                include_columns=list(columns),
            ),
        )
        return pa.table([_values(table[name], kind, arrow[name]) for name, kind in columns.items()], names=list(columns))
    except (pa.ArrowInvalid, pa.ArrowKeyError, KeyError) as error:
        raise ValueError(str(error)) from error


def _values(texts: pa.ChunkedArray, kind: Type, arrow: pa.DataType) -> pa.ChunkedArray:
    match kind:
        case Struct() | Array():
            fitted = fit_all([None if text is None else decode_any(text) for text in texts.to_pylist()], kind, arrow)
            if fitted.misfits:
                raise ValueError(f"row {min(fitted.misfits)} is no {kind}")
            return pa.chunked_array([fitted.array])
        case _ if kind == BINARY:
            return pa.chunked_array([pa.array([None if text is None else base64.b64decode(text) for text in texts.to_pylist()], arrow)])
        case _ if kind == STRING:
            return pc.replace_substring_regex(texts, r"\A\\(\\+N)\z", r"\1")
        case _:
            return texts.cast(arrow)
