"""Many requests at a time: order within a lane, bounds on requests and bytes, clean ends."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest
from asking import ALL, Asking, eventually, rows, source_of

from medallion.clock import SystemClock
from medallion.config.secret import Secrets
from medallion.errors import PaginationError, SourceError, SourceUnavailable, TerminatedError
from medallion.events import RequestRetried, nobody
from medallion.prefetch.hosts import Hosts
from medallion.prefetch.open import asker_of
from medallion.prefetch.prefetcher import Prefetcher
from medallion.source.incremental import lanes
from medallion.source.protocol import DONE, Page, Window
from medallion.source.request import Answer, Request
from medallion.stop import StopFlag
from medallion.testing.clock import FakeClock
from medallion.testing.server import Reply, Seen, html_reply, json_reply, pages, serve

DAY = datetime(2013, 1, 1, tzinfo=timezone.utc)


WINDOWED = {"incremental": {"cursor_field": "at", "initial_value": "2013-01-01", "start_param": "since", "end_param": "until"}}


class Scripted:
    """A Transport without a network: pages by number, of which *held* never come; *order* is how they were asked."""

    def __init__(self, count: int, *, size: int = 0, held: frozenset[int] = frozenset()) -> None:
        self.count, self.size, self.held = count, size, held
        self.order: list[int] = []
        self.under_way = self.most = 0
        self.closed = False

    async def send(self, request: Request) -> Answer:
        number = int(dict(request.params)["page"])
        self.order.append(number)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await (asyncio.Event().wait() if number in self.held else asyncio.sleep(0))
        finally:
            self.under_way -= 1
        records = [{"id": number, "pad": "x" * self.size}] if number <= self.count else []
        return Answer(status=200, body=json.dumps({"data": records}).encode(), url=request.target)

    async def close(self) -> None:
        self.closed = True


def prefetcher(transport: Scripted, *, concurrency: int = 4, buffer_bytes: int = 1 << 26, stop: StopFlag | None = None) -> Prefetcher:
    """Pages by number from *transport*."""
    clock = FakeClock()
    asker = asker_of(source_of("http://h"), resolver=Secrets(environ={}), hosts=Hosts(clock=clock), clock=clock)
    return Prefetcher(
        asker=asker, connect=lambda: transport, concurrency=concurrency, listener=nobody, stop=stop or StopFlag(), buffer_bytes=buffer_bytes
    )


def ids(given: Iterator[Page]) -> list[int]:
    """The ids of all records."""
    return [json.loads(record)["id"] for page in given for record in page.records]


def test_answers_out_of_order_are_given_in_order() -> None:
    """Late pages hold back those behind them, and nothing else."""
    answer = pages(rows(12), size=1)

    def late(seen: Seen) -> Reply:
        reply = answer(seen)
        return Reply(body=reply.body, delay=0.05 if int(seen.query["page"]) % 3 == 1 else 0.0)

    with serve(late) as server:
        assert Asking(server.url, clock=SystemClock()).read() == list(range(12))
        assert 2 <= server.at_once <= 8


def test_guesses_go_as_deep_as_the_concurrency() -> None:
    """So many requests are under way at a time, and few more are asked for than there are pages."""
    transport = Scripted(40)
    assert ids(prefetcher(transport, concurrency=4).pages([ALL])) == list(range(1, 41))
    assert transport.most == 4
    assert sorted(transport.order)[:41] == list(range(1, 42))
    assert len(transport.order) <= 41 + 8
    assert transport.closed


def test_what_is_behind_the_end_is_dropped_with_its_errors() -> None:
    """404 and worse for pages that do not exist are no errors if a page before them was the last."""
    answer = pages(rows(4), size=2)
    with serve(lambda seen: answer(seen) if int(seen.query["page"]) <= 3 else Reply(status=404, delay=0.01)) as server:
        assert Asking(server.url).read() == [0, 1, 2, 3]
    answer = pages(rows(3), size=2)
    with serve(lambda seen: answer(seen) if int(seen.query["page"]) <= 2 else Reply(status=500)) as server:
        assert Asking(server.url).read(pagination={"type": "page", "size": 2, "full_pages": True}, retry={"attempts": 1}) == [0, 1, 2]


def test_a_total_bounds_the_guesses() -> None:
    """Once a page has told the number of pages, nothing behind it is asked for."""
    answer = pages(rows(60), size=2)
    with serve(lambda seen: json_reply({**json.loads(answer(seen).body), "pages": 30})) as server:
        asking = Asking(server.url)
        assert len(asking.read(pagination={"type": "page", "total_pages_path": "pages"})) == 60
        assert len(server.seen) == 30
        assert asking.pages[-1].next == DONE


def test_offsets_of_a_source_that_caps_the_limit() -> None:
    """Asked for 10 it gives 3: guesses are thrown away, nothing is lost."""

    def answer(seen: Seen) -> Reply:
        first = int(seen.query["offset"])
        return json_reply({"data": rows(20)[first : first + 3]})

    with serve(answer) as server:
        assert Asking(server.url).read(pagination={"type": "offset", "limit": 10}) == list(range(20))


def test_windows_are_read_side_by_side() -> None:
    """Each lane is in order, all of them are complete, and no more requests are under way than allowed."""

    def answer(seen: Seen) -> Reply:
        day, after = int(seen.query["since"][8:10]), int(seen.query.get("cursor", "0"))
        return json_reply({"data": [{"id": day * 100 + after}], "next": after + 1 if after < 3 else None})

    week = lanes(Window(start=DAY, end=DAY + timedelta(days=7)), timedelta(days=1))
    with serve(lambda seen: Reply(body=answer(seen).body, delay=0.005)) as server:
        asking = Asking(server.url, clock=SystemClock())
        asking.read(lanes=week, pagination={"type": "cursor", "cursor_path": "next"}, concurrency=3, **WINDOWED)
        assert server.at_once == 3
    for lane in week:
        mine = [page for page in asking.pages if page.lane == lane.name]
        assert [page.position for page in mine] == [{}, {"cursor": 1}, {"cursor": 2}, {"cursor": 3}]
        assert mine[-1].next == DONE
    assert sorted(asking.ids) == [day * 100 + after for day in range(1, 8) for after in range(4)]


def test_no_lanes_are_no_pages() -> None:
    """There is nothing to ask, and nothing hangs."""
    assert ids(prefetcher(Scripted(3)).pages([])) == []


def test_waiting_pages_are_bounded_in_bytes() -> None:
    """A consumer that takes nothing more stops the requests; taking goes on to the end."""
    transport = Scripted(60, size=100_000)
    given = prefetcher(transport, concurrency=2, buffer_bytes=750_000).pages([ALL])
    next(given)
    eventually(lambda: transport.under_way == 0)
    assert len(transport.order) <= 10
    assert ids(given) == list(range(2, 61))


def test_a_page_larger_than_the_buffer_passes() -> None:
    """The bound never stops the run."""
    assert ids(prefetcher(Scripted(5, size=100_000), buffer_bytes=1).pages([ALL])) == [1, 2, 3, 4, 5]


def test_closing_ends_what_is_under_way() -> None:
    """No request and no thread is left, and the transport is closed."""
    transport = Scripted(1000, size=1000)
    given = prefetcher(transport).pages([ALL])
    assert next(given).position == {"page": 1}
    given.close()  # type: ignore[attr-defined]
    assert transport.closed
    assert transport.under_way == 0
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


def test_a_stop_gives_what_has_come_in_order_and_no_more() -> None:
    """Requests under way are cancelled; the pages before them are given, then comes TerminatedError."""
    stop = StopFlag()
    transport = Scripted(100, held=frozenset({3}))
    given = prefetcher(transport, stop=stop).pages([ALL])
    assert [next(given).position, next(given).position] == [{"page": 1}, {"page": 2}]
    stop.request()
    with pytest.raises(TerminatedError):
        next(given)
    assert transport.closed
    assert transport.under_way == 0


def test_the_error_of_a_guess_waits_for_the_pages_before_it() -> None:
    """Page 3 fails at once, pages 1 and 2 come late: they are given first."""
    answer = pages(rows(8), size=2)

    def some(seen: Seen) -> Reply:
        return Reply(status=400) if seen.query["page"] == "3" else Reply(body=answer(seen).body, delay=0.05)

    with serve(some) as server:
        asking = Asking(server.url, clock=SystemClock())
        assert type(asking.fail()) is SourceError
    assert asking.ids == [0, 1, 2, 3]


def test_retries_are_told_on_the_consumers_thread() -> None:
    """A listener need not be safe for threads."""
    threads = set()
    with serve(lambda _: html_reply()) as server:
        asking = Asking(server.url)
        given = Prefetcher(
            asker=asker_of(
                source_of(server.url, retry={"attempts": 3}),
                resolver=Secrets(environ={}),
                hosts=Hosts(clock=asking.clock),
                clock=asking.clock,
            ),
            connect=lambda: _OneAnswer(),
            concurrency=1,
            listener=lambda event: threads.add((type(event), threading.current_thread().name)),
            stop=StopFlag(),
        ).pages([ALL])
        with pytest.raises(SourceUnavailable):
            list(given)
    assert threads == {(RequestRetried, threading.current_thread().name)}


class _OneAnswer:
    async def send(self, request: Request) -> Answer:
        raise SourceUnavailable(f"{request.shown}: gone")

    async def close(self) -> None:
        pass


def test_a_mistake_in_a_plug_in_reaches_the_consumer() -> None:
    """An error that is none of ours ends the run instead of hanging it."""

    class Broken(Scripted):
        """Its first answer is cut off."""

        async def send(self, request: Request) -> Answer:
            raise KeyError(f"mistake in {request!r}")

    with pytest.raises(KeyError, match="mistake"):
        list(prefetcher(Broken(1)).pages([ALL]))

    class Unopened(Scripted):
        def __init__(self) -> None:
            raise RuntimeError("no transport")

    asker = prefetcher(Scripted(1)).asker
    with pytest.raises(RuntimeError, match="no transport"):
        list(Prefetcher(asker=asker, connect=Unopened, concurrency=1, listener=nobody, stop=StopFlag()).pages([ALL]))


def test_the_source_can_be_read_twice() -> None:
    """Each call of pages is a run of its own."""
    with serve(pages(rows(4), size=2)) as server:
        source = Asking(server.url).open()
        assert ids(source.pages([ALL])) == ids(source.pages([ALL])) == [0, 1, 2, 3]


def test_a_circle_across_windows_is_no_circle() -> None:
    """The same cursor in two lanes is not a repetition; in one lane it is."""
    with serve(lambda seen: json_reply({"data": rows(1), "next": None if "cursor" in seen.query else "A"})) as server:
        week = lanes(Window(start=DAY, end=DAY + timedelta(days=3)), timedelta(days=1))
        asking = Asking(server.url)
        assert asking.read(lanes=week, pagination={"type": "cursor", "cursor_path": "next"}, **WINDOWED) == [0] * 6
    with serve(lambda _: json_reply({"data": rows(1), "next": "A"})) as server:
        assert isinstance(Asking(server.url).fail(pagination={"type": "cursor", "cursor_path": "next"}), PaginationError)


def test_the_next_request_is_sent_before_a_page_is_taken_apart_and_a_broken_page_is_asked_again_in_its_turn() -> None:
    """While a page is parsed the others are under way; never more than the concurrency, not even with one that is repeated."""
    order: list[int] = []

    class Broken(Scripted):
        """Its first answer is cut off."""

        async def send(self, request: Request) -> Answer:
            answer = await super().send(request)
            order.append(int(dict(request.params)["page"]))
            return Answer(status=200, body=b'{"data":', url=answer.url) if order == [1] else answer

    transport = Broken(6)
    assert ids(prefetcher(transport, concurrency=1).pages([ALL])) == [1, 2, 3, 4, 5, 6]
    assert transport.most == 1
    assert order[:2] == [1, 2]
    assert order.count(1) == 2
