"""Each event as one line of JSON, for other programs."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from medallion.clock import Clock
from medallion.config.values import show_instant
from medallion.events import Event


class JsonLines:
    """A listener that gives each event to *write* as one line without its end: ``{"at": …, "event": "page_fetched", …}``.

    Safe to share between threads; lines come whole.
    """

    def __init__(self, write: Callable[[str], None], *, clock: Clock) -> None:
        self._write = write
        self._clock = clock
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Writes *event*."""
        self.say(re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower(), asdict(event))

    def say(self, name: str, fields: dict[str, Any]) -> None:
        """Writes a line of the event *name*."""
        with self._lock:
            self._write(json.dumps({"at": show_instant(self._clock.now()), "event": name, **fields}, ensure_ascii=False))
