"""How many requests a source may have under way: a number, or what the host turns out to bear."""

from __future__ import annotations

import threading
from typing import Protocol

from medallion.policy.aimd import Heard, Width, WidthPolicy, after, began


class RequestWidth(Protocol):
    """Asked before a request is sent, told when it was answered."""

    @property
    def most(self) -> int:
        """The most that there can ever be."""

    def allowed(self) -> int:
        """Requests that may be under way now, 1 or more."""

    def heard(self, status: int, started: float, now: float) -> None:
        """A request that went out at *started* was answered with *status* at *now*, monotonic seconds."""


class FixedWidth:
    """As many as the configuration says."""

    def __init__(self, most: int) -> None:
        self.most = most

    def allowed(self) -> int:
        return self.most

    def heard(self, status: int, started: float, now: float) -> None:
        """Changes nothing."""


class FoundWidth:
    """As many as the host bears, found by policy."""

    def __init__(self, policy: WidthPolicy) -> None:
        self._policy = policy
        self._width: Width = began(policy)
        self._lock = threading.Lock()
        self.most = policy.most

    def allowed(self) -> int:
        return self._width.allowed

    def heard(self, status: int, started: float, now: float) -> None:
        """429 and 503 are too much; 2xx and how long they took say how it goes."""
        heard: Heard = "throttled" if status in (429, 503) else "ok" if 200 <= status < 300 else "other"
        with self._lock:
            self._width = after(self._width, heard, self._policy, started=started, now=now)
