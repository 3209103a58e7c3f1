"""How a run goes: what a failure of one source means for the others, and how Silver takes its batches."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from medallion.config.custom import ModuleClass
from medallion.config.values import Duration, Section, Size, parse_size


class Batch(Section):
    """How much one micro-batch takes at most; an entry or a full run is never cut."""

    max_files: Annotated[int, Field(ge=1)] = 512
    """Chunk files a batch."""
    max_bytes: Size = parse_size("8gb")
    """Bytes of chunk files a batch."""


class Promote(Section):
    """How Silver follows the log."""

    trigger: Literal["available_now", "processing_time"] = "available_now"
    """available_now: what is there, then stop; processing_time: again at each interval, until SIGTERM."""
    interval: Duration | None = None
    """Of processing_time: from the start of one look to the start of the next."""
    batch: Batch = Batch()
    """How much one micro-batch takes at most."""
    side_by_side: Annotated[int, Field(ge=1, le=16)] = 2
    """Silver tables that are promoted at once: while one is planned or commits, the cores work for another."""
    checksum: Literal["full", "size", "none"] = "full"
    """What is checked of each chunk file before it is read: its SHA-256, its size, or nothing."""

    @model_validator(mode="after")
    def _goes_by_its_trigger(self) -> Promote:
        if self.trigger == "processing_time" and self.interval is None:
            raise ValueError("interval: required with trigger: processing_time")
        if self.trigger != "processing_time" and self.interval is not None:
            raise ValueError("interval says nothing without trigger: processing_time")
        return self


class Retries(Section):
    """How many requests of a run may be repeated in all; beyond it the run stops, resumable."""

    share: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Of the requests that were sent."""
    at_least: Annotated[int, Field(ge=0)] = 100
    """That many whatever the share."""


class Run(Section):
    """The run as a whole."""

    on_source_failure: Literal["continue", "stop"] = "continue"
    """Whether the other sources go on when one fails."""
    rate_limit_rps: Annotated[float, Field(gt=0)] | None = None
    """Requests a second and host where a source says nothing of its own."""
    retry_budget: Retries = Retries()
    """How many requests of a run may be repeated in all; beyond it the run stops, resumable."""
    allow_classes: tuple[ModuleClass, ...] = ()
    """The module:Class that custom.class and auth.class may name; a class that is an entry point needs no leave."""
    promote: Promote = Promote()
    """How Silver follows the log."""
