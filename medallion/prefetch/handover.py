"""From the thread that asks to the thread that reads: items in order, bounded in bytes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from medallion.events import Event
from medallion.source.protocol import Page


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A page in its place within its lane. *held* is what it takes in memory, in bytes; *seconds* is what it took to come."""

    page: Page
    held: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class End:
    """Nothing comes after this; *error* is why, None where everything was read."""

    error: BaseException | None = None


Item: TypeAlias = Delivery | Event | End


class Handover:
    """A queue with one producer, who never waits, and one consumer, who is woken for several items at a time: each time the two
    threads change places costs more than a page.

    The producer asks for room before it makes something that needs it; told that there is none, it is called back (*on_room*, on the
    consumer's thread) when the consumer has taken something.
    """

    def __init__(self, limit: int, on_room: Callable[[], None], *, pages: int) -> None:
        self._limit = limit
        self._pages = pages
        self._on_room = on_room
        self._items: deque[Item] = deque()
        self._waiting = self._count = 0
        self._starved = self._sleeping = False
        self._changed = threading.Condition()

    def room(self, wanted: int, reserved: int) -> bool:
        """Whether a page of *wanted* bytes fits beside the *reserved* ones and those that wait; always if there are no others.

        It does not where *pages* wait already: what is fetched and not read would have to be asked again after a crash.
        """
        with self._changed:
            others = self._waiting + reserved
            fits = others == 0 or (others + wanted <= self._limit and self._count < self._pages)
            self._starved = not fits
            return fits

    def put(self, item: Item) -> bool:
        """Hands *item* over; whether a consumer sleeps, who sees it only after :meth:`wake`."""
        with self._changed:
            self._items.append(item)
            if isinstance(item, Delivery):
                self._waiting += item.held
                self._count += 1
            return self._sleeping

    def wake(self) -> None:
        """A consumer that sleeps looks at what is there."""
        with self._changed:
            self._changed.notify()

    def take(self, timeout: float) -> Item | None:
        """The next item; None if none came within *timeout* seconds."""
        with self._changed:
            if not self._items:
                self._sleeping = True
                self._changed.wait(timeout)
                self._sleeping = False
                if not self._items:
                    return None
            item = self._items.popleft()
            wake = False
            if isinstance(item, Delivery):
                self._waiting -= item.held
                self._count -= 1
                wake, self._starved = self._starved, False
        if wake:
            self._on_room()
        return item
