"""Listeners that fail."""

from __future__ import annotations

from medallion.events import Event, Noticed
from medallion.observe.guarded import Guarded

NEWS = Noticed(subject="s", sentence="something")


def test_a_listener_that_raises_is_reported_once_and_not_called_again() -> None:
    """The run goes on, and somebody knows."""
    called: list[Event] = []
    said: list[str] = []

    def breaks(event: Event) -> None:
        called.append(event)
        raise OSError("no space left")

    listener = Guarded(breaks, name="the log", complain=said.append)
    listener(NEWS)
    listener(NEWS)
    assert called == [NEWS]
    assert said == ["the log failed and is switched off (OSError: no space left); the run goes on"]


def test_a_listener_that_is_well_hears_everything() -> None:
    """Nothing stands between."""
    heard: list[Event] = []
    listener = Guarded(heard.append, name="the log", complain=heard.append)  # type: ignore[arg-type]
    listener(NEWS)
    listener(NEWS)
    assert heard == [NEWS, NEWS]
