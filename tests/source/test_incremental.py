"""Windows, the order of cursor values, and the fingerprint of what is asked."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medallion.config.source import Source
from medallion.errors import ConfigError, SourceError
from medallion.source.incremental import WHOLE, cursor_key, fingerprint, lanes, newer
from medallion.source.protocol import Window

UTC = timezone.utc
MOMENTS = st.integers(0, 10**15).map(lambda micros: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros))


def at(day: int, hour: int = 0) -> datetime:
    """A moment in January 2013."""
    return datetime(2013, 1, day, hour, tzinfo=UTC)


def test_windows_are_cut_from_the_start() -> None:
    """The last window ends where the range ends; names are the starts."""
    cut = lanes(Window(start=at(1), end=at(16)), timedelta(days=7))
    assert [(lane.name, lane.window.start, lane.window.end) for lane in cut] == [
        ("20130101T000000Z", at(1), at(8)),
        ("20130108T000000Z", at(8), at(15)),
        ("20130115T000000Z", at(15), at(16)),
    ]
    assert all(lane.position is None for lane in cut)


@pytest.mark.parametrize("bounds", [Window(start=None, end=None), Window(start=at(1), end=None), Window(start=None, end=at(1))])
def test_an_open_range_is_one_lane(bounds: Window) -> None:
    """What has no end cannot be cut."""
    [lane] = lanes(bounds, timedelta(days=1))
    assert (lane.name, lane.window) == (WHOLE, bounds)


def test_without_a_window_there_is_one_lane() -> None:
    """The whole range is asked in one."""
    assert [lane.name for lane in lanes(Window(start=at(1), end=at(9)), None)] == [WHOLE]


@pytest.mark.parametrize("end", [at(1), at(1) - timedelta(days=1)])
@pytest.mark.parametrize("window", [None, timedelta(days=1)])
def test_an_empty_range_has_no_lanes(end: datetime, window: timedelta | None) -> None:
    """There is nothing to ask between a moment and itself."""
    assert lanes(Window(start=at(1), end=end), window) == []


def test_too_many_windows_are_refused() -> None:
    """A window of a millisecond over years is a mistake, not a plan."""
    with pytest.raises(ConfigError, match="more than 100000 windows"):
        lanes(Window(start=at(1), end=at(9)), timedelta(milliseconds=1))


@settings(max_examples=50)
@given(start=MOMENTS, length=st.timedeltas(timedelta(microseconds=1), timedelta(days=900)), parts=st.floats(0.3, 50))
def test_windows_cover_the_range_without_gap_or_overlap(start: datetime, length: timedelta, parts: float) -> None:
    """Each window begins where the one before ends, and names differ."""
    cut = lanes(Window(start=start, end=start + length), max(length / parts, timedelta(microseconds=1)))
    edges = [lane.window.start for lane in cut] + [cut[-1].window.end]
    assert edges[0] == start
    assert edges[-1] == start + length
    assert [lane.window.end for lane in cut] == edges[1:]
    assert len({lane.name for lane in cut}) == len(cut)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("2013-01-01T00:00:00Z", "2013-01-01T00:00:00.000000001Z"),
        ("2013-01-01T00:00:00.9Z", "2013-01-01T00:00:01+00:00"),
        ("2013-01-01T10:00:00+02:00", "2013-01-01T09:00:00Z"),
        ("2013-01-01T00:00:00-0530", "2013-01-01T05:30:00.5Z"),
        ("2013-01-01", "2013-01-01 00:00:01"),
        ("2012-12-31t23:59z", "2013-01-01"),
        ("9", "10"),
        ("-1.5", "1e3"),
        ("9007199254740992", "9007199254740993"),
    ],
)
def test_cursor_values_compare_by_meaning(earlier: str, later: str) -> None:
    """Zones, fractions and numbers compare as what they are, not as text."""
    assert cursor_key(earlier) < cursor_key(later)
    assert newer(earlier, later) == newer(later, earlier) == later


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2013-01-01T00:00:00Z", "2013-01-01"),
        ("2013-01-01T02:00:00+02", "2013-01-01T00:00:00.000Z"),
        ("2013-01-01T00:00:00 UTC", "2013-01-01T00:00:00"),
        ("10", "1e1"),
    ],
)
def test_spellings_of_one_value_are_equal(one: str, other: str) -> None:
    """The same instant or number is the same key."""
    assert cursor_key(one) == cursor_key(other)


@pytest.mark.parametrize(
    "text", ["", "abc", "2013-13-01", "2013-02-30T00:00:00Z", "2013-01-01T00:00:99Z", "true", "2013-01-01T00:00:00 CET"]
)
def test_text_is_no_cursor(text: str) -> None:
    """What has no order cannot be a watermark."""
    with pytest.raises(SourceError, match="neither an instant"):
        cursor_key(text)


def test_numbers_and_instants_do_not_compare() -> None:
    """A field that holds both has no highest value."""
    with pytest.raises(SourceError, match="no common order"):
        newer("5", "2013-01-01")


def test_nothing_is_before_everything() -> None:
    """The first value seen is the newest."""
    assert (newer(None, "5"), newer("5", None), newer(None, None)) == ("5", "5", None)


@settings(max_examples=50)
@given(one=MOMENTS, other=MOMENTS, hours=st.integers(-12, 12))
def test_cursor_keys_order_as_the_moments_do(one: datetime, other: datetime, hours: int) -> None:
    """The spelling's offset makes no difference."""
    shifted = other.astimezone(timezone(timedelta(hours=hours))).isoformat()
    assert (cursor_key(one.isoformat()) < cursor_key(shifted)) == (one < other)


