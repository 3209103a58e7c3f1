"""The width is found by asking, and given back as soon as it is too much."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion.policy.aimd import Heard, Width, WidthPolicy, after, began

POLICY = WidthPolicy()
ANSWERS = st.lists(st.tuples(st.sampled_from(["ok", "throttled", "other"]), st.floats(0, 2), st.floats(0, 0.5)), max_size=200)


def heard(width: Width, *answers: tuple[Heard, float], now: float) -> Width:
    """*width* after answers that took so many seconds and all came at *now*."""
    for said, latency in answers:
        width = after(width, said, POLICY, started=now - latency, now=now)
    return width


@given(answers=ANSWERS)
def test_the_width_keeps_its_bounds_and_is_cut_once_for_what_was_under_way_together(
    answers: list[tuple[Heard, float, float]],
) -> None:
    """Up by less than one an answer, down by half at most, never for a request that went out before the last cut."""
    width, now = began(POLICY), 10.0
    for said, latency, pause in answers:
        now += pause
        before, width = width, after(width, said, POLICY, started=now - latency, now=now)
        assert POLICY.least <= width.size <= POLICY.most
        assert before.size / 2 <= width.size or width.size == POLICY.least
        assert width.size <= before.size + 1
        if now - latency < before.cut_at or said == "other":
            assert width.size == before.size
        elif said == "throttled":
            assert width.size == max(POLICY.least, before.size / 2)


def test_a_host_that_is_well_gets_all() -> None:
    """Additive: one more for each round of answers."""
    width = began(POLICY)
    sizes = []
    for round in range(70):
        width = heard(width, *[("ok", 0.1)] * width.allowed, now=100.0 + round)
        sizes.append(width.allowed)
    assert sizes[:3] in ([4, 5, 6], [5, 6, 7])
    assert sizes[-1] == POLICY.most


def test_a_volley_of_429_halves_once() -> None:
    """Sixteen refusals of what was under way together are one."""
    width = heard(Width(size=16), *[("throttled", 0.1)] * 16, now=5.0)
    assert width.size == 8
    assert heard(width, ("throttled", 0.1), now=6.0).size == 4


def test_latency_well_above_its_floor_is_too_much() -> None:
    """Four times as slow as on its best day cuts; a little slower, or by milliseconds, does not."""
    calm = heard(began(POLICY), *[("ok", 0.1)] * 50, now=10.0)
    slow = calm
    for second in range(30):
        slow = heard(slow, ("ok", 0.5), now=20.0 + second)
    assert slow.size < calm.size
    assert heard(calm, *[("ok", 0.12)] * 50, now=20.0).size > calm.size
    quick = heard(began(POLICY), *[("ok", 0.001)] * 50, now=10.0)
    assert heard(quick, *[("ok", 0.01)] * 50, now=20.0).size > quick.size


@pytest.mark.parametrize("fields", [{"least": 0}, {"first": 99}, {"slower": 1.0}, {"backed_off": 1.0}, {"margin": -1}])
def test_a_policy_that_means_nothing_is_refused(fields: dict[str, float]) -> None:
    """Wrong numbers fail where they are written."""
    with pytest.raises(ValueError, match="least"):
        WidthPolicy(**fields)  # type: ignore[arg-type]
