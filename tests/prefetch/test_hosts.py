"""All sources of a run share one limiter and one breaker a host."""

from __future__ import annotations

from datetime import timedelta

import pytest

from medallion.errors import AuthError, BreakerOpenError, MedallionError, SourceError, SourceUnavailable, ThrottledError
from medallion.policy.breaker import BreakerPolicy
from medallion.policy.limiter import Rate
from medallion.prefetch.hosts import Host, Hosts, judge
from medallion.source.request import Answer
from medallion.testing.clock import START, FakeClock

POLICY = BreakerPolicy(failures=3, cooldown=timedelta(seconds=30))


def a_host(clock: FakeClock, rate: Rate | None = None) -> Host:
    """A host with a breaker of three failures."""
    return Hosts(clock=clock).host("http://h:80", rate=rate, policy=POLICY)


def fail(host: Host) -> None:
    """A call that ends badly."""
    host.leave("failed", host.enter())


def test_sources_of_one_origin_share_a_host() -> None:
    """The same origin is the same host, another one is another."""
    hosts = Hosts(clock=FakeClock())
    assert hosts.host("a", rate=None, policy=POLICY) is hosts.host("a", rate=None, policy=POLICY)
    assert hosts.host("a", rate=None, policy=POLICY) is not hosts.host("b", rate=None, policy=POLICY)


def test_the_lowest_rate_wins() -> None:
    """Whatever the order, a host gets no more than the strictest source allows; the default is for sources without one."""
    hosts = Hosts(clock=FakeClock(), rate=Rate(rps=4))
    host = hosts.host("a", rate=Rate(rps=10), policy=POLICY)
    assert [round(host.reserve(), 3) for _ in range(2)] == [0.0, 0.1]
    hosts.host("a", rate=None, policy=POLICY)
    hosts.host("a", rate=Rate(rps=20), policy=POLICY)
    assert round(host.reserve() + host.reserve(), 2) == 0.65  # 0.2 s, as booked before, then a quarter of a second apart


def test_retry_after_holds_up_the_whole_host() -> None:
    """Requests of other sources wait as well; the silence ends."""
    clock = FakeClock()
    host = a_host(clock)
    host.postpone(timedelta(seconds=7))
    assert host.silent()
    assert host.reserve() == 7
    clock.advance(7)
    assert not host.silent()


def test_a_host_that_fails_is_left_alone_and_tried_again() -> None:
    """After three failures in a row nothing is sent for the cooldown; one good answer closes the breaker."""
    clock = FakeClock()
    host = a_host(clock)
    for _ in range(3):
        clock.advance(1)
        fail(host)
    with pytest.raises(BreakerOpenError, match="failed 3 times in a row"):
        host.enter()
    clock.advance(30)
    host.leave("ok", host.enter())
    host.enter()


def test_a_volley_counts_once() -> None:
    """Sixteen requests under way when a host goes down are one failure, not sixteen."""
    clock = FakeClock()
    host = a_host(clock)
    started = [host.enter() for _ in range(16)]
    for moment in started:
        clock.advance(0.001)
        host.leave("failed", moment)
    host.enter()
    assert not host.silent()


def test_failures_in_a_row_make_the_host_wait_longer_each_time() -> None:
    """One failure holds nobody up; from the second on the pause doubles, for all requests."""
    clock = FakeClock()
    host = Hosts(clock=clock).host("a", rate=None, policy=BreakerPolicy(failures=9))
    waits = []
    for _ in range(7):
        clock.advance(60)
        fail(host)
        waits.append(host.reserve())
    assert waits == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
    host.leave("ok", host.enter())
    clock.advance(60)
    fail(host)
    assert host.reserve() == 0.0


@pytest.mark.parametrize(
    ("status", "headers", "kind", "wait"),
    [
        (401, {}, AuthError, None),
        (403, {}, AuthError, None),
        (404, {}, SourceError, None),
        (302, {}, SourceError, None),
        (408, {}, SourceUnavailable, None),
        (500, {"retry-after": "5"}, SourceUnavailable, None),
        (503, {}, SourceUnavailable, None),
        (503, {"retry-after": "5"}, ThrottledError, 5),
        (429, {"retry-after": "5"}, ThrottledError, 5),
        (429, {}, ThrottledError, None),
    ],
)
def test_each_status_has_its_error(status: int, headers: dict[str, str], kind: type[MedallionError], wait: float | None) -> None:
    """The sentence names request and status."""
    answer = Answer(status=status, headers=headers, url="http://h/p")
    with pytest.raises(kind, match=f"GET /p: status {status}") as caught:
        judge(answer, shown="GET /p", now=START, mask=str)
    assert type(caught.value) is kind
    if isinstance(caught.value, ThrottledError):
        assert caught.value.retry_after == (None if wait is None else timedelta(seconds=wait))


@pytest.mark.parametrize("status", [200, 201, 204, 206])
def test_success_passes(status: int) -> None:
    """2xx is a page, or will be found to be none."""
    judge(Answer(status=status, url="http://h/p"), shown="GET /p", now=START, mask=str)


def test_what_the_source_says_is_repeated_in_short() -> None:
    """Plain text and JSON, masked and cut; no HTML, no bytes."""

    def sentence(body: bytes) -> str:
        with pytest.raises(SourceError) as caught:
            judge(Answer(status=400, body=body, url="u"), shown="GET u", now=START, mask=lambda text: text.replace("s3cret", "***"))
        return caught.value.sentence

    assert sentence(b'{"why":\n  "bad s3cret"}') == 'GET u: status 400 ({"why": "bad ***"})'
    assert sentence(b"<html>s3cret") == sentence(b"\x00\x01") == sentence(b"") == "GET u: status 400"
    assert len(sentence(b"x" * 10_000)) < 200
