"""Records become a table in the table's schema: whole blocks at once where every value fits, record by record where one does not."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from medallion.bronze.evolve import SchemaPlan, plan
from medallion.bronze.fit import fit_all, tells
from medallion.bronze.value import Value, decode, text, type_of_all, types_of
from medallion.bronze.widen import joined as widest
from medallion.bronze.widen import narrowest, settled, with_empty
from medallion.config.source import SchemaContract
from medallion.errors import QualityError
from medallion.schema import NOTHING, RESCUED, Array, Atom, Decimal, Nothing, Numbers, Struct, Type, landing_name
from medallion.source.joined import joined

_ATOMS: Mapping[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "string": pa.string(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
}
_EXACT = 2.0**53
BLOCK = 256 * 1024
"""Bytes of JSON that one thread parses."""
NO_OBJECT = ""
"""The key of ``_rescued`` for a record that is no JSON object."""


def arrow_type(kind: Type) -> pa.DataType:
    """The Arrow type of a landing type."""
    match kind:
        case Atom():
            return _ATOMS[kind.name]
        case Decimal():
            return pa.decimal128(kind.precision, kind.scale)
        case Array():
            return pa.list_(arrow_type(kind.element))
        case Struct():
            return pa.struct([(name, arrow_type(part)) for name, part in kind.fields])
        case Nothing() | Numbers():
            return pa.null()


def _holds(kind: Type, *names: str) -> bool:
    match kind:
        case Atom():
            return kind.name in names
        case Array():
            return _holds(kind.element, *names)
        case Struct():
            return any(_holds(part, *names) for _, part in kind.fields)
        case _:
            return False


def _as_read(kind: Type) -> pa.DataType:
    """What a block is read as: dates and bytes come as text."""
    match kind:
        case Atom(name="date" | "binary"):
            return pa.string()
        case Array():
            return pa.list_(_as_read(kind.element))
        case Struct():
            return pa.struct([(name, _as_read(part)) for name, part in kind.fields])
        case _:
            return arrow_type(kind)


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """Records in the form in which they land: the table's columns, in order, then ``_rescued``."""

    table: pa.Table
    rescued: int
    """Rows with a value that fitted no column."""
    plan: SchemaPlan | None
    """What the records made of the schema; None: they were read without looking."""


