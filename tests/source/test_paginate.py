"""Pages by number and offset end where the source ends, and nowhere before."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medallion.errors import PageError, PaginationError
from medallion.source.decode import Decoded
from medallion.source.paginate import Offsets, PageNumbers, Paginator, SinglePage
from medallion.source.protocol import DONE, Position
from medallion.source.request import Answer, Request

BASE = Request(url="http://h/p", params=(("order", "asc"),))
ANSWER = Answer(status=200, url="http://h/p")


def page(count: int, **found: Any) -> Decoded:
    """A page with so many records, and values at other paths."""
    return Decoded(records=[b"{}"] * count, found=found)


def numbers(**options: Any) -> PageNumbers:
    """Pages by number with ``page`` and ``size``."""
    return PageNumbers(param="page", size_param="size", **options)


def test_requests_ask_for_the_page_and_the_size() -> None:
    """Number and size are parameters beside those of the endpoint."""
    assert numbers(size=500).request(BASE, {"page": 3}).params == (("order", "asc"), ("page", "3"), ("size", "500"))
    assert numbers().request(BASE, {"page": 3}).params == (("order", "asc"), ("page", "3"))
    offsets = Offsets(param="skip", limit_param="take", limit=5)
    assert offsets.request(BASE, {"offset": 10}).params == (("order", "asc"), ("take", "5"), ("skip", "10"))


@pytest.mark.parametrize(
    ("options", "position", "decoded", "expected"),
    [
        ({}, {"page": 1}, page(3), {"page": 2}),
        ({}, {"page": 4}, page(0), DONE),
        ({"size": 3}, {"page": 1}, page(3), {"page": 2}),
        ({"size": 3}, {"page": 2}, page(2), DONE),
        # The first page is short: the end, or a source that caps the size. Asked once more to know.
        ({"size": 3}, {"page": 1}, page(2), {"page": 2, "short": True}),
        ({"size": 3}, {"page": 2, "short": True}, page(2), {"page": 3, "short": True}),
        ({"size": 3}, {"page": 3, "short": True}, page(0), DONE),
        ({"size": 3}, {"page": 1}, page(7), {"page": 2}),
        ({"start": 0, "total_pages_path": "n"}, {"page": 0}, page(3, n=2), {"page": 1}),
        ({"start": 0, "total_pages_path": "n"}, {"page": 1}, page(3, n=2), DONE),
        ({"total_pages_path": "n"}, {"page": 1}, page(0, n=0), DONE),
        ({"total_path": "n", "size": 3}, {"page": 1}, page(3, n="7"), {"page": 2, "seen": 3}),
        ({"total_path": "n", "size": 3}, {"page": 3, "seen": 6}, page(1, n=7.0), DONE),
        # A source that caps the size at 2 has shown 4 of 7 records after two pages, not 6.
        ({"total_path": "n", "size": 3}, {"page": 2, "seen": 2}, page(2, n=7), {"page": 3, "seen": 4}),
        ({"total_path": "n"}, {"page": 1}, page(3), {"page": 2, "seen": 3}),
    ],
)
def test_page_numbers_end_where_the_source_ends(options: dict[str, Any], position: Position, decoded: Decoded, expected: Position) -> None:
    """Totals, empty pages, and short pages behind full ones end a lane."""
    assert numbers(**options).after(position, decoded, ANSWER) == expected


@pytest.mark.parametrize(
    ("options", "position", "decoded", "expected"),
    [
        ({}, {"offset": 0}, page(5), {"offset": 5}),
        ({}, {"offset": 5}, page(2), DONE),
        ({}, {"offset": 5}, page(0), DONE),
        ({}, {"offset": 0}, page(0), DONE),
        ({}, {"offset": 0}, page(2), {"offset": 2, "short": True}),
        ({}, {"offset": 2, "short": True}, page(2), {"offset": 4, "short": True}),
        ({}, {"offset": 0}, page(8), {"offset": 8}),
        ({"total_path": "n"}, {"offset": 5}, page(5, n=10), DONE),
        ({"total_path": "n"}, {"offset": 0}, page(2, n=10), {"offset": 2, "short": True}),
    ],
)
def test_offsets_count_the_records_that_came(options: dict[str, Any], position: Position, decoded: Decoded, expected: Position) -> None:
    """The next offset is behind the last record that came, whatever the limit was."""
    assert Offsets(param="offset", limit_param="limit", limit=5, **options).after(position, decoded, ANSWER) == expected


@pytest.mark.parametrize(
    ("rule", "position", "decoded", "expected"),
    [
        (numbers(), {"page": 1}, None, {"page": 2}),
        (numbers(), {"page": 1, "short": True}, None, None),
        (numbers(), {"page": 2, "short": True}, None, None),
        (numbers(), {"page": 3, "short": True}, None, {"page": 4, "short": True}),
        (numbers(total_pages_path="n"), {"page": 1}, page(1, n=2), {"page": 2}),
        (numbers(total_pages_path="n"), {"page": 2}, page(1, n=2), None),
        (numbers(total_path="n", size=3), {"page": 2}, page(3, n=6), None),
        (numbers(total_path="n", size=3), {"page": 2}, page(3, n=7), {"page": 3}),
        (Offsets(param="o", limit_param="l", limit=5), {"offset": 5}, None, {"offset": 10}),
        (Offsets(param="o", limit_param="l", limit=5), {"offset": 5, "short": True}, None, None),
        (Offsets(param="o", limit_param="l", limit=5, total_path="n"), {"offset": 5}, page(5, n=10), None),
        (SinglePage(), {"page": 1}, None, None),
    ],
)
def test_pages_ahead_stop_at_a_known_total(rule: Paginator, position: Position, decoded: Decoded | None, expected: Position | None) -> None:
    """What is asked at a guess is bounded by what is known."""
    assert rule.ahead(position, decoded) == expected


@pytest.mark.parametrize(
    "rule", [numbers(total_path="n"), numbers(total_pages_path="n"), Offsets(param="o", limit_param="l", limit=5, total_path="n")]
)
def test_an_empty_page_before_the_total_is_an_error(rule: Paginator) -> None:
    """A source that stops before its own total is not taken for complete."""
    with pytest.raises(PaginationError, match="is empty although the source says that there are 40"):
        rule.after({"page": 2, "offset": 5}, page(0, n=40), ANSWER)


@pytest.mark.parametrize("value", ["many", -1, 1.5, True, {"value": 3}])
def test_a_total_that_is_no_number_is_an_error(value: object) -> None:
    """A wrong path to a total shows at once."""
    with pytest.raises(PageError, match="'n' must be a whole number"):
        numbers(total_path="n").after({"page": 1}, page(1, n=value), ANSWER)


def test_no_such_page_is_the_end_only_behind_a_short_page() -> None:
    """404 behind a short first page ends the lane; behind a full one it is an error."""
    assert numbers(size=3).past_end({"page": 2, "short": True}, 404)
    assert not numbers(size=3).past_end({"page": 2, "short": True}, 500)
    assert not numbers(size=3).past_end({"page": 2}, 404)


def test_a_single_page_is_all() -> None:
    """Without pagination the first answer is the last."""
    rule = SinglePage()
    assert rule.request(BASE, rule.first()) == BASE
    assert rule.after(rule.first(), page(3), ANSWER) == DONE


@settings(max_examples=80)
@given(
    records=st.integers(0, 40),
    asked=st.integers(1, 12),
    cap=st.integers(1, 12),
    with_total=st.booleans(),
    by_offset=st.booleans(),
)
def test_every_record_is_read_whatever_the_source_makes_of_the_size(
    records: int, asked: int, cap: int, with_total: bool, by_offset: bool
) -> None:
    """A source may give fewer records a page than it is asked for: none is lost, none comes twice."""
    total = {"total_path": "n"} if with_total else {}
    rule: Paginator = Offsets(param="offset", limit_param="limit", limit=asked, **total) if by_offset else numbers(size=asked, **total)
    size, read, position = min(asked, cap), [], rule.first()
    for _ in range(100):
        query = dict(rule.request(BASE, position).params)
        first = int(query["offset"]) if by_offset else (int(query["page"]) - 1) * size
        rows = list(range(records))[first : first + size]
        read += rows
        position = rule.after(position, Decoded(records=[b"{}"] * len(rows), found={"n": records} if with_total else {}), ANSWER)
        if position == DONE:
            break
    assert position == DONE
    assert read == list(range(records))
