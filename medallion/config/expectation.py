"""What rows must be like, and what happens to those that are not."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from medallion.config.source import Name
from medallion.config.values import Section

_CLOSES = {"(": ")", "[": "]"}


class Expectation(Section):
    """A rule for rows. It is looked at after normalize and before anything else; a null result is not met."""

    name: Name
    """Of the rule; its count stands under it."""
    expr: Annotated[str, Field(min_length=1)]
    """SQL condition on a Bronze row, by the names that Bronze has."""
    action: Literal["warn", "drop", "quarantine", "fail"] = "warn"
    """What becomes of a row that does not meet it: published and counted, left out, set aside, or nothing is published at all."""


class Threshold(Section):
    """A number of rows or a share of them, whichever is reached first."""

    rows: Annotated[int, Field(ge=0)] | None = None
    """At most this many."""
    percent: Annotated[float, Field(ge=0, le=100)] | None = None
    """At most this share of them, 0 to 100."""

    @model_validator(mode="after")
    def _says_something(self) -> Threshold:
        if self.rows is None and self.percent is None:
            raise ValueError("give rows, percent, or both")
        return self

    def is_exceeded(self, count: int, *, of: int) -> bool:
        """Whether *count* of *of* rows are more than it allows."""
        return (self.rows is not None and count > self.rows) or (self.percent is not None and count * 100 > self.percent * of)


def unbalanced(sql: str) -> str | None:
    """Why a text cannot be one SQL expression, as far as quotes and brackets tell; None where they tell nothing."""
    opened: list[str] = []
    place = 0
    while place < len(sql):
        character = sql[place]
        if character in "'\"`":
            end = _closed(sql, place)
            if end is None:
                return f"the quote {character} at character {place + 1} is not closed"
            place = end
        elif character in _CLOSES:
            opened.append(_CLOSES[character])
        elif character in _CLOSES.values():
            if not opened or opened.pop() != character:
                return f"the {character} at character {place + 1} closes nothing"
        elif character == ";" or sql.startswith(("--", "/*"), place):
            return f"{sql[place : place + 2].rstrip()!r} at character {place + 1}: one expression is asked for, without comments"
        place += 1
    return f"a {opened[-1]} is missing at its end" if opened else None


def _closed(sql: str, start: int) -> int | None:
    """Where the quote that opens at *start* closes; in strings a backslash takes the next character with it."""
    quote, place = sql[start], start + 1
    while place < len(sql):
        if sql[place] == "\\" and quote != "`":
            place += 1
        elif sql[place] == quote:
            return place
        place += 1
    return None
