"""How many requests of a run may be repeated: a share of all, and a number that a short run may use up; pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RetryBudget:
    """At most *at_least* repetitions, and *share* of the requests that were sent beyond that."""

    share: float = 0.2
    at_least: int = 100

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1 or self.at_least < 0:
            raise ValueError(f"share must be between 0 and 1 and at_least 0 or more: {self}")

    def allows(self, *, requests: int, retries: int) -> bool:
        """Whether one more may be repeated after *requests* were sent, *retries* of them repetitions."""
        return retries < self.at_least + self.share * requests
