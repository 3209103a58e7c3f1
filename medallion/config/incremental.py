"""What is new since last time, as a source of any type says it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import ClassVar

from pydantic import model_validator

from medallion.config.bound import AnySpan, Bound, BoundText, Span, alike, is_before, parse_bound
from medallion.config.values import Section


class Incremental(Section):
    """Only what is new: rows by a cursor field, from the watermark (less the lookback) to an end that is frozen when the run opens."""

    knows_end: ClassVar[bool] = False
    """Whether the source itself can say how far its numbers go, before it is read."""

    cursor_field: str
    """Field of a record that says when it changed, or that counts up; dotted inside objects."""
    initial_value: BoundText
    """Where the first run starts: an instant; or a number, where the cursor field is one."""
    end_value: BoundText | None = None
    """Where the source ends for good, like initial_value; once a run has read up to here there is nothing more to ask."""
    lookback: AnySpan = timedelta(0)
    """How much of what was read before is asked again, for rows that come late: a duration, or a number."""
    window: AnySpan | None = None
    """Cuts the range into windows, each asked for by itself: a duration, or a number."""
    sorted: bool = False
    """Declares that rows come in order of the cursor field, so that the watermark may move by chunk (checked)."""

    @property
    def by_number(self) -> bool:
        """Whether the cursor is a number; otherwise it is an instant."""
        return not isinstance(self.initial, datetime)

    @property
    def initial(self) -> Bound:
        """Where the first run starts."""
        return parse_bound(self.initial_value)

    @property
    def last(self) -> Bound | None:
        """Where the source ends for good."""
        return None if self.end_value is None else parse_bound(self.end_value)

    @property
    def overlap(self) -> Span:
        """The lookback, of the cursor's kind."""
        return Decimal(0) if self.by_number and not self.lookback else self.lookback

    @model_validator(mode="after")
    def _makes_sense(self) -> Incremental:
        kind, other = ("a number", "instants") if self.by_number else ("a duration such as 5m", "numbers")
        for name, span in (("lookback", self.lookback or None), ("window", self.window)):
            if span is not None and isinstance(span, Decimal) != self.by_number:
                raise ValueError(f"{name} must be {kind}, as initial_value says that the cursor holds no {other}")
        if self.window is not None and not self.window:
            raise ValueError("window must be longer than 0s or 0")
        if self.last is not None and not alike(self.last, self.initial):
            raise ValueError("end_value must be a number where initial_value is one, and an instant where it is one")
        if self.last is not None and not is_before(self.initial, self.last):
            raise ValueError("end_value must be later than initial_value")
        if self.by_number and self.window is not None and self.last is None and not self.knows_end:
            raise ValueError("window needs end_value where the cursor is a number: nobody knows where the last one would end")
        return self
