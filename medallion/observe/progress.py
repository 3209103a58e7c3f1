"""What happens, for the person who waits: live where there is a terminal, otherwise a line now and then."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Literal

from rich.console import Console, RenderableType
from rich.progress import Progress, ProgressColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.spinner import Spinner
from rich.text import Text

from medallion.clock import Clock
from medallion.events import (
    BatchApplied,
    ChunkCommitted,
    Event,
    Failed,
    Noticed,
    PageFetched,
    PromotionCompleted,
    PromotionOpened,
    RequestRetried,
    RunAbandoned,
    RunCompleted,
    RunOpened,
    SchemaChanged,
)
from medallion.observe.tally import Counts, Subject, Tally, name_of, subject_of

State = Literal["running", "done", "failed"]

LONG_WAIT = 5.0
"""Seconds from which on a wait is told at once: it would look as if nothing happened."""


def sentence(event: Event, counts: Counts) -> str | None:
    """What a person should hear of an event; None for those that only move a counter, and for failures, which have a line anyway."""
    if isinstance(event, RunOpened):
        return f"{event.source}: {'resuming' if event.resumed else 'reading'} (run {event.run_id})"
    if isinstance(event, RequestRetried):
        return f"{event.source}: attempt {event.attempt} failed, again in {event.wait:.1f} s: {event.reason}"
    if isinstance(event, SchemaChanged):
        more = f"; and {len(event.changes) - 3} more" if len(event.changes) > 3 else ""
        return f"{event.source}: schema: {'; '.join(event.changes[:3])}{more}"
    if isinstance(event, RunAbandoned):
        return f"{event.source}: run {event.run_id} is abandoned: {event.why}"
    if isinstance(event, RunCompleted):
        if event.same_as is not None:
            return f"{event.source}: read, its {event.rows:,} rows are those of run {event.same_as}"
        return f"{event.source}: read, {event.rows:,} rows in {many(event.chunks, 'chunk')}, {many(counts.pages, 'page')}"
    if isinstance(event, PromotionOpened):
        return f"{event.entity}: promoting"
    if isinstance(event, PromotionCompleted):
        return f"{event.entity}: {f'{event.rows:,} rows promoted' if event.rows else 'nothing new'} ({event.seconds:.1f} s)"
    return f"{event.subject}: {event.sentence}" if isinstance(event, Noticed) else None


def said(counts: Counts) -> str:
    """Counts as a person reads them."""
    parts = []
    if counts.pages:
        parts += [many(counts.pages, "page"), f"{counts.records:,} rows", f"{counts.pages_per_second:,.0f} pages/s"]
    if counts.retries:
        parts.append(many(counts.retries, "retry"))
    if counts.committed_rows:
        parts.append(f"{counts.committed_rows:,} rows committed")
    if counts.applied_rows:
        parts.append(f"{counts.applied_rows:,} rows applied")
    return "  ".join(parts)


def many(number: int, noun: str) -> str:
    """``1 retry``, ``2,000 pages``."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


class PlainProgress:
    """A listener that gives sentences to *write*: what matters at once, counters at most every *every* seconds."""

    def __init__(self, write: Callable[[str], None], tally: Tally, *, clock: Clock, every: float = 10.0) -> None:
        self._write = write
        self._tally = tally
        self._clock = clock
        self._every = every
        self._last = clock.monotonic()
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Says what *event* means, if it is time to."""
        counts = self._tally.of(subject_of(event))
        text = sentence(event, counts)
        if isinstance(event, RequestRetried) and event.wait < LONG_WAIT and not self._due():
            return
        if text is not None:
            self._write(text)
        elif isinstance(event, PageFetched | ChunkCommitted | BatchApplied) and self._due():
            self._write(f"{name_of(event)}: {said(counts)}")

    def _due(self) -> bool:
        with self._lock:
            now = self._clock.monotonic()
            if now - self._last < self._every:
                return False
            self._last = now
            return True


class LiveProgress:
    """A listener that keeps one line for each source and entity on a terminal while it is entered; at the end they are gone.

    Notices are printed above, through *mask*.
    """

    def __init__(self, console: Console, tally: Tally, *, clock: Clock, mask: Callable[[str], str]) -> None:
        self._tally = tally
        self._mask = mask
        self._tasks: dict[str, TaskID] = {}
        self._lock = threading.Lock()
        columns = [_Mark(console), TextColumn("[bold]{task.description}"), _Counted(tally), TimeElapsedColumn()]
        self._progress = Progress(*columns, console=console, transient=True, refresh_per_second=8, get_time=clock.monotonic)

    def __enter__(self) -> LiveProgress:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._progress.stop()

    def __call__(self, event: Event) -> None:
        """Shows what *event* changes."""
        if isinstance(event, RunOpened):
            self._move(event, "running", "resuming" if event.resumed else "reading")
        elif isinstance(event, PromotionOpened):
            self._move(event, "running", "promoting")
        elif isinstance(event, RunCompleted):
            self._move(event, "done", "the same as before" if event.same_as else "read")
        elif isinstance(event, PromotionCompleted):
            self._move(event, "done", f"{event.rows:,} rows promoted" if event.rows else "nothing new")
        elif isinstance(event, Failed):  # whoever made us says it in one line, as without a terminal
            self._move(event, "failed", f"[{event.code}]")
        elif isinstance(event, RequestRetried) and event.wait < LONG_WAIT:
            return
        elif not isinstance(event, SchemaChanged):  # those of a first run are as many as there are columns; the log keeps them
            text = sentence(event, self._tally.of(subject_of(event)))
            if text is not None:
                self._progress.console.print(Text(self._mask(text), style="yellow"), soft_wrap=True)

    def _move(self, event: Event, state: State, text: str) -> None:
        name = name_of(event)
        with self._lock:
            if state == "running":
                subject = subject_of(event)
                self._tasks[name] = self._progress.add_task(name, total=None, state=state, text=text, subject=subject)
            elif name in self._tasks:  # the newest line of that name: sources come before entities
                self._progress.update(self._tasks[name], state=state, text=text)
                self._progress.stop_task(self._tasks[name])


class _Mark(ProgressColumn):
    """Whether a task goes on, is done, or has failed."""

    def __init__(self, console: Console) -> None:
        self._plain = not console.encoding.lower().startswith("utf")
        self._spinner = Spinner("line" if self._plain else "dots")
        super().__init__()

    def render(self, task: Task) -> RenderableType:
        """See ProgressColumn."""
        if task.fields["state"] == "running":
            return self._spinner.render(task.get_time())
        if task.fields["state"] == "failed":
            return Text("x" if self._plain else "✗", style="red")
        return Text("*" if self._plain else "✓", style="green")


class _Counted(ProgressColumn):
    """What a task says, and what was counted for it; read when the line is drawn, so that a page costs nothing here."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        super().__init__()

    def render(self, task: Task) -> RenderableType:
        """See ProgressColumn."""
        subject: Subject = task.fields["subject"]
        counted = said(self._tally.of(subject))
        return Text(f"{task.fields['text']}  {counted}".rstrip(), no_wrap=True, overflow="ellipsis")
