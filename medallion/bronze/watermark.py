"""How far the cursor has come: seen in the rows themselves, a block at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import pyarrow as pa
import pyarrow.compute as pc

from medallion.config.values import parse_instant, show_instant
from medallion.errors import SourceError
from medallion.schema import Struct, Type, landing_name
from medallion.source.incremental import cursor_key

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_TIME = pa.timestamp("us", "UTC")


@dataclass(kw_only=True)
class CursorWatch:
    """Watches one field of all rows of a run. Values that are no instants do not count."""

    field: str
    end: datetime | None
    """The run's end: rows at it or after it belong to a later run, whatever this one is given of them."""
    in_order: bool
    """Whether the rows are said to come in order, and did so far."""
    out_of_order: bool = False
    unreadable: int = 0
    """Rows with a value that is no instant."""
    _highest: int | None = None
    _candidate: int | None = None
    _settled: int | None = None

    @property
    def candidate(self) -> datetime | None:
        """The highest value before the end."""
        return _instant(self._candidate)

    @property
    def settled(self) -> datetime | None:
        """While rows come in order: the highest value that no later row can have, so that all rows up to it are here."""
        if self._settled is None or self.end is None or self._settled < _microseconds(self.end):
            return _instant(self._settled)
        return self.candidate

    def start(self, candidate: datetime | None) -> None:
        """An earlier attempt of the run saw values up to *candidate*."""
        if candidate is not None:
            self._highest = self._candidate = _microseconds(candidate)

    def observe(self, table: pa.Table, columns: Mapping[str, Type]) -> None:
        """Rows have come, after all that were observed before."""
        column = _find(table, columns, self.field)
        if column is None or column.null_count == len(column):
            return
        known = len(column) - column.null_count
        micros = _micros(column).drop_null()
        self.unreadable += known - len(micros)
        if len(micros) == 0:
            return
        highest: int = pc.max(micros).as_py()
        if self.in_order:
            self._follow(micros, highest)
        self._highest = highest if self._highest is None else max(self._highest, highest)
        if self.end is not None and highest >= _microseconds(self.end):
            highest = pc.max(micros.filter(pc.less(micros, _microseconds(self.end)))).as_py()
        if highest is not None:
            self._candidate = highest if self._candidate is None else max(self._candidate, highest)

    def _follow(self, micros: pa.Array, highest: int) -> None:
        before = self._highest
        ascending = len(micros) < 2 or pc.all(pc.greater_equal(micros[1:], micros[:-1])).as_py()
        if not ascending or (before is not None and micros[0].as_py() < before):
            self.in_order, self.out_of_order = False, True
            return
        lower = pc.max(micros.filter(pc.less(micros, highest))).as_py()
        if lower is None and before is not None and before < highest:
            lower = before
        if lower is not None:
            self._settled = lower


def advanced(watermark: str | None, candidate: datetime | None) -> str | None:
    """The watermark after a candidate: it never goes back."""
    if candidate is None or (watermark is not None and parse_instant(watermark) >= candidate):
        return watermark
    return show_instant(candidate)


def _instant(micros: int | None) -> datetime | None:
    try:
        return None if micros is None else _EPOCH + timedelta(microseconds=micros)
    except OverflowError:  # year 0: earlier than anything that is asked for
        return None


def _microseconds(value: datetime) -> int:
    return (value - _EPOCH) // timedelta(microseconds=1)


def _find(table: pa.Table, columns: Mapping[str, Type], field: str) -> pa.Array | None:
    column = landing_name(field, columns)
    if column in columns:
        return table[column].combine_chunks()
    head, *rest = field.split(".")
    column = landing_name(head, columns)
    if column not in columns:
        return None
    array, kind = table[column].combine_chunks(), columns[column]
    for name in rest:
        parts = dict(kind.fields) if isinstance(kind, Struct) else {}
        inner = landing_name(name, parts, top=False)
        if inner not in parts:
            return None
        array, kind = pc.struct_field(array, inner), parts[inner]
    return array


def _micros(array: pa.Array) -> pa.Array:
    """Microseconds since 1970, null for what is no instant. Nanoseconds are cut off: a watermark may be too low, never too high."""
    if pa.types.is_date(array.type):
        return array.cast(pa.timestamp("us")).cast(pa.int64())
    if pa.types.is_timestamp(array.type):
        return array.cast(pa.int64())
    if not pa.types.is_string(array.type):
        return pa.nulls(len(array), pa.int64())
    for kind in (_TIME, pa.timestamp("us")):
        try:
            return array.cast(kind).cast(pa.int64())
        except pa.ArrowInvalid:
            continue
    return pa.array([None if text is None else _read(text) for text in array.to_pylist()], pa.int64())


def _read(text: str) -> int | None:
    try:
        key = cursor_key(text)
    except SourceError:  # counted by the caller: the row lands, but says nothing of how far the cursor is
        return None
    return int(key.value * 1_000_000 // 1) if key.kind == "instant" else None
