"""SIGTERM as a value: work looks at it between pages and between micro-batches."""

from __future__ import annotations

import signal
import threading
from types import FrameType

from medallion.errors import TerminatedError


class StopFlag:
    """Set once by SIGTERM (or a test); looked at wherever work can end cleanly."""

    def __init__(self) -> None:
        self._event = threading.Event()

    @property
    def requested(self) -> bool:
        """Whether the run shall end at the next clean place."""
        return self._event.is_set()

    def request(self) -> None:
        """Asks the run to end at the next clean place."""
        self._event.set()

    def check(self) -> None:
        """Raises :class:`TerminatedError` if the run shall end."""
        if self.requested:
            raise TerminatedError("stopped by SIGTERM; what was complete is committed: run the same command again to go on")


def on_sigterm() -> StopFlag:
    """A flag that the first SIGTERM sets; the second one kills, as it does by default."""
    flag = StopFlag()

    def handle(_signal: int, _frame: FrameType | None) -> None:
        flag.request()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handle)
    return flag
