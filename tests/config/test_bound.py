"""Bounds of a range: instants or numbers, which do not mix."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from medallion.config.bound import is_before, moved, parse_bound, parse_span, show_bound, show_span

DAY = datetime(2013, 1, 1, tzinfo=timezone.utc)
LONG = "123456789012345678901234567890123456789.5"


@pytest.mark.parametrize(
    ("value", "bound", "shown"),
    [
        (0, Decimal(0), "0"),
        ("0042", Decimal(42), "42"),
        ("-1.50", Decimal("-1.50"), "-1.50"),
        (0.1, Decimal("0.1"), "0.1"),
        (Decimal("1E+3"), Decimal(1000), "1000"),
        (LONG, Decimal(LONG), LONG),
        ("2013-01-01", DAY, "2013-01-01T00:00:00Z"),
        ("2013-01-01T02:00:00+02:00", DAY, "2013-01-01T00:00:00Z"),
    ],
)
def test_a_bound_reads_back_as_it_is_shown(value: Any, bound: Any, shown: str) -> None:
    """Every digit of it."""
    assert parse_bound(value) == bound
    assert show_bound(bound) == shown
    assert parse_bound(shown) == bound


@pytest.mark.parametrize("value", [True, None, "", "soon", "1e5", 1e40, float("nan"), [1]])
def test_what_is_neither_is_refused(value: Any) -> None:
    """With what it must be."""
    with pytest.raises(ValueError, match="must be"):
        parse_bound(value)


@pytest.mark.parametrize(
    ("value", "span", "shown"), [(5, Decimal(5), "5"), ("0.5", Decimal("0.5"), "0.5"), ("5m", timedelta(minutes=5), "5m")]
)
def test_spans_are_durations_or_numbers(value: Any, span: Any, shown: str) -> None:
    """As bounds are."""
    assert parse_span(value) == span
    assert show_span(span) == shown


def test_bounds_move_exactly_by_spans_of_their_kind() -> None:
    """No digit of a large number is rounded; instants do not move by numbers."""
    assert show_bound(moved(Decimal(LONG), Decimal("1.5"), back=True)) == "123456789012345678901234567890123456788"
    assert moved(DAY, timedelta(days=1)) == datetime(2013, 1, 2, tzinfo=timezone.utc)


@pytest.mark.parametrize(("bound", "span"), [(DAY, Decimal(1)), (Decimal(1), timedelta(1)), (DAY, timedelta(days=10**7))])
def test_what_does_not_move_is_an_error(bound: Any, span: Any) -> None:
    """The kinds do not mix, and the calendar ends."""
    with pytest.raises(ValueError, match="cannot be moved"):
        moved(bound, span)


def test_numbers_and_instants_have_no_common_order() -> None:
    """Each kind has its own."""
    assert is_before(Decimal(1), Decimal(2))
    assert not is_before(DAY, DAY)
    with pytest.raises(ValueError, match="no common order"):
        is_before(DAY, Decimal(1))
