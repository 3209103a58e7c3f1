"""Pages by number and offset end where the source ends, and nowhere before."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medallion.errors import PageError, PaginationError
from medallion.source.decode import Decoded
from medallion.source.paginate import AtMost, Offsets, PageNumbers, Paginator, SinglePage
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
        # A short page: the end, or a source that caps the size, or leaves records out. Asked once more to know.
        ({"size": 3}, {"page": 2}, page(2), {"page": 3, "short": True}),
        ({"size": 3, "full": True}, {"page": 2}, page(2), DONE),
        ({"size": 3, "full": True}, {"page": 1}, page(2), DONE),
        ({"size": 3, "full": True}, {"page": 1}, page(3), {"page": 2}),
        ({"has_more_path": "m"}, {"page": 1}, page(0, m=True), {"page": 2}),
        ({"has_more_path": "m", "size": 3}, {"page": 1}, page(1, m=1), {"page": 2}),
        ({"has_more_path": "m"}, {"page": 1}, page(3, m="false"), DONE),
        ({"has_more_path": "m"}, {"page": 2}, page(0), DONE),
        ({"has_more_path": "m", "total_path": "n"}, {"page": 1}, page(3, m=False, n=7), {"page": 2, "seen": 3}),
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
    """Totals, has_more, empty pages, and short pages where all are declared full end a lane."""
    assert numbers(**options).after(position, decoded, ANSWER) == expected


@pytest.mark.parametrize(
    ("options", "position", "decoded", "expected"),
    [
        ({}, {"offset": 0}, page(5), {"offset": 5}),
        ({}, {"offset": 5}, page(2), {"offset": 7, "short": True}),
        ({"full": True}, {"offset": 5}, page(2), DONE),
        ({"full": True}, {"offset": 0}, page(5), {"offset": 5}),
        ({"has_more_path": "m"}, {"offset": 5}, page(2, m=True), {"offset": 7, "short": True}),
        ({"has_more_path": "m"}, {"offset": 5}, page(5, m=False), DONE),
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
        (numbers(has_more_path="m"), {"page": 2}, page(3, m=False), None),
        (numbers(has_more_path="m"), {"page": 2}, page(3, m=True), {"page": 3}),
        (Offsets(param="o", limit_param="l", limit=5, has_more_path="m"), {"offset": 5}, page(5, m=False), None),
        (AtMost(rule=numbers(), pages=3), {"page": 2, "asked": 1}, None, {"page": 3, "asked": 2}),
        (AtMost(rule=numbers(), pages=3), {"page": 3, "asked": 2}, None, None),
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


def test_more_to_come_behind_an_empty_page_of_offsets_is_an_error() -> None:
    """The next offset would be the same one."""
    with pytest.raises(PaginationError, match="although 'm' says that there is more"):
        Offsets(param="o", limit_param="l", limit=5, has_more_path="m").after({"offset": 5}, page(0, m=True), ANSWER)


@pytest.mark.parametrize("pages", [1, 2, 5])
def test_a_lane_ends_after_so_many_pages(pages: int) -> None:
    """Whatever the source says; the position counts, so that a resumed lane ends there too."""
    rule = AtMost(rule=numbers(), pages=pages)
    position, asked = rule.first(), 0
    while position != DONE:
        position, asked = rule.after(position, page(3), ANSWER), asked + 1
    assert asked == pages
    assert rule.after(rule.first(), page(0), ANSWER) == DONE


def test_number_and_size_stand_in_the_body_where_they_are_declared_to() -> None:
    """Dotted names are paths in the JSON of a POST."""
    post = Request(method="POST", url="http://h/p", body=b'{"query":"x"}')
    asked = PageNumbers(param="page.number", size_param="page.size", size=5, location="body").request(post, {"page": 3})
    assert (asked.params, json.loads(asked.body or b"")) == ((), {"query": "x", "page": {"number": 3, "size": 5}})
    asked = Offsets(param="skip", limit_param="take", limit=5, location="body").request(post, {"offset": 10})
    assert (asked.params, json.loads(asked.body or b"")) == ((), {"query": "x", "skip": 10, "take": 5})


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
    told=st.sampled_from([{}, {"total_path": "n"}, {"has_more_path": "m"}, {"full": True}]),
    by_offset=st.booleans(),
)
def test_every_record_is_read_whatever_the_source_makes_of_the_size(
    records: int, asked: int, cap: int, told: dict[str, Any], by_offset: bool
) -> None:
    """A source may give fewer records a page than it is asked for: none is lost, none comes twice."""
    cap = max(cap, asked) if "full" in told else cap
    rule: Paginator = Offsets(param="offset", limit_param="limit", limit=asked, **told) if by_offset else numbers(size=asked, **told)
    size, read, position = min(asked, cap), [], rule.first()
    for _ in range(100):
        query = dict(rule.request(BASE, position).params)
        first = int(query["offset"]) if by_offset else (int(query["page"]) - 1) * size
        rows = list(range(records))[first : first + size]
        read += rows
        found = {"n": records, "m": first + size < records}
        position = rule.after(position, Decoded(records=[b"{}"] * len(rows), found={p: found[p] for p in rule.paths}), ANSWER)
        if position == DONE:
            break
    assert position == DONE
    assert read == list(range(records))
