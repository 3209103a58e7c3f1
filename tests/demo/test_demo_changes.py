"""The feed says what the CSV says, whichever way it is asked."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import Any

import pytest

from medallion.demo import changes, flights
from medallion.demo.changes import month_start
from medallion.demo.feed import Feed
from medallion.demo.pages import instant

JANUARY = (month_start(1), month_start(2))
ORDER = {"scheduled": 0, "departed": 1, "cancelled": 1, "arrived": 2, "diverted": 2}


def named(row: dict[str, str]) -> str:
    """The id of a flight, from its CSV row."""
    date = f"2013-{int(row['month']):02d}-{int(row['day']):02d}"
    return f"{date}-{row['carrier']}-{row['flight']}-{row['origin']}-{int(row['sched_dep_time']):04d}"


def status_of(row: dict[str, str]) -> str:
    """How a flight ended, from its CSV row."""
    if row["dep_time"] == "NA":
        return "cancelled"
    if row["arr_delay"] != "NA":
        return "arrived"
    return "diverted" if row["arr_time"] != "NA" else "departed"


def test_january_is_exactly_the_flights_of_january(january: list[dict[str, Any]], january_csv: list[dict[str, str]]) -> None:
    """The window of January touches its 27,004 flights, all of them and no others."""
    wanted = {named(row) for row in january_csv}
    assert len(wanted) == 27_004
    assert {event["id"] for event in january} == wanted


def test_last_state_is_what_the_csv_says(january: list[dict[str, Any]], january_csv: list[dict[str, str]]) -> None:
    """The newest change of a flight has the delays, times and status of its CSV row."""
    newest = {event["id"]: event for event in sorted(january, key=lambda event: event["updated_at"])}
    landed_in_february = 0
    for row in january_csv:
        event = newest[named(row)]
        if event["status"] != status_of(row):  # the last hours of the month end in February
            assert row["day"] in ("31", "30")
            landed_in_february += 1
            continue
        expected: dict[str, object] = {name: None if row[name] == "NA" else row[name] for name in ("carrier", "tailnum", "origin", "dest")}
        numbers = ("flight", "distance", "dep_delay", "arr_delay") if event["status"] != "diverted" else ("flight", "distance", "dep_delay")
        expected |= {name: None if row[name] == "NA" else int(row[name]) for name in numbers}
        assert {name: event[name] for name in expected} == expected
        if event["dep_time"] is not None:
            local = (int(event["dep_time"][11:13]) - 5) % 24 * 100 + int(event["dep_time"][14:16])  # New York's winter time
            assert local == int(row["dep_time"]) % 2400
    assert 0 < landed_in_february < 400


def test_january_counts(january: list[dict[str, Any]]) -> None:
    """January has 79,946 different changes and serves 80,739: about one in a hundred is repeated, exactly."""
    different = {tuple(row.items()) for row in january}
    assert len(january) == 80_739
    assert len(different) == len({(row["id"], row["updated_at"]) for row in january}) == 79_946
    assert Counter(dict(row)["status"] for row in different)["scheduled"] == 27_004
    assert {(row["status"] == "scheduled", row["op"]) for row in january} == {(True, "I"), (False, "U")}


def test_some_changes_are_late(january: list[dict[str, Any]]) -> None:
    """About one change in a hundred comes after a younger one."""
    late, newest = 0, ""
    for row in january:
        late += row["updated_at"] < newest
        newest = max(newest, row["updated_at"])
    assert 800 < late < 2_400


def test_a_flight_is_published_departs_and_arrives_in_this_order(january: list[dict[str, Any]]) -> None:
    """No flight departs before it is published or arrives before it departs."""
    lives: dict[str, dict[str, int]] = {}
    for row in january:
        lives.setdefault(row["id"], {})[row["updated_at"]] = ORDER[row["status"]]
    for life in lives.values():
        assert [life[at] for at in sorted(life)] == list(range(len(life)))


def test_windows_are_half_open(feed: Feed, january: list[dict[str, Any]]) -> None:
    """Windows that meet at the very instant of a change share none and lack none."""
    instants = sorted({row["updated_at"] for row in january})
    for text in (instants[0], instants[len(instants) // 2], instants[-1]):
        cut = instant(text, name="cut")
        earlier = sum(row["updated_at"] < text for row in january)
        assert feed.window(JANUARY[0], cut).total() == earlier
        assert feed.window(cut, JANUARY[1]).total() == len(january) - earlier


def test_any_cut_into_pages_gives_the_same_rows(feed: Feed) -> None:
    """Pages of any size follow each other without gap or overlap, over the border of months too."""
    window = feed.window(month_start(2) - 7_200, month_start(2) + 7 * 3_600)
    whole = window.rows(0, window.total())[0]
    assert whole.count(b'"id"') == window.total() > 200
    for size in (1, 7, 100, window.total()):
        pieces, first, more = [], 0, True
        while more:
            rows, more = window.rows(first, size)
            pieces.append(rows)
            first += size
        assert b",".join(pieces) == whole
    assert window.rows(window.total(), 10) == (b"", False)
    assert feed.window(JANUARY[0], JANUARY[0] + 1).rows(0, 10) == (b"", False)


def test_two_servers_say_the_same(feed: Feed) -> None:
    """Nothing depends on chance: January is the same bytes every time it is built."""
    windows = (feed.window(*JANUARY), Feed().window(*JANUARY))
    assert len({hashlib.sha256(window.rows(0, window.total())[0]).hexdigest() for window in windows}) == 1


def test_flights_are_unique_and_land_after_they_start() -> None:
    """336,776 different ids; every arrival is minutes to a day after its departure."""
    table = flights.timed(flights.listed())
    assert len(table["id"].unique()) == 336_776
    starts, ends = table["dep_time"].to_pylist(), table["arr_time"].to_pylist()
    seconds = [end - start for start, end in zip(starts, ends, strict=True) if end is not None]
    assert len(seconds) == 328_063
    assert min(seconds) > 300
    assert max(seconds) <= 86_400


@pytest.mark.slow
def test_the_year_is_a_million_changes(feed: Feed, flights_csv: list[dict[str, str]]) -> None:
    """The months hold 336,776 flights and as many different changes as the CSV has departures, landings and cancellations."""
    landed = sum(row["arr_time"] != "NA" for row in flights_csv)
    ids: set[bytes] = set()
    different: set[bytes] = set()
    served = 0
    for month in changes.MONTHS:
        window = feed.window(month_start(month), month_start(month + 1))
        names = re.findall(rb'"id":"([^"]+)","op":".","updated_at":"([^"]+)"', window.rows(0, window.total())[0])
        served += len(names)
        ids.update(name for name, _ in names)
        different.update(name + at for name, at in names)
    assert (len(ids), len(different), served) == (336_776, 2 * 336_776 + landed, 1_011_613)
    assert len(different) == 1_001_615
    assert feed.window(month_start(13) + 86_400, month_start(14)).total() == 0
