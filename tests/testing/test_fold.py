"""The oracle says what docs/silver-models.md says: its vectors, in every order."""

from __future__ import annotations

from itertools import permutations

import pytest

from medallion.testing.fold import Event, Row, by_key, current, history, merged
from medallion.testing.vectors import OPTION_VECTORS, VECTORS, Vector


def spelled(rows: list[Row]) -> list[tuple[str, int, int | None]]:
    return [(row.event.values["v"], row.start, row.end) for row in rows]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.text)
def test_the_history_of_a_vector_is_the_same_in_every_order(vector: Vector) -> None:
    """Every permutation of a vector's events gives the history that is printed for it."""
    for order in permutations(vector.events("k")):
        assert spelled(history(order, tracked=vector.tracked)) == vector.history


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.text)
def test_the_current_row_is_the_open_row_of_the_history(vector: Vector) -> None:
    """scd_type_1 is the open row of scd_type_2, with the values of its newest event."""
    open_rows = [value for value, _, end in vector.history if end is None]
    now = current(vector.events("k"))
    assert ([now.values["v"]] if now else []) == open_rows


def test_events_repeated_any_number_of_times_are_one_event() -> None:
    """Repetition changes nothing, whatever the position of the copies."""
    told = [Event(key="k", sequence=10, values={"v": "a"}, position=(0, 0, n)) for n in range(3)]
    assert spelled(history(told)) == [("a", 10, None)]


def test_a_tie_goes_to_the_higher_position() -> None:
    """Of two contents at one sequence the later position wins under last_wins."""
    early = Event(key="k", sequence=10, values={"v": "a"}, position=(0, 0, 0))
    late = Event(key="k", sequence=10, values={"v": "b"}, position=(1, 0, 0))
    assert spelled(history([late, early])) == [("b", 10, None)]


def test_a_tie_goes_to_the_delete_where_that_is_said() -> None:
    """Under delete_wins a delete beats an upsert of its sequence, whatever their positions."""
    upsert = Event(key="k", sequence=10, values={"v": "a"}, position=(1, 0, 0))
    delete = Event(key="k", sequence=10, delete=True, values={"v": None}, position=(0, 0, 0))
    assert history([upsert, delete], tie="delete_wins") == []
    assert current([upsert, delete], tie="delete_wins") is None
    assert current([upsert, delete]) == upsert


def shown(event: Event) -> str:
    """The values of an event as a vector spells them."""
    age = event.values["age"]
    name = event.values["name"] or "-"
    return f"{name}/{age or '-'}" if "/" in (event.values["v"] or "") else name


@pytest.mark.parametrize("vector", OPTION_VECTORS, ids=lambda vector: f"{vector.text} {vector.tie}")
def test_an_option_says_the_same_in_every_order(vector: Vector) -> None:
    """Truncates, nulls that say nothing, ties that are set aside, rows that stay: every permutation gives the printed rows."""
    for order in permutations(vector.events("k")):
        mine = by_key(order)["k"]
        tracked = ("name", "age")
        rows = history(mine, tracked=tracked, tie=vector.tie, ignored=vector.ignored)
        assert [(shown(row.event), row.start, row.end) for row in rows] == vector.history
        row = merged(mine, tie=vector.tie, ignored=vector.ignored)
        assert (None if row is None else (shown(row[0]), row[1])) == vector.merged
