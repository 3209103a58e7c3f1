"""How bounds are spelled in requests."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion.source.wording import worded

NOON = datetime(2013, 1, 1, 12, 0, 0, 500_001, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("form", "start", "end"),
    [
        ("iso", "2013-01-01T12:00:00.500001Z", "2013-01-01T12:00:00.500001Z"),
        ("date", "2013-01-01", "2013-01-02"),
        ("epoch", 1357041600, 1357041601),
        ("epoch_ms", 1357041600500, 1357041600501),
        ("%Y%m%d %H", "20130101 12", "20130101 12"),
    ],
)
def test_starts_are_rounded_down_and_ends_up(form: str, start: object, end: object) -> None:
    """A pattern is taken as it is."""
    assert (worded(NOON, form, end=False), worded(NOON, form, end=True)) == (start, end)


def test_what_a_spelling_holds_is_not_rounded() -> None:
    """An end at midnight is that midnight, in any zone."""
    midnight = datetime(2013, 1, 2, 2, tzinfo=timezone(timedelta(hours=2)))
    assert worded(midnight, "date", end=True) == worded(midnight, "date", end=False) == "2013-01-02"
    assert worded(midnight, "epoch", end=True) == 1357084800


def test_numbers_are_themselves() -> None:
    """Whole ones without a point."""
    assert (worded(Decimal("5.0"), "iso", end=True), worded(Decimal("5.25"), "iso", end=True)) == (5, 5.25)


@given(st.datetimes(timezones=st.just(timezone.utc)), st.sampled_from(["epoch", "epoch_ms"]))
def test_the_range_asked_for_holds_the_range(moment: datetime, form: str) -> None:
    """Whatever the unit."""
    unit = timedelta(seconds=1) if form == "epoch" else timedelta(milliseconds=1)
    since = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)
    start, end = (worded(moment, form, end=side) for side in (False, True))
    assert isinstance(start, int)
    assert isinstance(end, int)
    assert start * unit <= since <= end * unit < since + unit
