"""What is new since last time, as a source of any type says it."""

from __future__ import annotations

from datetime import timedelta

from pydantic import model_validator

from medallion.config.values import Duration, InstantText, Section, parse_instant


class Incremental(Section):
    """Only what is new: rows by a cursor field, from the watermark (less the lookback) to an end that is frozen when the run opens."""

    cursor_field: str
    """Field of a record that says when it changed."""
    initial_value: InstantText
    """Where the first run starts: an instant."""
    end_value: InstantText | None = None
    """Where the source ends for good: an instant; once a run has read up to here there is nothing more to ask."""
    lookback: Duration = timedelta(0)
    """How much of what was read before is asked again, for rows that come late."""
    window: Duration | None = None
    """Cuts the range into windows, each asked for by itself."""
    sorted: bool = False
    """Declares that rows come in order of the cursor field, so that the watermark may move by chunk (checked)."""

    @property
    def has_end(self) -> bool:
        """Whether the source can be told where to end."""
        return True

    @model_validator(mode="after")
    def _makes_sense(self) -> Incremental:
        if self.window is not None and self.window <= timedelta(0):
            raise ValueError("window must be longer than 0s")
        if self.end_value is not None and parse_instant(self.end_value) <= parse_instant(self.initial_value):
            raise ValueError("end_value must be later than initial_value")
        return self
