"""What sources do wrong over HTTP, row by row: it ends in success or in a typed error, by both ways of asking."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asking import ALL, SECRET, Asking, rows

from medallion.clock import SystemClock
from medallion.errors import (
    AuthError,
    BreakerOpenError,
    PageError,
    PageTooLargeError,
    SourceError,
    SourceUnavailable,
    StoppedEarly,
    ThrottledError,
)
from medallion.events import PageFetched, RequestRetried
from medallion.source.protocol import DONE
from medallion.testing.clock import FakeClock
from medallion.testing.server import (
    Answering,
    Reply,
    gzip_bomb,
    gzipped,
    html_reply,
    json_reply,
    one_by_one,
    pages,
    serve,
    throttled,
)

THREE_PAGES = pages(rows(5), size=2)


ONE_AT_A_TIME = {"concurrency": 1}


QUICK = {"limits": {"page_timeout": "150ms"}, "retry": {"attempts": 1}}


def test_all_records_come_once_and_in_order(way: dict[str, Any]) -> None:
    """Positions lead from page to page, the last one is DONE; every page is an event."""
    with serve(THREE_PAGES) as server:
        asking = Asking(server.url)
        assert asking.read(**way) == [0, 1, 2, 3, 4]
    assert [page.position for page in asking.pages] == [{"page": 1}, {"page": 2}, {"page": 3}, {"page": 4}]
    assert [page.next for page in asking.pages] == [{"page": 2}, {"page": 3}, {"page": 4}, DONE]
    assert [event.records for event in asking.events if isinstance(event, PageFetched)] == [2, 2, 1, 0]
    assert all(page.wire_bytes > 0 for page in asking.pages)


@pytest.mark.parametrize(
    ("retry_after", "at_least"),
    [("7", 7.0), ("Mon, 23 Nov 2026 08:00:30 GMT", 30.0), ("0", 0.25), ("-5", 0.25), (None, 0.25), ("soon", 0.25)],
)
def test_429_waits_as_the_host_says_and_never_in_a_hot_loop(way: dict[str, Any], retry_after: str | None, at_least: float) -> None:
    """Seconds, a date, zero, a negative number or nothing: there is a wait, then the page comes."""
    clock = FakeClock()
    with serve(one_by_one(throttled(retry_after), then=THREE_PAGES)) as server:
        asking = Asking(server.url, clock=clock)
        assert asking.read(**way, **ONE_AT_A_TIME) == [0, 1, 2, 3, 4]
    assert clock.monotonic() >= at_least
    assert clock.monotonic() < at_least + 9
    [retried] = [event for event in asking.events if isinstance(event, RequestRetried)]
    assert "429" in retried.reason


@pytest.mark.parametrize("retry_after", ["3600", "99999999999999999999"])
def test_429_beyond_the_cap_stops_the_run_with_what_was_read(way: dict[str, Any], retry_after: str) -> None:
    """A host that asks for an hour ends the run as one that can be resumed; nobody waits."""
    clock = FakeClock()
    answer: Answering = lambda seen: throttled(retry_after) if seen.query["page"] == "3" else THREE_PAGES(seen)  # noqa: E731
    with serve(answer) as server:
        asking = Asking(server.url, clock=clock)
        error = asking.fail(**way)
    assert type(error) is StoppedEarly
    assert error.exit_status == 3
    assert asking.ids == [0, 1, 2, 3]
    assert clock.monotonic() < 60


def test_429_for_ever_is_an_error_after_the_budget(way: dict[str, Any]) -> None:
    """Retries are bounded."""
    with serve(lambda _: throttled("1")) as server:
        error = Asking(server.url).fail(**way, retry={"attempts": 3}, **ONE_AT_A_TIME)
        assert isinstance(error, ThrottledError)
        assert len(server.seen) == 3


@pytest.mark.parametrize(
    "trouble",
    [
        Reply(status=503),
        Reply(status=500),
        Reply(status=408),
        Reply(status=503, headers=(("Retry-After", "1"),)),
        Reply(hang_up=True),
        html_reply(),
        Reply(body=b'{"data":[{"id":1},{"i'),
        Reply(body=b'{"data":[{"id":1},{"id":2}]}', cut_at=12),
        json_reply({"error": "try later"}),
        json_reply({"data": None}),
        Reply(body=b""),
        Reply(headers=(("Content-Encoding", "gzip"),), body=b"no gzip"),
    ],
    ids=lambda reply: f"{reply.status}-{reply.body[:12]!r}",
)
def test_passing_trouble_is_retried(way: dict[str, Any], trouble: Reply) -> None:
    """A page that comes wrong once comes right the second time; every record once."""
    with serve(one_by_one(trouble, trouble, then=THREE_PAGES)) as server:
        assert Asking(server.url).read(**way, **ONE_AT_A_TIME) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("trouble", "kind", "says"),
    [
        (Reply(status=500), SourceUnavailable, "status 500"),
        (Reply(hang_up=True), SourceUnavailable, "closed"),
        (html_reply(), PageError, "HTML"),
        (Reply(body=b'{"data":[{"id":1},{"i'), PageError, "not whole JSON"),
        (Reply(body=b'{"data":[]}', cut_at=3), PageError, "cut off"),
        (json_reply({"rows": []}), PageError, "the body has rows"),
        (Reply(body=b"[" * 100, headers=(("Content-Encoding", "br"),)), PageError, "'br'"),
    ],
)
def test_lasting_trouble_is_a_typed_error_that_names_the_page(way: dict[str, Any], trouble: Reply, kind: type, says: str) -> None:
    """After the retries comes an error, not an empty page; the pages before are given."""
    answer: Answering = lambda seen: trouble if seen.query["page"] == "3" else THREE_PAGES(seen)  # noqa: E731
    with serve(answer) as server:
        asking = Asking(server.url)
        error = asking.fail(**way, retry={"attempts": 2}, **ONE_AT_A_TIME)
    assert type(error) is kind
    assert "/p?page=3" in error.sentence
    assert says in error.sentence
    assert asking.ids == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("status", "kind"), [(401, AuthError), (403, AuthError), (404, SourceError), (400, SourceError), (410, SourceError)]
)
def test_refusals_are_not_retried(way: dict[str, Any], status: int, kind: type) -> None:
    """What will not pass is asked once; the sentence repeats what the source says, without our secret."""
    with serve(lambda _: json_reply({"why": f"bad key {SECRET}"}, status=status)) as server:
        error = Asking(server.url).fail(**way, **ONE_AT_A_TIME, auth={"type": "bearer", "token": "secret:env:KEY"})
        assert type(error) is kind
        assert "bad key ***" in error.sentence
        assert len(server.seen) == 1


def test_401_in_mid_run_keeps_what_was_read(way: dict[str, Any]) -> None:
    """Pages before the refusal are given."""
    answer: Answering = lambda seen: Reply(status=401) if seen.query["page"] == "2" else THREE_PAGES(seen)  # noqa: E731
    with serve(answer) as server:
        asking = Asking(server.url)
        assert isinstance(asking.fail(**way), AuthError)
    assert asking.ids == [0, 1]


def test_a_host_that_keeps_failing_is_left_alone(way: dict[str, Any]) -> None:
    """The breaker opens before the retries are used up: exit 3, and no more requests."""
    with serve(lambda _: Reply(status=500)) as server:
        error = Asking(server.url).fail(**way, **ONE_AT_A_TIME, retry={"attempts": 50}, circuit_breaker={"failures": 3})
        assert isinstance(error, BreakerOpenError)
        assert error.exit_status == 3
        assert len(server.seen) == 3


def test_nobody_listens(way: dict[str, Any]) -> None:
    """No connection is a typed error that names the host."""
    with serve(THREE_PAGES) as server:
        url = server.url
    error = Asking(url).fail(**way, retry={"attempts": 2})
    assert type(error) is SourceUnavailable
    assert url in error.sentence


@pytest.mark.parametrize("trouble", [Reply(hang_up=True), Reply(body=b"{}", cut_at=1), Reply(status=500), html_reply(), Reply(delay=9)])
def test_no_traceback_shows_a_credential(way: dict[str, Any], trouble: Reply) -> None:
    """The errors of the libraries below print whole URLs; ours do not, and theirs are not shown."""
    with serve(lambda _: trouble) as server:
        key = {"type": "api_key", "name": "key", "value": "secret:env:KEY", "in": "query"}
        time_to_ask = {"page_timeout": "500ms"}
        error = Asking(server.url, clock=SystemClock()).fail(**way, **{**QUICK, "limits": time_to_ask}, auth=key)
        assert server.seen[0].query["key"] == SECRET
    assert SECRET not in "".join(traceback.format_exception(type(error), error, error.__traceback__))


def test_an_unknown_host_name_is_a_typed_error(way: dict[str, Any]) -> None:
    """No DNS is retried, then said."""
    assert type(Asking("http://no-such-host.invalid").fail(**way, **QUICK)) is SourceUnavailable


def test_wrong_tls_is_a_typed_error(way: dict[str, Any]) -> None:
    """A server that does not speak TLS is no reason for an untyped error."""
    with serve(THREE_PAGES) as server:
        assert isinstance(Asking(server.url.replace("http:", "https:")).fail(**way, **QUICK), SourceError)


@pytest.mark.parametrize(
    "slow",
    [Reply(delay=30), Reply(body=b'{"data":[]}' * 99, drip=0.02), Reply(slow_headers=0.05, headers=(("X-Long", "x" * 200),))],
    ids=["late", "drip", "slow headers"],
)
def test_a_page_that_takes_too_long_is_given_up(way: dict[str, Any], slow: Reply) -> None:
    """The cap on time holds for the whole page, also where something comes all the time."""
    clock = SystemClock()
    with serve(lambda _: slow) as server:
        began = clock.monotonic()
        error = Asking(server.url, clock=clock).fail(**way, **QUICK)
    assert type(error) is SourceUnavailable
    assert "0.15s" in error.sentence
    assert clock.monotonic() - began < 3


@pytest.mark.parametrize(
    "made",
    [lambda: Reply(body=b" " * 65536, endless=True), lambda: Reply(body=b" " * 200_000), lambda: gzip_bomb(20_000_000)],
    ids=["endless", "announced", "bomb"],
)
def test_a_page_that_is_too_large_is_cut_off(way: dict[str, Any], made: Callable[[], Reply]) -> None:
    """Caps on wire bytes and on decoded bytes hold; such a page is not asked for again."""
    large = made()
    with serve(lambda _: large) as server:
        error = Asking(server.url, clock=SystemClock()).fail(**way, **ONE_AT_A_TIME, limits={"wire_bytes": "100kb", "decoded_bytes": "1mb"})
        assert isinstance(error, PageTooLargeError)
        assert len(server.seen) == 1


@pytest.mark.parametrize("made", [lambda: Reply(body=b" " * 100_000_000), lambda: gzip_bomb(100_000_000)], ids=["plain", "gzip"])
def test_a_page_of_100_mb_is_refused_unless_the_configuration_wants_it(way: dict[str, Any], made: Callable[[], Reply]) -> None:
    """As many of them as requests go out at once would not fit into memory; the sentence names the cap and where it is set."""
    large = made()
    with serve(lambda seen: large if seen.query["page"] == "1" else THREE_PAGES(seen)) as server:
        error = Asking(server.url, clock=SystemClock()).fail(**way)
        assert isinstance(error, PageTooLargeError)
        assert "api.limits" in error.sentence


def test_compressed_pages_are_decoded(way: dict[str, Any]) -> None:
    """gzip is asked for and read; wire_bytes are those of the wire."""
    with serve(lambda seen: gzipped(THREE_PAGES(seen))) as server:
        asking = Asking(server.url)
        assert asking.read(**way) == [0, 1, 2, 3, 4]
        assert "gzip" in server.seen[0].headers["accept-encoding"]


def test_no_cookie_is_kept(way: dict[str, Any]) -> None:
    """Each request is asked for itself."""
    answer: Answering = lambda seen: Reply(headers=(("Set-Cookie", "a=b"),), body=THREE_PAGES(seen).body)  # noqa: E731
    with serve(answer) as server:
        Asking(server.url).read(**way)
        assert all("cookie" not in seen.headers for seen in server.seen)


def test_the_waits_of_a_rate_are_kept(way: dict[str, Any]) -> None:
    """Ten requests at two a second take at least four and a half seconds."""
    clock = FakeClock()
    with serve(pages(rows(18), size=2)) as server:
        Asking(server.url, clock=clock).read(**way, **ONE_AT_A_TIME, rate_limit={"rps": 2})
        assert len(server.seen) == 10
    assert clock.monotonic() >= timedelta(seconds=4.5).total_seconds()


def test_no_thread_is_left(way: dict[str, Any]) -> None:
    """Reading to the end, ending early, and failing all end the thread that asks."""
    with serve(THREE_PAGES) as server:
        before = threading.active_count()
        Asking(server.url).read(**way)
        left = Asking(server.url).open(**way).pages([ALL])
        next(iter(left))
        left.close()  # type: ignore[attr-defined]
        Asking(server.url).fail(**way, records_path="none")
        assert threading.active_count() == before
