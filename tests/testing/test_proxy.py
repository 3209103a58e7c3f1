"""The proxy passes on what it gets, and goes wrong exactly as it is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from medallion.testing.proxy import Fault, FaultProxy, Passed, behind, first
from medallion.testing.server import FaultServer, Reply, Seen, serve


def echo(seen: Seen) -> Reply:
    """Says what was asked, in the answer's headers and body."""
    return Reply(headers=(("X-Asked", f"{seen.method} {seen.path}"), ("X-Host", seen.headers["host"])), body=seen.body)


@pytest.fixture
def store() -> Iterator[FaultServer]:
    """A server that remembers what reached it."""
    with serve(echo) as running:
        yield running


def test_what_is_asked_and_answered_goes_through_unchanged(store: FaultServer) -> None:
    """Path as it was spelled, query, the host that was named, bytes both ways."""
    with behind(store.url) as proxy:
        body = bytes(range(256)) * 8000
        answer = requests.put(f"{proxy.url}/a%20b/%C3%BC?x=1&y=%2F", data=body, headers={"X-Mine": "1"}, timeout=10)
        head = requests.head(f"{proxy.url}/a", timeout=10)
    (put, _) = store.seen
    assert (put.path, put.query, put.headers["x-mine"]) == ("/a%20b/%C3%BC", {"x": "1", "y": "/"}, "1")
    assert put.body == answer.content == body
    assert put.headers["host"] == proxy.url.removeprefix("http://") == answer.headers["X-Host"]
    assert head.headers["X-Asked"] == "HEAD /a"


@pytest.mark.parametrize(("fault", "reached"), [("reset", 0), ("stall", 0), ("lost", 1), ("cut", 1)])
def test_a_connection_that_ends_is_an_error_whether_or_not_it_was_served(store: FaultServer, fault: Fault, reached: int) -> None:
    """Lost and cut answers reached the store, the others did not; the next attempt is served."""
    with behind(store.url, first({"PUT": [fault]}), stall=0.01) as proxy:
        with pytest.raises(requests.RequestException):
            requests.put(f"{proxy.url}/a", data=b"some bytes", timeout=10)
        assert len(store.seen) == reached
        assert requests.put(f"{proxy.url}/a", data=b"some bytes", timeout=10).content == b"some bytes"
    assert proxy.passed == [
        Passed(method="PUT", path="/a", attempt=1, fault=fault),
        Passed(method="PUT", path="/a", attempt=2, fault="ok"),
    ]


def test_a_stall_lasts_as_long_as_the_client_waits(store: FaultServer) -> None:
    """The client's own patience ends it, and the proxy ends with the block all the same."""
    with behind(store.url, first({"GET": ["stall"]})) as proxy, pytest.raises(requests.Timeout):
        requests.get(f"{proxy.url}/a", timeout=0.2)


@pytest.mark.parametrize("busy", ["SlowDown", "ServerBusy"])
def test_a_busy_store_says_so_as_stores_do(store: FaultServer, busy: str) -> None:
    """Status 503, the code in the body and in a header; nothing was served."""
    with behind(store.url, first({"GET": ["busy"]}), busy=busy) as proxy:
        answer = requests.get(f"{proxy.url}/a", timeout=10)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (503, busy)
    assert f"<Code>{busy}</Code>" in answer.text
    assert store.seen == []


def test_each_path_has_its_own_attempts(store: FaultServer) -> None:
    """Whatever the order in which they come; other methods are left alone."""
    with behind(store.url, first({"GET": ["busy", "busy"]})) as proxy:
        statuses = [requests.get(f"{proxy.url}/{path}", timeout=10).status_code for path in "abaabb"]
        assert requests.put(f"{proxy.url}/a", data=b"x", timeout=10).status_code == 200
    assert statuses == [503, 503, 503, 200, 503, 200]
    assert proxy.faults() == {("GET", "busy"): 4, ("GET", "ok"): 2, ("PUT", "ok"): 1}


def test_faults_are_seen_on_a_proxy_that_passed_nothing() -> None:
    """None."""
    assert FaultProxy().faults() == {}
