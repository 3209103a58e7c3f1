"""Trouble by script: which request to a path goes wrong, and how. Nothing is left to chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal["401", "429", "500", "503", "slow", "truncated", "cut", "html", "envelope"]
"""A status; or the right page after a wait, half of it as a whole answer, half of it before the connection ends; a login
form with status 200; JSON with the records in the wrong place."""
Preset: TypeAlias = Literal["none", "mild", "rough"]


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The *nth* request to *path* and *times* - 1 more after it, or each *every*-th one; ``*`` is every path by itself."""

    kind: Kind
    path: str = "*"
    nth: int | None = None
    times: int = 1
    every: int | None = None
    retry_after: str | None = "1"
    """The header's text for 429 and 503; null: none."""
    seconds: float = 1.0
    """How long a slow page takes."""

    def __post_init__(self) -> None:
        if (self.nth is None) == (self.every is None):
            raise ValueError("give nth or every")
        if any(number is not None and number < 1 for number in (self.nth, self.every, self.times)) or self.seconds < 0:
            raise ValueError("nth, every and times are 1 or more, seconds 0 or more")

    def hits(self, path: str, request: int) -> bool:
        """Whether the request with this number to *path* goes wrong."""
        if self.path not in ("*", path):
            return False
        if self.every is not None:
            return request % self.every == 0
        return self.nth is not None and self.nth <= request < self.nth + self.times


PRESETS: Mapping[Preset, tuple[Rule, ...]] = {
    "none": (),
    "mild": (
        Rule(kind="429", nth=5),
        Rule(kind="503", nth=11, retry_after=None),
        Rule(kind="slow", nth=17),
        Rule(kind="truncated", nth=23),
    ),
    "rough": (
        Rule(kind="429", every=13),
        Rule(kind="503", every=7, retry_after=None),
        Rule(kind="truncated", every=11),
        Rule(kind="slow", every=17),
        Rule(kind="html", every=19),
        Rule(kind="cut", every=23),
    ),
}
"""*mild* is one of each that the quickstart may meet; *rough* is every fourth request."""


def parse(data: bytes) -> list[Rule]:
    """The rules that a JSON list spells; raises msgspec.MsgspecError where it spells none."""
    return msgspec.json.decode(data, type=list[Rule])


class Script:
    """Rules, and how many requests each path has seen since they were given; of several rules the first that hits counts."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self.rules = tuple(rules)
        self._seen: Counter[str] = Counter()

    def next(self, path: str) -> Rule | None:
        """What is wrong with the next request to *path*."""
        self._seen[path] += 1
        return next((rule for rule in self.rules if rule.hits(path, self._seen[path])), None)
