"""Rows that landed once and shall land again: read from their chunk files, with the values that a person put in their place."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from medallion.bronze.arrow import arrow_type
from medallion.bronze.entry import ChunkEntry
from medallion.bronze.fit import FITS, fit_for
from medallion.bronze.log import LogReader
from medallion.bronze.state import open_state
from medallion.bronze.stored import blocks
from medallion.bronze.value import Value, decode, text
from medallion.errors import ConfigError, Problem, StateError
from medallion.layout import BronzeLayout
from medallion.schema import RESCUED, ROW, STRING, Type
from medallion.storage.filesystem import FileSystem

Position = tuple[int, int, int]
"""Log version, ordinal of the chunk, row of its file."""


@dataclass(frozen=True, kw_only=True)
class Mended:
    """A Bronze row that shall land again. *changes* are its new values by column, as JSON has them; *label* names it in sentences."""

    position: Position
    changes: Mapping[str, Value]
    label: str


def mended(fs: FileSystem, layout: BronzeLayout, rows: Sequence[Mended]) -> pa.Table:
    """The rows in the newest columns of the table, then ``_rescued``, in order; what is not changed is as it landed.

    Raises ConfigError, naming each value that does not fit its column, ChecksumError, ChainError, or StateError.
    """
    reader = LogReader(fs, layout)
    columns: Mapping[str, Type] = {**open_state(reader).columns, RESCUED: STRING}
    problems = [
        Problem(path=row.label, message=f"the Bronze table has no column {name!r}; it has {', '.join(columns)}")
        for row in rows
        for name in row.changes
        if name not in columns
    ]
    if problems:
        raise ConfigError(problems)
    whole = _as_landed(fs, reader, [row.position for row in rows], columns)
    arrays = []
    for name, kind in columns.items():
        fit, fitted = fit_for(kind), list[object]()
        for row in rows:
            value, misfit = fit(row.changes.get(name))
            fitted.append(value)
            if misfit is not FITS:
                problems.append(Problem(path=row.label, message=f"{name} is {kind}, which {text(misfit)} is not"))
        told = pa.array([name in row.changes for row in rows])
        arrays.append(whole[name] if problems or not pc.any(told).as_py() else _changed(whole[name], fitted, told))
    if problems:
        raise ConfigError(problems)
    return pa.table(arrays, names=list(columns))


def _changed(column: pa.ChunkedArray, values: list[object], told: pa.Array) -> pa.ChunkedArray:
    new = pa.array(values, column.type)
    both = pa.chunked_array([*column.chunks, new], column.type)
    rows = len(column)
    return both.take(pa.array([place + rows if change else place for place, change in enumerate(told.to_pylist())]))


def read_mended(name: str, data: bytes) -> list[Mended]:
    """The rows of a file that a person edited: JSON lines, or Parquet where *name* ends in .parquet.

    Each has ``version``, ``chunk``, ``row`` and ``record`` (an object, or its JSON as text); whatever else it has is not looked at.
    A column that a record does not name stays as it landed. Raises ConfigError, naming each wrong line.
    """
    problems, rows = list[Problem](), dict[Position, Mended]()
    for number, line in enumerate(_lines(name, data), start=1):
        label = f"{name} line {number}"
        told = decode(line)
        record = told.get("record") if isinstance(told, dict) else None
        if isinstance(record, str):
            record = decode(record.encode())
        position = _position(told)
        if position is None or not isinstance(record, dict):
            message = "must be an object with version, chunk, row and record, as `medallion quarantine show --json` prints them"
            problems.append(Problem(path=label, message=message))
        elif position in rows:
            problems.append(Problem(path=label, message=f"names the row of {rows[position].label} again"))
        else:
            rows[position] = Mended(position=position, changes=record, label=label)
    if problems:
        raise ConfigError(problems)
    return list(rows.values())


def _position(told: Value) -> Position | None:
    version, chunk, row = (told.get(part) if isinstance(told, dict) else None for part in ("version", "chunk", "row"))
    return (version, chunk, row) if isinstance(version, int) and isinstance(chunk, int) and isinstance(row, int) else None


def _lines(name: str, data: bytes) -> list[bytes]:
    """One JSON object a row."""
    if not name.endswith(".parquet"):
        return [line for line in data.splitlines() if line.strip()]
    try:
        table = pq.read_table(io.BytesIO(data))
    except pa.ArrowInvalid as error:
        raise ConfigError([Problem(path=name, message=f"is no Parquet file ({error})")]) from error
    return [json.dumps(row, default=_spelled).encode() for row in table.to_pylist()]


def _spelled(value: object) -> str:
    """A value of Parquet that JSON has no name for, as it may stand in a record."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, date) else str(value)


def _as_landed(fs: FileSystem, reader: LogReader, positions: Sequence[Position], columns: Mapping[str, Type]) -> pa.Table:
    """The rows at *positions*, in that order, as their chunk files have them."""
    by_chunk: dict[tuple[int, int], list[int]] = {}
    for version, chunk, row in positions:
        by_chunk.setdefault((version, chunk), []).append(row)
    parts, order = list[pa.Table](), dict[Position, int]()
    for (version, chunk), wanted in by_chunk.items():
        table = _file(fs, reader, version, chunk, [*columns, ROW])
        there = {row: place for place, row in enumerate(table[ROW].to_pylist())}
        if missing := [row for row in wanted if row not in there]:
            raise StateError(f"chunk {chunk} of {reader.name(version)} has no row {missing[0]}, though the quarantine names it")
        order |= {(version, chunk, row): len(order) + at for at, row in enumerate(wanted)}
        taken = table.take(pa.array([there[row] for row in wanted]))
        parts.append(pa.table([_widened(taken, name, kind) for name, kind in columns.items()], names=list(columns)))
    return pa.concat_tables(parts).take(pa.array([order[position] for position in positions])).combine_chunks()


def _file(fs: FileSystem, reader: LogReader, version: int, ordinal: int, names: Sequence[str]) -> pa.Table:
    entry = reader.one(version).entry
    chunk = next((one for one in entry.chunks if one.ordinal == ordinal), None) if isinstance(entry, ChunkEntry) else None
    if chunk is None:
        raise StateError(f"{reader.name(version)} lists no chunk {ordinal}, though the quarantine names it")
    return pa.concat_tables(blocks(fs, reader, chunk, names))


def _widened(table: pa.Table, name: str, kind: Type) -> pa.ChunkedArray:
    wanted = arrow_type(kind)
    if name not in table.column_names:
        return pa.chunked_array([pa.nulls(len(table), wanted)])
    try:
        return table[name].cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        message = f"landed as {table[name].type} and is {kind} now: say its value in the file of mended rows"
        raise ConfigError([Problem(path=name, message=message)]) from error
