"""The records that requests are made from: read from a Bronze table by its log, file by file, without Spark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow as pa

from medallion.bronze.arrow import arrow_type
from medallion.bronze.entry import Chunk, ChunkEntry, ParentCut, RunCompleted, RunStarted
from medallion.bronze.log import AT_ONCE, LogReader
from medallion.bronze.matching import matching, named
from medallion.bronze.state import columns_of, open_state
from medallion.bronze.stored import blocks
from medallion.config.condition import columns as compared
from medallion.config.condition import parse_condition
from medallion.config.source import Parent
from medallion.config.values import show_instant
from medallion.errors import ChainError, ConfigError, Problem, StateError
from medallion.layout import BronzeLayout
from medallion.schema import Atom, Type, landing_name
from medallion.schema import Decimal as DecimalType
from medallion.storage.filesystem import FileSystem


@dataclass(frozen=True, kw_only=True)
class ParentTable:
    """A table of which *parent* takes fields, for the requests of the source called *child*."""

    fs: FileSystem
    layout: BronzeLayout
    child: str
    parent: Parent

    def cut(self) -> ParentCut:
        """Which of the table's records count now: those up to its last completed run. Raises StateError where there is none."""
        reader = LogReader(self.fs, self.layout)
        state = open_state(reader)
        done, version = state.last_completed, state.last_completed_version
        if done is None or version is None:
            raise StateError(
                f"{self.child} is asked for each record of {self.parent.source}, and no run of that is complete in {self.layout.folder}; "
                f"extract {self.parent.source} first"
            )
        while done.same_as is not None:  # its files are those of an earlier run
            version = done.same_as_version if done.same_as_version is not None else _before(reader, done)
            done = _completed(reader, version)
        return ParentCut(source=self.parent.source, version=version, run_id=done.run_id)

    def keys(self, cut: ParentCut) -> Iterator[list[str | None]]:
        """The fields of the records up to *cut* as JSON lists, one list a block of rows; None: a field has no value.

        A full table gives the records of the run at *cut*, others those of all events up to it. Raises ConfigError for a column that
        is not there or cannot be asked with, ChecksumError, ChainError or StorageError.
        """
        reader = LogReader(self.fs, self.layout)
        done = _completed(reader, cut.version)
        kinds = columns_of(reader, done.schema_id)
        if done.rows == 0 and not kinds:
            return
        try:
            names = [named(landing_name(field, kinds), kinds) for field in self.parent.fields]
        except ValueError as error:
            raise self._wrong("fields", error) from error
        for name in names:
            if not isinstance(kinds[name], (Atom, DecimalType)) or kinds[name] == Atom("binary"):
                raise self._wrong("fields", ValueError(f"{name} is {kinds[name]}, which is no single value to ask with"))
        condition = None if self.parent.where is None else parse_condition(self.parent.where)
        try:
            needed = {*names, *(named(name, kinds) for name in compared(condition))} if condition is not None else set(names)
            wanted = None if condition is None else matching(condition, kinds)
        except ValueError as error:
            raise self._wrong("where", error) from error
        first = done.first_version if done.load_pattern == "full" else 0
        for chunk in _chunks(reader, first, cut.version, done.run_id if done.load_pattern == "full" else None):
            for batch in self._batches(reader, chunk, {name: kinds[name] for name in kinds if name in needed}):
                table = batch if wanted is None else batch.filter(wanted)
                columns = [[_plain(value) for value in table[name].to_pylist()] for name in names]
                yield [None if None in row else msgspec.json.encode(row).decode() for row in zip(*columns, strict=True)]

    def _batches(self, reader: LogReader, chunk: Chunk, kinds: Mapping[str, Type]) -> Iterator[pa.Table]:
        for block in blocks(self.fs, reader, chunk, kinds):
            columns = {
                name: block[name].cast(arrow_type(kind)) if name in block.column_names else pa.nulls(len(block), arrow_type(kind))
                for name, kind in kinds.items()
            }
            yield pa.table(columns)

    def _wrong(self, key: str, error: ValueError) -> ConfigError:
        return ConfigError([Problem(path=f"sources.{self.child}.parent.{key}", message=f"{error} (in {self.layout.folder})")])


def _chunks(reader: LogReader, first: int, last: int, run_id: str | None) -> Iterator[Chunk]:
    """The chunks of the entries *first* to *last*, of one run or of all."""
    sealed = None
    for start in range(first, last + 1, AT_ONCE):
        stored = reader.read(start, min(start + AT_ONCE - 1, last), prev_sha256=sealed)
        sealed = stored[-1].sha256
        for one in stored:
            if isinstance(one.entry, ChunkEntry) and run_id in (None, one.entry.run_id):
                yield from one.entry.chunks


def _completed(reader: LogReader, version: int) -> RunCompleted:
    entry = reader.one(version).entry
    if not isinstance(entry, RunCompleted):
        raise ChainError(f"{reader.name(version)} is no run_completed entry, though a later entry names it as one")
    return entry


def _before(reader: LogReader, done: RunCompleted) -> int:
    """The version of the completed run before *done*."""
    entry = reader.one(done.first_version).entry
    if not isinstance(entry, RunStarted) or entry.last_completed is None:
        raise ChainError(f"{reader.name(done.first_version)} names no completed run before it, though a later entry repeats one")
    return entry.last_completed


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, datetime):
        return show_instant(value)
    return str(value) if isinstance(value, (date, Decimal)) else value
