"""What a host says of its own limits is read in every spelling, and never taken for more than it says."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion.policy.quota import exhausted_for
from medallion.testing.clock import START

IN_A_MINUTE = int(START.timestamp()) + 60


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"ratelimit-limit": "100", "ratelimit-remaining": "0", "ratelimit-reset": "30"}, 30),
        ({"ratelimit-remaining": "1", "ratelimit-reset": "30"}, None),
        ({"ratelimit-remaining": "0"}, None),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "0"}, None),
        ({"ratelimit": "limit=100, remaining=0, reset=7"}, 7),
        ({"ratelimit": "limit=100, remaining=3, reset=7"}, None),
        ({"ratelimit": '"default";r=0;t=9'}, 9),
        ({"ratelimit": '"a, b";r=5;t=9, "day";r=0;t=600'}, 600),
        ({"ratelimit": '"default";r=50;t=30'}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "12.5"}, 12.5),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(IN_A_MINUTE)}, 60),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(IN_A_MINUTE * 1000)}, 60),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(IN_A_MINUTE - 999)}, None),
        ({"x-ratelimit-remaining": "5, 0", "x-ratelimit-reset": "1, 40"}, 40),
        ({"x-ratelimit-remaining": "none", "x-ratelimit-reset": "soon"}, None),
        ({}, None),
    ],
)
def test_the_wait_is_that_of_the_headers(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds, instants in seconds and in milliseconds; the longest of several that are used up."""
    assert exhausted_for(headers, START) == (None if seconds is None else timedelta(seconds=seconds))


@given(
    name=st.sampled_from(["ratelimit", "ratelimit-remaining", "x-ratelimit-remaining"]),
    text=st.text(alphabet='0123456789-.,;="rt eE', max_size=30),
    reset=st.text(alphabet="0123456789-.,", max_size=25),
)
def test_nothing_that_a_host_writes_fails(name: str, text: str, reset: str) -> None:
    """Whatever stands there, the wait is above zero or there is none."""
    wait = exhausted_for({name: text, "ratelimit-reset": reset, "x-ratelimit-reset": reset}, START)
    assert wait is None or wait > timedelta(0)
