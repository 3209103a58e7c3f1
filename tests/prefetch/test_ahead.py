"""A source that blocks is read one page ahead, and neither its errors nor a stop lose what it gave."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from medallion.clock import SystemClock
from medallion.errors import SourceError, TerminatedError
from medallion.events import Event, Noticed, PageFetched
from medallion.prefetch.ahead import Ahead
from medallion.source.protocol import Lane, Page
from medallion.stop import StopFlag
from medallion.testing.sources import WHOLE_LANE


class Steps:
    """Gives pages 0, 1, …, one for each step: an error is raised, an event waited for."""

    def __init__(self, *steps: Any, closing: Exception | None = None) -> None:
        self.steps, self.closing, self.asked, self.threads = steps, closing, 0, set[threading.Thread]()
        self.two = threading.Event()
        """Set when a second page is asked for."""

    def pages(self, lanes: Sequence[Lane]) -> Iterator[Page]:
        """See PageSource."""
        try:
            for number, step in enumerate(self.steps):
                self.threads.add(threading.current_thread())
                self.asked += 1
                if number == 1:
                    self.two.set()
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, threading.Event):
                    step.wait(10)
                yield Page(lane=lanes[0].name, position={"n": number}, next={"n": number + 1}, records=[b"{}"], wire_bytes=2)
        finally:
            if self.closing is not None:
                raise self.closing


def ahead(source: Steps, *, events: list[Event] | None = None, stop: StopFlag | None = None) -> Iterator[Page]:
    listener = (lambda _: None) if events is None else events.append
    return Ahead(name="s", source=source, clock=SystemClock(), listener=listener, stop=stop or StopFlag()).pages([WHOLE_LANE])


def test_pages_come_in_order_and_are_told() -> None:
    """Each is an event; all of them are read in one thread, which is not the caller's."""
    source, events = Steps(1, 1, 1), []
    assert [page.position["n"] for page in ahead(source, events=events)] == [0, 1, 2]
    assert [(event.records, event.bytes) for event in events if isinstance(event, PageFetched)] == [(1, 2)] * 3
    assert len(source.threads) == 1
    assert threading.current_thread() not in source.threads


def test_the_next_page_is_read_while_this_one_is_worked_on() -> None:
    """And none further: memory holds two pages."""
    source = Steps(1, 1, 1, 1)
    pages = ahead(source)
    next(pages)
    assert source.two.wait(10)
    pages.close()  # type: ignore[attr-defined]
    assert source.asked == 2


def test_an_error_comes_behind_the_pages_before_it() -> None:
    """As the one that was raised."""
    pages = ahead(Steps(1, SourceError("gone")))
    assert next(pages).position == {"n": 0}
    with pytest.raises(SourceError, match="gone"):
        next(pages)


def test_a_stop_does_not_wait_for_a_source_that_hangs() -> None:
    """What arrived is given, then the run ends."""
    hangs, stop = threading.Event(), StopFlag()
    pages = ahead(Steps(1, hangs), stop=stop)
    next(pages)
    stop.request()
    with pytest.raises(TerminatedError):
        next(pages)
    hangs.set()


def test_trouble_in_closing_is_told() -> None:
    """It ends nothing any more."""
    events: list[Event] = []
    pages = ahead(Steps(1, 1, 1, closing=OSError("port is gone")), events=events)
    next(pages)
    pages.close()  # type: ignore[attr-defined]
    assert [event.sentence for event in events if isinstance(event, Noticed)] == ["closing the source failed: port is gone"]
