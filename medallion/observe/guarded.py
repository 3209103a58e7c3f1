"""A listener cannot fail a run: one that raises is reported once and not called again."""

from __future__ import annotations

from collections.abc import Callable

from medallion.events import Event, Listener


class Guarded:
    """*listener*, called *name* in sentences, until it raises for the first time; *complain* then gets one sentence."""

    def __init__(self, listener: Listener, *, name: str, complain: Callable[[str], None]) -> None:
        self._listener: Listener | None = listener
        self._name = name
        self._complain = complain

    def __call__(self, event: Event) -> None:
        """Hands *event* on, if the listener is still well."""
        listener = self._listener
        if listener is None:
            return
        try:
            listener(event)
        except Exception as error:  # noqa: BLE001  a listener is anybody's code; the data matters more than who watches
            self._listener = None
            self._complain(f"{self._name} failed and is switched off ({type(error).__name__}: {error}); the run goes on")
