"""What a host says of its limits is kept to, by both ways of asking; no second holds more sends than the rate."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from asking import Asking, rows
from hypothesis import given
from hypothesis import strategies as st

from medallion.clock import SystemClock
from medallion.errors import StoppedEarly
from medallion.policy.breaker import BreakerPolicy
from medallion.policy.budget import RetryBudget
from medallion.policy.limiter import Rate
from medallion.prefetch.hosts import Hosts
from medallion.testing.clock import FakeClock
from medallion.testing.server import Answering, Reply, Seen, json_reply, pages, serve

PAGES = pages(rows(9), size=2)


def with_headers(*headers: tuple[str, str], on_page: str) -> Answering:
    """Pages, of which one says more."""

    def answer(seen: Seen) -> Reply:
        reply = PAGES(seen)
        return Reply(headers=(*reply.headers, *headers), body=reply.body) if seen.query["page"] == on_page else reply

    return answer


@pytest.mark.parametrize(
    "headers",
    [
        (("RateLimit-Remaining", "0"), ("RateLimit-Reset", "90")),
        (("RateLimit", '"default";r=0;t=90'),),
        (("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "90")),
    ],
)
def test_with_no_request_left_nothing_is_sent_until_there_are_new_ones(way: dict[str, Any], headers: tuple[tuple[str, str], ...]) -> None:
    """The page is good, and the next one is asked for a minute and a half later."""
    clock = FakeClock()
    with serve(with_headers(*headers, on_page="2")) as server:
        assert Asking(server.url, clock=clock).read(**way, concurrency=1) == list(range(9))
    assert clock.monotonic() >= 90


def test_beyond_the_cap_the_run_stops_with_what_was_read(way: dict[str, Any]) -> None:
    """An hour is not waited for: exit 3, and the page that said so is given."""
    clock = FakeClock()
    with serve(with_headers(("RateLimit-Remaining", "0"), ("RateLimit-Reset", "3600"), on_page="2")) as server:
        asking = Asking(server.url, clock=clock)
        error = asking.fail(**way, concurrency=1)
        assert len(server.seen) == 2
    assert type(error) is StoppedEarly
    assert "1:00:00" in error.sentence
    assert asking.ids == [0, 1, 2, 3]
    assert clock.monotonic() < 60


def test_the_last_page_may_use_up_the_last_request(way: dict[str, Any]) -> None:
    """Nobody needs another one: the run is complete."""
    with serve(lambda _: json_reply({"data": rows(2)}, ("RateLimit-Remaining", "0"), ("RateLimit-Reset", "3600"))) as server:
        assert Asking(server.url).read(**way, pagination={"type": "none"}) == [0, 1]


def test_429_without_retry_after_waits_as_the_quota_says(way: dict[str, Any]) -> None:
    """X-RateLimit-Reset says as much."""
    clock, left = FakeClock(), [1]
    quota = (("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "40"))
    with serve(lambda seen: Reply(status=429, headers=quota) if left and left.pop() else PAGES(seen)) as server:
        assert Asking(server.url, clock=clock).read(**way, concurrency=1) == list(range(9))
    assert clock.monotonic() >= 40


def test_repetitions_are_bounded_over_the_run(way: dict[str, Any]) -> None:
    """Every second answer is a 500, which no page notices but the run does."""
    numbers = iter(range(1000))
    with serve(lambda seen: Reply(status=500) if next(numbers) % 2 == 0 else PAGES(seen)) as server:
        clock = FakeClock()
        asking = Asking(server.url, clock=clock, hosts=Hosts(clock=clock, budget=RetryBudget(share=0, at_least=2)))
        error = asking.fail(**way, concurrency=1)
    assert type(error) is StoppedEarly
    assert "run.retry_budget" in error.sentence
    assert asking.ids == [0, 1, 2, 3]


def test_auto_finds_its_width_over_real_connections() -> None:
    """It begins with four at once, and has more under way when all is well."""

    def answer(seen: Seen) -> Reply:
        return replace(pages(rows(120), size=2)(seen), delay=0.02)

    with serve(answer) as server:
        assert Asking(server.url, clock=SystemClock()).read(concurrency="auto") == list(range(120))
        assert 4 < server.at_once <= 64


def test_two_sources_on_one_host_share_its_limit(way: dict[str, Any]) -> None:
    """Their requests together keep to the rate of the stricter one."""
    clock = FakeClock()
    hosts = Hosts(clock=clock)
    with serve(PAGES) as server:
        Asking(server.url, clock=clock, hosts=hosts).read(**way, concurrency=1, rate_limit={"rps": 1})
        Asking(server.url, clock=clock, hosts=hosts).read(**way, concurrency=1)
        assert clock.monotonic() >= len(server.seen) - 1.01


@given(late=st.lists(st.floats(0, 0.04), min_size=400, max_size=400), rps=st.sampled_from([5, 20]))
def test_late_waiters_never_bring_a_second_above_the_rate(late: list[float], rps: int) -> None:
    """However late each wait ends, any half-open second holds at most the rate, whatever it costs."""
    clock = FakeClock()
    host = Hosts(clock=clock).host("h", rate=Rate(rps=rps), policy=BreakerPolicy(cooldown=timedelta(seconds=1)))
    sent: list[float] = []
    for delay in late:
        if (wait := host.reserve()) > 0:
            clock.advance(wait + delay)
        while (wait := host.admit()) > 0:
            clock.advance(wait + delay)
        sent.append(clock.monotonic())
    assert max(bisect_left(sent, first + 1.0) - number for number, first in enumerate(sent)) <= rps


def test_the_budget_of_a_rate_is_used() -> None:
    """Waits that end a millisecond late cost less than one in twenty sends."""
    clock = FakeClock()
    host = Hosts(clock=clock).host("h", rate=Rate(rps=20), policy=BreakerPolicy())
    count = 0
    while clock.monotonic() < 60:
        if (wait := host.reserve()) > 0:
            clock.advance(wait + 0.001)
        while (wait := host.admit()) > 0:
            clock.advance(wait + 0.001)
        count += 1
    assert count >= 0.95 * 20 * 60
