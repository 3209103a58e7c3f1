"""Repetitions are bounded over a whole run."""

from __future__ import annotations

import pytest

from medallion.policy.budget import RetryBudget


def test_a_share_and_a_number_may_be_repeated() -> None:
    """A short run uses up the number, a long one the share as well."""
    budget = RetryBudget(share=0.5, at_least=2)
    assert [budget.allows(requests=2, retries=retries) for retries in (0, 1, 2, 3)] == [True, True, True, False]
    assert not RetryBudget(share=0, at_least=0).allows(requests=1000, retries=0)


@pytest.mark.parametrize("fields", [{"share": -0.1}, {"share": 1.1}, {"at_least": -1}])
def test_a_budget_that_means_nothing_is_refused(fields: dict[str, float]) -> None:
    """Wrong numbers fail where they are written."""
    with pytest.raises(ValueError, match="share"):
        RetryBudget(**fields)  # type: ignore[arg-type]
