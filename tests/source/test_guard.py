"""A lane that goes round in circles is stopped, in bounded memory."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medallion.errors import PaginationError
from medallion.source.guard import Guard


def steps_until_refused(guard: Guard, tail: int, circle: int, limit: int) -> int:
    """How many pages are read of a source that goes round in a circle behind *tail* pages."""
    for step in itertools.count():
        if step > limit:
            return step
        position = step if step < tail + circle else tail + (step - tail) % circle
        following = step + 1 if step + 1 < tail + circle else tail + (step + 1 - tail) % circle
        guard.pass_mark(str(position))
        try:
            guard.refuse(str(following))
        except PaginationError:
            return step + 1
    raise AssertionError


@settings(max_examples=50)
@given(tail=st.integers(0, 20), circle=st.integers(1, 20))
def test_a_circle_is_refused_before_a_page_is_asked_twice(tail: int, circle: int) -> None:
    """A, B, A, B: the second A is not asked for."""
    assert steps_until_refused(Guard(), tail, circle, 100) == tail + circle


@settings(max_examples=30)
@given(tail=st.integers(0, 40), circle=st.integers(9, 60))
def test_a_circle_longer_than_the_memory_is_refused_later(tail: int, circle: int) -> None:
    """Beyond the marks that are kept a circle is found at one of few milestones."""
    assert steps_until_refused(Guard(remembered=8), tail, circle, 1000) <= 3 * (tail + circle) + 16


def test_the_same_page_twice_is_refused() -> None:
    """Equal records on two pages in a row: the server ignores the parameter. Empty pages say nothing."""
    guard = Guard()
    guard.pass_records([b'{"id":1}'])
    guard.pass_records([b'{"id":2}'])
    guard.pass_records([b'{"id":1}'])
    guard.pass_records([])
    guard.pass_records([])
    guard.pass_records([b'{"id":1}'])
    with pytest.raises(PaginationError, match="the same 1 records"):
        guard.pass_records([b'{"id":1}'])
