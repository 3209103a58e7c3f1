"""What the rows say of how far the cursor has come."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from medallion.bronze.watermark import CursorWatch, Kind, advanced
from medallion.config.bound import Bound
from medallion.schema import Type, parse_ddl


def at(minute: int) -> datetime:
    """That minute of a day."""
    return datetime(2013, 1, 1, 0, minute, tzinfo=timezone.utc)


def watch(
    ddl: str, *blocks: list[Any], field: str = "at", in_order: bool = False, end: Bound | None = None, kind: Kind = "iso"
) -> CursorWatch:
    """A watch that has seen blocks of values of the column in *ddl*."""
    columns: dict[str, Type] = parse_ddl(ddl)
    of = CursorWatch(field=field, end=end, in_order=in_order, kind=kind)
    for block in blocks:
        of.observe(pa.table({next(iter(columns)): block}), columns)
    return of


@pytest.mark.parametrize(
    ("ddl", "values"),
    [
        ("at timestamp", [at(1), at(3), None, at(2)]),
        ("at string", ["2013-01-01T00:03:00Z", "2013-01-01T00:01:00Z", None]),
        ("at string", ["2013-01-01 00:03", "2013-01-01"]),
        ("at string", ["2013-01-01T02:03:00+02:00", "2013-01-01T00:01:00Z"]),
        ("at string", ["2013-01-01T00:03:00Z", "2013-01-01T00:01:00", "soon", "5"]),
        ("at string", ["2013-01-01T00:03:00.000000999Z"]),
    ],
)
def test_the_candidate_is_the_highest_instant(ddl: str, values: list[Any]) -> None:
    """Whatever its spelling; nanoseconds are cut off, never rounded up; what is no instant does not count."""
    of = watch(ddl, values)
    assert of.candidate == at(3)
    assert of.unreadable == sum(value in ("soon", "5") for value in values)


def test_a_part_of_a_struct_can_be_the_cursor() -> None:
    """A dotted path leads into structs."""
    of = watch("meta struct<at:timestamp>", [{"at": at(1)}, None, {"at": at(2)}], field="meta.at")
    assert of.candidate == at(2)


def test_rows_past_the_end_do_not_count() -> None:
    """They belong to a later run, that will ask for all of its range."""
    assert watch("at timestamp", [at(1), at(5), at(9)], end=at(5)).candidate == at(1)
    assert watch("at timestamp", [at(5)], end=at(5)).candidate is None


def test_settled_is_below_the_last_value_seen() -> None:
    """More rows with the last value may follow on the next page."""
    of = watch("at timestamp", [at(1), at(2), at(2)], in_order=True)
    assert of.settled == at(1)
    of.observe(pa.table({"at": [at(2), at(2)]}), parse_ddl("at timestamp"))
    assert of.settled == at(1)
    of.observe(pa.table({"at": [at(4)]}), parse_ddl("at timestamp"))
    assert of.settled == at(2)


@pytest.mark.parametrize("blocks", [[[at(2), at(1)]], [[at(1), at(3)], [at(2)]]])
def test_disorder_is_seen_within_and_between_blocks(blocks: list[list[datetime]]) -> None:
    """From then on nothing is settled any more."""
    of = watch("at timestamp", *blocks, in_order=True)
    assert (of.in_order, of.out_of_order) == (False, True)


def test_the_watermark_never_goes_back() -> None:
    """It keeps its spelling where nothing is later."""
    assert advanced("2013-01-01T00:05:00+00:00", at(5)) == "2013-01-01T00:05:00+00:00"
    assert advanced("2013-01-01T00:05:00Z", at(6)) == "2013-01-01T00:06:00Z"
    assert advanced(None, None) is None


@pytest.mark.parametrize(
    ("ddl", "values", "end", "candidate", "unreadable"),
    [
        ("at bigint", [1, 3, None, 2], None, "3", 0),
        ("at bigint", [1, 9223372036854775807], None, "9223372036854775807", 0),
        ("at bigint", [1, 3, 5], "3.5", "3", 0),
        ("at bigint", [3, 5], "3", None, 0),
        ("at bigint", [3, 5], "99999999999999999999", "5", 0),
        ("at double", [0.1, 0.3, float("nan"), float("inf")], None, "0.3", 2),
        ("at decimal(10,2)", [Decimal("1.10"), Decimal("1.20")], "1.2", "1.10", 0),
        ("at string", ["9", "10", "1e1", "soon", "2013-01-01"], None, "10", 2),
        ("at timestamp", [at(1)], None, None, 1),
    ],
)
def test_numbers_count_by_value(ddl: str, values: list[Any], end: str | None, candidate: str | None, unreadable: int) -> None:
    """Not by spelling; what is no number does not count, nor what is at the end or behind it."""
    of = watch(ddl, values, kind="number", end=None if end is None else Decimal(end))
    assert of.candidate == (None if candidate is None else Decimal(candidate))
    assert of.unreadable == unreadable


@pytest.mark.parametrize("ddl", ["at bigint", "at double", "at string"])
def test_numbers_settle_as_instants_do(ddl: str) -> None:
    """In order they are followed; out of order nothing is settled."""

    def values(*numbers: int) -> list[Any]:
        return [str(number) if "string" in ddl else float(number) if "double" in ddl else number for number in numbers]

    assert watch(ddl, values(8, 9, 10), values(10, 10), in_order=True, kind="number").settled == 9
    assert watch(ddl, values(8, 10), values(9), in_order=True, kind="number").out_of_order


@pytest.mark.parametrize(
    ("ddl", "kind", "values"),
    [
        ("at bigint", "epoch", [1356998460, 1356998400]),
        ("at double", "epoch", [1356998460.0]),
        ("at string", "epoch_ms", ["1356998460000"]),
    ],
)
def test_instants_may_be_numbers_of_seconds(ddl: str, kind: Kind, values: list[Any]) -> None:
    """Or of milliseconds: the watermark is an instant all the same."""
    assert watch(ddl, values, kind=kind, end=at(5)).candidate == at(1)


def test_the_watermark_of_numbers_goes_by_value() -> None:
    """9 is before 10."""
    assert advanced("9", Decimal(10)) == "10"
    assert advanced("10", Decimal(9)) == "10"
