"""What happens during a run, as frozen values; whoever wants to know is a Listener."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, kw_only=True)
class RunOpened:
    """An extraction run was started, or an open one is continued."""

    source: str
    run_id: str
    resumed: bool


@dataclass(frozen=True, kw_only=True)
class PageFetched:
    """A page came back whole; *seconds* from the request to the last byte of its last attempt."""

    source: str
    bytes: int
    records: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class RequestRetried:
    """An attempt failed and will be repeated after *wait* seconds."""

    source: str
    reason: str
    attempt: int
    wait: float


@dataclass(frozen=True, kw_only=True)
class ChunkCommitted:
    """Chunks are in the log at *version*: they will never be asked again."""

    source: str
    version: int
    rows: int
    bytes: int


@dataclass(frozen=True, kw_only=True)
class SchemaChanged:
    """The table's schema is another from *version* on; *changes* are sentences."""

    source: str
    version: int
    changes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RunCompleted:
    """An extraction run is complete; *same_as* names the run whose content it repeats."""

    source: str
    run_id: str
    rows: int
    chunks: int
    same_as: str | None


@dataclass(frozen=True, kw_only=True)
class RunAbandoned:
    """An open run of an earlier process cannot be continued, and why."""

    source: str
    run_id: str
    why: str


@dataclass(frozen=True, kw_only=True)
class PromotionOpened:
    """A promotion begins to look for what is new to a Silver table."""

    entity: str


@dataclass(frozen=True, kw_only=True)
class BatchApplied:
    """A micro-batch is in the Silver table."""

    entity: str
    first_version: int
    last_version: int
    rows: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class PromotionCompleted:
    """A Silver table holds everything that its log held; *rows* are the Bronze rows that were new."""

    entity: str
    rows: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Failed:
    """A source or an entity (*subject*) ended with an error, by its *code* and *sentence*."""

    subject: str
    code: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Noticed:
    """Something a person should know that is no failure."""

    subject: str
    sentence: str


Event: TypeAlias = (
    RunOpened
    | PageFetched
    | RequestRetried
    | ChunkCommitted
    | SchemaChanged
    | RunCompleted
    | RunAbandoned
    | PromotionOpened
    | BatchApplied
    | PromotionCompleted
    | Failed
    | Noticed
)
Listener: TypeAlias = Callable[[Event], None]


def nobody(_event: Event) -> None:
    """The listener that hears nothing."""


def everyone(listeners: Iterable[Listener]) -> Listener:
    """One listener that hands each event to all of *listeners*, in order."""
    all_of_them = tuple(listeners)

    def tell(event: Event) -> None:
        for listener in all_of_them:
            listener(event)

    return tell
