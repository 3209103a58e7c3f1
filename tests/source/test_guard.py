"""A lane that goes round in circles is stopped, in bounded memory."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import assume, given, settings
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


def pages_until_refused(tail: list[int], circle: list[int], *, patience: int = 1) -> int:
    """How many pages are read of a source that gives *tail* and then *circle* for ever; a page is its number, 0 an empty one."""
    guard = Guard()
    for count, page in enumerate(itertools.chain(tail, itertools.cycle(circle))):
        try:
            guard.pass_records([b"%d" % page] if page else [], patience=patience)
        except PaginationError:
            return count
    raise AssertionError


@settings(max_examples=100)
@given(tail=st.lists(st.integers(0, 9), max_size=12), circle=st.lists(st.integers(0, 9), min_size=1, max_size=12), patient=st.booleans())
def test_records_that_come_again_and_again_are_refused(tail: list[int], circle: list[int], patient: bool) -> None:
    """Also where a page stands in the circle several times, or is empty."""
    assume(any(circle))
    assert pages_until_refused(tail, circle, patience=16 if patient else 1) <= len(tail) + 16 * len(circle) + 16


@pytest.mark.parametrize(("circle", "read"), [([1], 1), ([1, 2], 3), ([1, 2, 3], 5), ([1, 0], 4)])
def test_a_circle_of_pages_is_refused_when_it_was_shown_twice(circle: list[int], read: int) -> None:
    """A, B, A may be chance; A, B, A, B is none."""
    assert pages_until_refused([], circle) == read


def test_equal_pages_with_cursors_of_their_own_may_come_several_times() -> None:
    """A feed without ids may repeat itself; a source that gives a new cursor to one page for ever may not."""
    assert pages_until_refused([], [1], patience=16) == 16


@settings(max_examples=50)
@given(st.lists(st.integers(1, 3), max_size=3).map(tuple), st.integers(3, 60))
def test_pages_that_are_new_are_never_refused(repeated: tuple[int, ...], count: int) -> None:
    """A few pages like others, among many that are not."""
    guard = Guard()
    for number in range(count):
        for page in (*dict.fromkeys(repeated), 100 + 2 * number, 101 + 2 * number):
            guard.pass_records([b"%d" % page])


def test_a_lane_of_nothing_but_empty_pages_ends() -> None:
    """New cursors for ever, and no record: that is no feed."""
    guard = Guard(most_empty=3)
    for _ in range(3):
        guard.pass_records([])
    with pytest.raises(PaginationError, match="4 pages one after the other hold no record"):
        guard.pass_records([])
