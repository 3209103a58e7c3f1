"""How far the cursor has come: seen in the rows themselves, a block at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from itertools import pairwise
from math import ceil, floor
from typing import Any, Literal, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from medallion.config.bound import Bound, is_before, parse_bound, show_bound
from medallion.errors import SourceError
from medallion.schema import Struct, Type, landing_name
from medallion.source.incremental import cursor_key

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_TIME = pa.timestamp("us", "UTC")
Mark: TypeAlias = int | Decimal
"""A cursor value as it is compared: microseconds since 1970, or a number."""
Marks: TypeAlias = "pa.Array | Sequence[Mark]"
"""Those of a block: whole ones in Arrow, others as Python has them."""
Kind: TypeAlias = Literal["iso", "epoch", "epoch_ms", "number"]
"""What the field holds: instants in three ways, or numbers."""
_MICROSECONDS = {"epoch": 1_000_000, "epoch_ms": 1_000}


@dataclass(kw_only=True)
class CursorWatch:
    """Watches one field of all rows of a run. Values that are none of *kind* do not count."""

    field: str
    end: Bound | None
    """The run's end: rows at it or after it belong to a later run, whatever this one is given of them."""
    in_order: bool
    """Whether the rows are said to come in order, and did so far."""
    kind: Kind = "iso"
    out_of_order: bool = False
    unreadable: int = 0
    """Rows with a value that is none of *kind*."""
    _highest: Mark | None = None
    _candidate: Mark | None = None
    _settled: Mark | None = None

    @property
    def candidate(self) -> Bound | None:
        """The highest value before the end."""
        return self._bound(self._candidate)

    @property
    def settled(self) -> Bound | None:
        """While rows come in order: the highest value that no later row can have, so that all rows up to it are here."""
        if self._settled is None or self.end is None or self._settled < _mark(self.end):
            return self._bound(self._settled)
        return self.candidate

    def start(self, candidate: Bound | None) -> None:
        """An earlier attempt of the run saw values up to *candidate*."""
        if candidate is not None:
            self._highest = self._candidate = _mark(candidate)

    def observe(self, table: pa.Table, columns: Mapping[str, Type]) -> None:
        """Rows have come, after all that were observed before."""
        column = _find(table, columns, self.field)
        if column is None or column.null_count == len(column):
            return
        known = len(column) - column.null_count
        marks = _numbers(column) if self.kind == "number" else _micros(column, self.kind)
        self.unreadable += known - len(marks)
        if len(marks) == 0:
            return
        highest = _max(marks)
        if self.in_order:
            self._follow(marks, highest)
        self._highest = highest if self._highest is None else max(self._highest, highest)
        if self.end is not None and highest >= (end := _mark(self.end)):
            before = _below(marks, end)
            if len(before) == 0:
                return
            highest = _max(before)
        self._candidate = highest if self._candidate is None else max(self._candidate, highest)

    def _follow(self, marks: Marks, highest: Mark) -> None:
        before = self._highest
        if not _ascends(marks) or (before is not None and _first(marks) < before):
            self.in_order, self.out_of_order = False, True
            return
        under = _below(marks, highest)
        lower = _max(under) if len(under) else None
        if lower is None and before is not None and before < highest:
            lower = before
        if lower is not None:
            self._settled = lower

    def _bound(self, mark: Mark | None) -> Bound | None:
        if mark is None or self.kind == "number":
            return None if mark is None else Decimal(mark)
        try:
            return _EPOCH + timedelta(microseconds=int(mark))
        except OverflowError:  # year 0: earlier than anything that is asked for
            return None


@dataclass(kw_only=True)
class KinWatch:
    """Watches the field of each parent's rows by itself."""

    field: str
    end: Bound | None
    kind: Kind = "iso"
    unreadable: int = 0
    """Rows with a value that is none of *kind*."""
    _candidates: dict[int, Bound] = dataclass_field(default_factory=dict)

    def observe(self, table: pa.Table, columns: Mapping[str, Type], pages: Sequence[tuple[int | None, int]]) -> None:
        """The rows of *pages* have come, in their order: for each the parent's number, and how many rows it has."""
        begin = 0
        for parent, count in pages:
            if count:
                watch = CursorWatch(field=self.field, end=self.end, in_order=False, kind=self.kind)
                watch.observe(table.slice(begin, count), columns)
                self.unreadable += watch.unreadable
                before, candidate = self._candidates.get(parent or 0), watch.candidate
                if candidate is not None and (before is None or is_before(before, candidate)):
                    self._candidates[parent or 0] = candidate
            begin += count

    def take(self) -> dict[int, str]:
        """The highest value of each parent since it was asked last."""
        taken, self._candidates = self._candidates, {}
        return {parent: show_bound(candidate) for parent, candidate in taken.items()}


def advanced(watermark: str | None, candidate: Bound | None) -> str | None:
    """The watermark after a candidate: it never goes back."""
    if candidate is None or (watermark is not None and not is_before(parse_bound(watermark), candidate)):
        return watermark
    return show_bound(candidate)


def _mark(value: Bound) -> Mark:
    return (value - _EPOCH) // timedelta(microseconds=1) if isinstance(value, datetime) else value


def _max(marks: Marks) -> Mark:
    found: Mark = pc.max(marks).as_py() if isinstance(marks, pa.Array) else max(marks)
    return found


def _first(marks: Marks) -> Mark:
    found: Mark = marks[0].as_py() if isinstance(marks, pa.Array) else marks[0]
    return found


def _below(marks: Marks, limit: Mark) -> Marks:
    if not isinstance(marks, pa.Array):
        return [mark for mark in marks if mark < limit]
    whole = ceil(limit)  # no whole number lies between the two
    return marks.filter(pc.less(marks, whole)) if -(2**63) <= whole < 2**63 else (marks if whole > 0 else marks[:0])


def _ascends(marks: Marks) -> bool:
    if not isinstance(marks, pa.Array):
        return all(one <= other for one, other in pairwise(marks))
    return len(marks) < 2 or bool(pc.all(pc.greater_equal(marks[1:], marks[:-1])).as_py())


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


def _micros(array: pa.Array, kind: Kind) -> Marks:
    """Microseconds since 1970, without what is no instant. Nanoseconds are cut off: a watermark may be too low, never too high."""
    if kind in _MICROSECONDS:
        return [floor(Decimal(number) * _MICROSECONDS[kind]) for number in _exact(_numbers(array))]
    return _instants(array).drop_null()


def _instants(array: pa.Array) -> pa.Array:
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


def _numbers(array: pa.Array) -> Marks:
    """The numbers of a column, exactly as they are, without what is none."""
    if pa.types.is_integer(array.type):
        return array.drop_null()
    if pa.types.is_floating(array.type) or pa.types.is_decimal(array.type):
        values = (Decimal(str(value)) for value in array.drop_null().to_pylist())
        return [value for value in values if value.is_finite()]
    if not pa.types.is_string(array.type):
        return []
    return [number for text in array.drop_null().to_pylist() if (number := _number(text)) is not None]


def _exact(marks: Marks) -> list[Any]:
    return marks.to_pylist() if isinstance(marks, pa.Array) else list(marks)


def _number(text: str) -> Decimal | None:
    try:
        key = cursor_key(text)
    except SourceError:  # counted by the caller, as in _read
        return None
    return key.value if key.kind == "number" else None


def _read(text: str) -> int | None:
    try:
        key = cursor_key(text)
    except SourceError:  # counted by the caller: the row lands, but says nothing of how far the cursor is
        return None
    return int(key.value * 1_000_000 // 1) if key.kind == "instant" else None
