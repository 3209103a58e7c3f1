"""A host that keeps failing is left alone, asked once, and taken back when it answers."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medallion.policy.breaker import Breaker, BreakerPolicy, after, before, permits, seconds_until_permitted, state

POLICY = BreakerPolicy(failures=3, cooldown=timedelta(seconds=10))
OPEN = Breaker(failures=3, opened_at=100.0)


def test_it_opens_after_failures_in_a_row() -> None:
    """Two failures leave it closed, the third opens it."""
    breaker = Breaker()
    for now in (1.0, 2.0):
        breaker = after(breaker, "failed", now, POLICY)
        assert state(breaker, now, POLICY) == "closed"
    breaker = after(breaker, "failed", 3.0, POLICY)
    assert breaker == Breaker(failures=3, opened_at=3.0)
    assert not permits(breaker, 12.9, POLICY)


def test_one_success_starts_the_count_again() -> None:
    """Only failures in a row count."""
    breaker = Breaker()
    for outcome in ("failed", "failed", "ok", "failed", "failed"):
        breaker = after(breaker, outcome, 1.0, POLICY)
    assert state(breaker, 1.0, POLICY) == "closed"


def test_after_the_cooldown_one_probe_goes() -> None:
    """Half-open, the first call goes and the second does not."""
    assert state(OPEN, 110.0, POLICY) == "half_open"
    assert permits(OPEN, 110.0, POLICY)
    probing = before(OPEN, 110.0, POLICY)
    assert not permits(probing, 110.0, POLICY)
    assert not permits(probing, 119.9, POLICY)


def test_the_probe_decides() -> None:
    """A probe that is answered closes it, a probe that fails opens it for another cooldown."""
    probing = before(OPEN, 110.0, POLICY)
    assert after(probing, "ok", 111.0, POLICY) == Breaker()
    again = after(probing, "failed", 112.0, POLICY)
    assert again.opened_at == 112.0
    assert not permits(again, 121.9, POLICY)
    assert permits(again, 122.0, POLICY)


def test_a_cancelled_probe_decides_nothing() -> None:
    """Another call may be the probe at once."""
    probing = before(OPEN, 110.0, POLICY)
    assert after(probing, "cancelled", 111.0, POLICY) == OPEN


def test_a_lost_probe_is_given_up_after_a_cooldown() -> None:
    """A probe of which nothing is ever heard does not close the way for ever."""
    probing = before(OPEN, 110.0, POLICY)
    assert permits(probing, 120.0, POLICY)


def test_a_late_call_is_not_taken_for_the_probe() -> None:
    """A call that started before it opened changes nothing when it ends afterwards, however it ends."""
    probing = before(OPEN, 110.0, POLICY)
    for outcome in ("ok", "failed", "cancelled"):
        assert after(OPEN, outcome, 105.0, POLICY, started=99.0) == OPEN
        assert after(OPEN, outcome, 105.0, POLICY) == OPEN
        assert after(probing, outcome, 111.0, POLICY, started=99.0) == probing


def test_a_call_that_is_not_permitted_is_no_probe() -> None:
    """Telling it of a call that should not have been made changes nothing."""
    assert before(OPEN, 105.0, POLICY) == OPEN
    assert before(Breaker(), 105.0, POLICY) == Breaker()


def test_the_time_to_wait_is_known() -> None:
    """The wait shrinks to zero at the end of the cooldown, and a probe under way starts it anew."""
    assert seconds_until_permitted(Breaker(), 0.0, POLICY) == 0.0
    assert seconds_until_permitted(OPEN, 104.0, POLICY) == 6.0
    assert seconds_until_permitted(OPEN, 500.0, POLICY) == 0.0
    assert seconds_until_permitted(before(OPEN, 110.0, POLICY), 112.0, POLICY) == 8.0


@pytest.mark.parametrize("fields", [{"failures": 0}, {"cooldown": timedelta(0)}])
def test_a_policy_that_means_nothing_is_refused(fields: dict[str, object]) -> None:
    """Wrong numbers fail where they are written."""
    with pytest.raises(ValueError, match="cooldown"):
        BreakerPolicy(**fields)


steps = st.lists(st.tuples(st.sampled_from(["start", "ok", "failed", "cancelled"]), st.floats(0, 15)), max_size=60)


@settings(max_examples=150)
@given(steps=steps, failures=st.integers(1, 4))
def test_at_most_one_probe_and_no_call_while_open(steps: list[tuple[str, float]], failures: int) -> None:
    """Whatever happens in whatever order: while open nothing goes, half-open at most one call a cooldown, and it can always recover."""
    policy = BreakerPolicy(failures=failures, cooldown=timedelta(seconds=10))
    breaker, now, running, probes = Breaker(), 0.0, [], []
    for step, passed in steps:
        now += passed
        if step == "start":
            if permits(breaker, now, policy):
                assert state(breaker, now, policy) != "open"
                if state(breaker, now, policy) == "half_open":
                    assert not probes or now - probes[-1] >= 10 or breaker.probing_since is None
                    probes.append(now)
                breaker = before(breaker, now, policy)
                running.append(now)
        elif running:
            breaker = after(breaker, step, now, policy, started=running.pop(0))
        assert (breaker.opened_at is None) == (breaker.failures < failures)
        assert breaker.probing_since is None or breaker.opened_at is not None
    later = now + 10.0
    assert permits(breaker, later, policy)
    assert after(before(breaker, later, policy), "ok", later, policy, started=later) == Breaker()