@dataclass(kw_only=True)
class RecordReader:
    """Reads the records of one table. *columns* is its schema, which grows as records and contract say."""

    contract: SchemaContract
    timestamps: bool = False
    """Whether strings that are instants are inferred as timestamps."""
    columns: Mapping[str, Type]
    _sources: dict[str, str] = field(default_factory=dict)
    """Column → the source's name for it, where that is another."""
    _shapes: dict[str, Type] = field(default_factory=dict)
    """Source field → its type with the parts that held nothing so far, for fields that have such parts or are no column yet."""

    def read(self, records: Sequence[bytes]) -> Parsed:
        """The table of *records*, one row each, in order. Raises QualityError where the schema contract is ``freeze`` and they break it."""
        at_once = self.at_once(joined(records), len(records))
        return self._one_by_one([decode(record) for record in records]) if at_once is None else at_once

    def at_once(self, lines: bytes, rows: int) -> Parsed | None:
        """:meth:`read` of that many records, one on each of *lines*, if every value fits; None: one of them needs a closer look."""
        table = self._block(lines, rows) if self.columns and rows else None
        return None if table is None or self._lacks_fields(table) else Parsed(table=table, rescued=0, plan=None)

    def _lacks_fields(self, table: pa.Table) -> bool:
        return self.contract.missing_columns != "evolve" and any(table[name].null_count == len(table) for name in self.columns)

    def _block(self, data: bytes, rows: int) -> pa.Table | None:
        """All records at once; None if any value needs a closer look."""
        if any(_holds(kind, "binary") for kind in self.columns.values() if not isinstance(kind, Atom)):
            return None
        sources = {name: self._sources.get(name, name) for name in self.columns}
        shapes = {source: self.columns[name] for name, source in sources.items()} | self._shapes
        try:
            table = pyarrow.json.read_json(
                pa.BufferReader(data),
                read_options=pyarrow.json.ReadOptions(use_threads=True, block_size=BLOCK),
                parse_options=pyarrow.json.ParseOptions(
                    explicit_schema=pa.schema([(name, _as_read(kind)) for name, kind in shapes.items()]), unexpected_field_behavior="error"
                ),
            )
            if len(table) != rows:
                return None
            columns = [_landed(table[source], self.columns[name]) for name, source in sources.items()]
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, binascii.Error, UnicodeDecodeError):
            return None
        if any(map(_inexact, columns)):
            return None
        return pa.table([*columns, pa.nulls(rows, pa.string())], names=[*self.columns, RESCUED])

    def _one_by_one(self, rows: Sequence[dict[str, Value] | str]) -> Parsed:
        known, unknown = self._sort(rows)
        values = {source: [row.get(source) if isinstance(row, dict) else None for row in rows] for source in known.values()}
        fitted = {
            column: fit_all(values[source], self.columns[column], arrow_type(self.columns[column])) for column, source in known.items()
        }
        misfits = {known[column]: list(one.misfits.values()) for column, one in fitted.items() if one.misfits}
        seen = {name: types_of(values, timestamps=self.timestamps) for name, values in (misfits | unknown).items()}
        missing = [column for column in self.columns if column not in known] if rows else []
        planned = plan({}, self.columns, seen, self.contract, missing=missing)
        odd = sum(isinstance(row, str) for row in rows) if self.contract.type_changes == "freeze" else 0
        if frozen := [*planned.frozen, *([f"{odd} records are no JSON objects or rows that can be taken apart"] if odd else [])]:
            raise QualityError(
                f"the schema contract forbids these records: {'; '.join(frozen)}. Nothing of their page landed; change "
                "schema_contract or the source"
            )
        self.columns = planned.columns
        known, unknown = self._sort(rows)
        self._learn(rows, known, {name: narrowest(seen[name]) for name in unknown if name in seen})
        left: list[dict[str, Value]] = [{NO_OBJECT: row} if isinstance(row, str) else {} for row in rows]
        for name in unknown:
            for row, rest in zip(rows, left, strict=True):
                if isinstance(row, dict) and tells(value := row.get(name)):
                    rest[name] = value
        columns: list[pa.Array] = []
        for column, kind in self.columns.items():
            if column not in known:
                columns.append(pa.nulls(len(rows), arrow_type(kind)))
                continue
            source, one = known[column], fitted.get(column)
            if one is None or one.kind != kind:
                one = fit_all([row.get(source) if isinstance(row, dict) else None for row in rows], kind, arrow_type(kind))
            for index, misfit in one.misfits.items():
                left[index][source] = misfit
            columns.append(one.array)
        rescued = [text(dict(sorted(rest.items()))) if rest else None for rest in left]
        table = pa.table([*columns, pa.array(rescued, pa.string())], names=[*self.columns, RESCUED])
        return Parsed(table=table, rescued=sum(map(bool, left)), plan=planned)

    def _sort(self, rows: Sequence[dict[str, Value] | str]) -> tuple[dict[str, str], dict[str, list[Value]]]:
        """Which column is which source field, and the values of the fields that are none."""
        known: dict[str, str] = {}
        unknown: dict[str, list[Value]] = {}
        names = dict.fromkeys(name for row in rows if isinstance(row, dict) for name in row)
        for name in names:
            column = landing_name(name, self.columns)
            if column in self.columns and self._sources.setdefault(column, name) == name:
                known[column] = name
            else:
                unknown[name] = [row[name] for row in rows if isinstance(row, dict) and name in row]
        return known, unknown

    def _learn(self, rows: Sequence[dict[str, Value] | str], known: Mapping[str, str], unknown: Mapping[str, Type]) -> None:
        """Remembers the parts that hold nothing, so that they do not stop the next block."""
        for name, kind in unknown.items():
            if settled(whole := widest(self._shapes.get(name, NOTHING), kind)) is None:
                self._shapes[name] = whole
        for column, name in known.items():
            kind = self.columns[column]
            self._shapes.pop(name, None)
            if isinstance(kind, (Struct, Array)):
                values = [row[name] for row in rows if isinstance(row, dict) and name in row]
                shape = with_empty(kind, type_of_all(values, timestamps=False))
                if shape != kind:
                    self._shapes[name] = shape


def _landed(column: pa.ChunkedArray, kind: Type) -> pa.ChunkedArray:
    if kind == Atom("binary"):
        values = [None if value is None else base64.b64decode(value, validate=True) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(values, pa.binary())])
    return column if column.type == arrow_type(kind) else column.cast(arrow_type(kind))


def _inexact(array: pa.Array | pa.ChunkedArray) -> bool:
    """Whether a value may be none that its type holds; such a block is looked at value by value.

    Arrow rounds whole numbers that a double cannot hold, and overlooks digits in front of the point that a decimal has not.
    """
    if pa.types.is_nested(array.type) and isinstance(array, pa.ChunkedArray):
        return any(map(_inexact, array.chunks))
    if pa.types.is_struct(array.type):
        return any(map(_inexact, array.flatten()))
    if pa.types.is_list(array.type):
        return _inexact(array.flatten())
    if pa.types.is_floating(array.type):
        bound: Any = _EXACT
    elif pa.types.is_decimal(array.type):
        bound = 10 ** (array.type.precision - array.type.scale)
    else:
        return False
    least, most = (part.as_py() for part in pc.min_max(array).values())
    return least is not None and bool(least <= -bound or most >= bound)
