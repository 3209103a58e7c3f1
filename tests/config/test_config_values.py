"""Durations, sizes and instants: what is read is what is shown."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medallion.config.values import parse_duration, parse_instant, parse_size, show_duration, show_instant, show_size


@given(st.integers(0, 10**9).map(lambda milliseconds: timedelta(milliseconds=milliseconds)))
@settings(max_examples=60)
def test_a_duration_that_is_shown_reads_as_itself(value: timedelta) -> None:
    """To the millisecond."""
    assert parse_duration(show_duration(value)) == value


@given(st.integers(0, 2**45))
@settings(max_examples=60)
def test_a_size_that_is_shown_reads_as_itself(value: int) -> None:
    """To the byte."""
    assert parse_size(show_size(value)) == value


@given(st.datetimes(timezones=st.just(timezone.utc)))
@settings(max_examples=60)
def test_an_instant_that_is_shown_reads_as_itself(value: datetime) -> None:
    """To the microsecond."""
    assert parse_instant(show_instant(value)) == value


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("1.5h", 5400), ("250ms", 0.25), ("7d", 604800), ("2w", 1209600), (" 5M ", 300)]
)
def test_durations_have_units(text: str, seconds: float) -> None:
    """Each unit is read."""
    assert parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["30", 30, 1.5, "", "s", "-1s", "1 year", None, True, "1s2m"])
def test_bare_numbers_are_refused(text: object) -> None:
    """A number without a unit is no duration and no size."""
    for parse in (parse_duration, parse_size):
        with pytest.raises(ValueError, match="unit"):
            parse(text)


@pytest.mark.parametrize("text", ["yesterday", "2013-13-01", 20130101, None, ""])
def test_what_is_no_instant_is_refused(text: object) -> None:
    """Only ISO 8601 is read."""
    with pytest.raises(ValueError, match="ISO 8601"):
        parse_instant(text)
