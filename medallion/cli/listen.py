"""Who listens to a run: a person at a terminal, a log, a program, or nobody; failures are always said."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from enum import Enum
from types import FrameType

from medallion.cli.terminal import Terminal
from medallion.clock import Clock
from medallion.events import Event, Failed, Listener, everyone
from medallion.observe.guarded import Guarded
from medallion.observe.jsonl import JsonLines
from medallion.observe.progress import LiveProgress, PlainProgress
from medallion.observe.tally import Tally
from medallion.stop import StopFlag, on_sigterm


class Voice(Enum):
    """How much a run says."""

    PROGRESS = "progress"
    QUIET = "quiet"
    JSON_LINES = "json-lines"


@dataclass(frozen=True, kw_only=True)
class Audience:
    """The listener of a run, its counts, and the lines of JSON if they were asked for."""

    listener: Listener
    tally: Tally
    lines: JsonLines | None


@contextmanager
def audience(terminal: Terminal, voice: Voice, clock: Clock) -> Iterator[Audience]:
    """Whoever listens, as long as the block lasts; a listener that fails is reported and switched off."""
    tally = Tally(clock)
    lines = JsonLines(terminal.show, clock=clock) if voice is Voice.JSON_LINES else None
    live = LiveProgress(terminal.err, tally, clock=clock, mask=terminal.mask) if voice is Voice.PROGRESS and terminal.live else None
    heard: dict[str, Listener] = {"the tally": tally}
    if lines is not None:
        heard["--json-lines"] = lines
    elif live is not None:
        heard["the progress display"] = live
    elif voice is Voice.PROGRESS:
        heard["the progress log"] = PlainProgress(terminal.note, tally, clock=clock)

    def failures(event: Event) -> None:
        if isinstance(event, Failed):
            terminal.complain(f"{event.subject}: {event.sentence}", code=event.code)

    guarded: list[Listener] = [Guarded(listener, name=name, complain=terminal.complain) for name, listener in heard.items()]
    with live or nullcontext():
        yield Audience(listener=everyone([*guarded, failures]), tally=tally, lines=lines)


@contextmanager
def stoppable(terminal: Terminal) -> Iterator[StopFlag]:
    """A flag that SIGTERM or the first Ctrl-C sets, so that what was read is committed; a second one ends the process at once."""
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    flag = on_sigterm()

    def handle(_signal: int, _frame: FrameType | None) -> None:
        flag.request()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        terminal.note("stopping at the next clean place; Ctrl-C again stops at once")

    main = threading.current_thread() is threading.main_thread()
    if main:
        signal.signal(signal.SIGINT, handle)
    try:
        yield flag
    finally:
        if main:
            signal.signal(signal.SIGTERM, before[0])
            signal.signal(signal.SIGINT, before[1])
