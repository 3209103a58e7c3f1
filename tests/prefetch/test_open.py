"""What holds for both ways of asking, and which one the configuration chooses."""

from __future__ import annotations

import threading
from typing import Any

from asking import ALL, Asking, eventually, rows

from medallion.clock import SystemClock
from medallion.errors import TerminatedError
from medallion.policy.aimd import WidthPolicy
from medallion.prefetch.prefetcher import Prefetcher
from medallion.prefetch.sequential import SequentialPrefetcher
from medallion.source.protocol import DONE, Lane
from medallion.testing.server import Reply, pages, serve


def test_lanes_go_on_where_the_log_says(way: dict[str, Any]) -> None:
    """A lane that is done is not asked; another one starts at its position."""
    positions = [{"page": 3}, DONE, None]
    some = [Lane(name=f"l{number}", window=ALL.window, position=position) for number, position in enumerate(positions)]
    with serve(pages(rows(6), size=2)) as server:
        asking = Asking(server.url)
        asking.read(lanes=some, **way)
    assert [page.position for page in asking.pages if page.lane == "l0"] == [{"page": 3}, {"page": 4}]
    assert {page.lane for page in asking.pages} == {"l0", "l2"}


def test_a_stop_ends_a_long_wait(way: dict[str, Any]) -> None:
    """A run that waits for a host does not wait when it is told to stop."""
    clock = SystemClock()
    with serve(lambda _: Reply(status=429, headers=(("Retry-After", "200"),))) as server:
        asking = Asking(server.url, clock=clock)
        threading.Timer(0.2, asking.stop.request).start()
        began = clock.monotonic()
        assert isinstance(asking.fail(**way), TerminatedError)
    assert clock.monotonic() - began < 5


def test_a_stop_before_the_start_asks_nothing(way: dict[str, Any]) -> None:
    """Nothing is sent after SIGTERM."""
    with serve(pages(rows(4), size=2)) as server:
        asking = Asking(server.url)
        asking.stop.request()
        assert isinstance(asking.fail(**way), TerminatedError)
        assert server.seen == []


def test_the_configuration_chooses_the_way() -> None:
    """async: false is one request at a time; auto is a number."""
    one, many, auto = (Asking("http://h").open(**api) for api in ({"async": False}, {"concurrency": 3}, {"concurrency": "auto"}))
    assert isinstance(one, SequentialPrefetcher)
    assert isinstance(many, Prefetcher)
    assert many.concurrency == 3
    assert isinstance(auto, Prefetcher)
    assert auto.concurrency == WidthPolicy().most


def test_one_page_is_fetched_while_another_is_read() -> None:
    """In the sequential way the next request is under way when a page is given, and no second one."""
    with serve(pages(rows(40), size=2)) as server:
        given = Asking(server.url).open(**{"async": False}).pages([ALL])
        next(given)
        eventually(lambda: len(server.seen) == 2)
        assert server.at_once == 1
        given.close()  # type: ignore[attr-defined]
