"""Items come in order; room is counted in bytes."""

from __future__ import annotations

from medallion.prefetch.handover import Delivery, End, Handover
from medallion.source.protocol import Page


def delivery(size: int) -> Delivery:
    """A page that takes *size* bytes while it waits."""
    return Delivery(page=Page(lane="l", position={}, next={}, records=[], wire_bytes=0), held=size, seconds=0.0)


def test_items_come_in_order_and_none_after_a_while() -> None:
    """What was put first is taken first; nothing is no item."""
    queue = Handover(100, lambda: None, pages=9)
    first, end = delivery(10), End()
    queue.put(first)
    queue.put(end)
    assert [queue.take(0), queue.take(0), queue.take(0)] == [first, end, None]


def test_room_counts_what_waits_and_what_is_reserved() -> None:
    """The limit is for both together; without others everything fits."""
    queue = Handover(100, lambda: None, pages=9)
    assert queue.room(1000, 0)
    assert queue.room(60, 40)
    queue.put(delivery(50))
    assert queue.room(50, 0)
    assert not queue.room(51, 0)
    assert not queue.room(1, 50)


def test_the_producer_is_called_back_once_when_it_was_refused() -> None:
    """Only who was told that there is no room is called, when something was taken."""
    called = []
    queue = Handover(100, lambda: called.append(1), pages=9)
    queue.put(delivery(80))
    queue.put(delivery(80))
    queue.put(delivery(80))
    queue.take(0)
    assert not called
    queue.room(50, 0)
    queue.take(0)
    queue.take(0)
    assert called == [1]


def test_no_more_pages_wait_than_are_allowed() -> None:
    """Pages that are fetched and not read would be asked again after a crash: their number is bounded, however small they are."""
    queue = Handover(10**9, lambda: None, pages=2)
    queue.put(delivery(1))
    assert queue.room(1, 0)
    queue.put(delivery(1))
    assert not queue.room(1, 0)
    queue.take(0)
    assert queue.room(1, 0)