def source(**changes: Any) -> Source:
    """A source with some changed settings of its API."""
    api: dict[str, Any] = {
        "base_url": "http://h",
        "endpoint": "/p",
        "params": {"a": 1, "b": 2},
        "auth": {"type": "bearer", "token": "secret:env:A"},
        "pagination": {"type": "page", "size": 10},
        "incremental": {"cursor_field": "at", "initial_value": "2013-01-01", "start_param": "since", "end_param": "until"},
    }
    top = {name: changes.pop(name) for name in ("load_pattern", "schema", "resume_within") if name in changes}
    api["incremental"] = {**api["incremental"], **changes.pop("incremental", {})}
    return Source.model_validate({"name": "s", "system": "s", "table": "t", "load_pattern": "cdc", **top, "api": {**api, **changes}})


@pytest.mark.parametrize(
    "changes",
    [
        {"base_url": "http://i"},
        {"endpoint": "/q"},
        {"params": {"a": 1}},
        {"headers": {"X-Tenant": "2"}},
        {"method": "POST", "json": {"q": 1}},
        {"records_path": "data"},
        {"pagination": {"type": "page", "size": 20}},
        {"load_pattern": "full"},
        *(
            {"incremental": change}
            for change in ({"initial_value": "2014-01-01"}, {"end_value": "2015-01-01"}, {"window": "7d"}, {"lookback": "5m"})
        ),
    ],
)
def test_the_fingerprint_changes_with_what_is_asked(changes: dict[str, Any]) -> None:
    """A run must not be continued with other questions."""
    assert fingerprint(source(**changes)) != fingerprint(source())


@pytest.mark.parametrize(
    "changes",
    [
        {"concurrency": 32},
        {"async": False},
        {"rate_limit": {"rps": 5}},
        {"retry": {"attempts": 9}},
        {"circuit_breaker": {"failures": 9}},
        {"limits": {"page_timeout": "5s"}},
        {"auth": {"type": "bearer", "token": "secret:env:B"}},
        {"params": {"b": 2, "a": 1}},
        {"schema": "id BIGINT"},
        {"resume_within": "1h"},
        {"incremental": {"sorted": True}},
        {"pagination": {"type": "page", "size": 10, "start": 1}, "method": "GET"},
    ],
)
def test_the_fingerprint_does_not_change_with_how_it_is_asked(changes: dict[str, Any]) -> None:
    """Pace, patience and credentials may change between two attempts of a run."""
    assert fingerprint(source(**changes)) == fingerprint(source())
