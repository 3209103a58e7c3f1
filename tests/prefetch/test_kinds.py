"""Every kind of pagination, read whole from a server, by both ways of asking."""

from __future__ import annotations

import json
from contextlib import closing, suppress
from dataclasses import replace
from itertools import chain, count, islice, repeat
from typing import Any

import pytest
from asking import ALL, Asking, rows
from hypothesis import given
from hypothesis import strategies as st

from medallion.errors import PaginationError, SourceUnavailable
from medallion.source.protocol import DONE
from medallion.testing.server import Reply, Seen, json_reply, serve, throttled

ROWS, SIZE = rows(11), 3


def cut(first: int, seen: Seen) -> Reply:
    """The page that begins with record *first*, with everything that any kind of pagination could need to go on."""
    after = first + SIZE
    more = after < len(ROWS)
    content = {
        "data": ROWS[first:after],
        "total": len(ROWS),
        "pages": 4,
        "more": more,
        "next": {"cursor": after if more else None, "url": f"{seen.path}?first={after}" if more else None},
    }
    return json_reply(content, *([("Link", f'<{seen.path}?first={after}>; rel="next"')] if more else []))


def answer(seen: Seen) -> Reply:
    """Records by page, offset or cursor, wherever these stand."""
    asked: dict[str, Any] = {**seen.query, **(json.loads(seen.body) if seen.body else {})}
    asked |= asked.pop("paging", {})
    if seen.path.startswith("/p/"):
        return cut(int(seen.path.rpartition("/")[2]), seen)
    first = int(asked.get("first", asked.get("offset", asked.get("cursor", 0))))
    return cut(first + SIZE * (int(asked.get("page", 1)) - 1), seen)


POST = {"method": "POST", "json": {"query": "all"}, "read_only": True}
CURSOR = {"type": "cursor", "cursor_path": "next.cursor"}

KINDS: list[dict[str, Any]] = [
    {"pagination": {"type": "page"}},
    {"pagination": {"type": "page", "size": SIZE, "full_pages": True}},
    {"pagination": {"type": "page", "total_pages_path": "pages"}},
    {"pagination": {"type": "page", "total_path": "total"}},
    {"pagination": {"type": "page", "has_more_path": "more"}},
    {"pagination": {"type": "page", "page_param": "paging.page", "in": "body"}, **POST},
    {"pagination": {"type": "page"}, **POST},
    {"pagination": {"type": "offset", "limit": SIZE}},
    {"pagination": {"type": "offset", "limit": 10}},
    {"pagination": {"type": "offset", "limit": SIZE, "full_pages": True}},
    {"pagination": {"type": "offset", "limit": SIZE, "total_path": "total"}},
    {"pagination": {"type": "offset", "limit": SIZE, "has_more_path": "more"}},
    {"pagination": {"type": "offset", "limit": SIZE, "in": "body"}, **POST},
    {"pagination": CURSOR},
    {"pagination": {**CURSOR, "has_more_path": "more"}},
    {"pagination": {**CURSOR, "cursor_param": "paging.cursor", "in": "body"}, **POST},
    {"pagination": {**CURSOR, "in": "path"}},
    {"pagination": {"type": "link"}},
    {"pagination": {"type": "link"}, **POST},
    {"pagination": {"type": "next_url", "next_url_path": "next.url"}},
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: json.dumps(kind["pagination"]) + kind.get("method", ""))
def test_every_record_comes_once_and_in_order(way: dict[str, Any], kind: dict[str, Any]) -> None:
    """And the lane is at its end."""
    with serve(answer) as server:
        asking = Asking(server.url)
        assert asking.read(**way, **kind) == [row["id"] for row in ROWS]
        assert asking.pages[-1].next == DONE
        assert {seen.method for seen in server.seen} == {kind.get("method", "GET")}
        assert all(json.loads(seen.body)["query"] == "all" for seen in server.seen if seen.method == "POST")


@pytest.mark.parametrize("pagination", [{"type": "page"}, {"type": "offset", "limit": SIZE}, CURSOR, {"type": "link"}])
def test_a_lane_ends_after_max_pages(way: dict[str, Any], pagination: dict[str, Any]) -> None:
    """Nothing behind them is asked for, not even at a guess."""
    with serve(answer) as server:
        asking = Asking(server.url)
        assert asking.read(**way, pagination={**pagination, "max_pages": 2}) == list(range(2 * SIZE))
        assert len(server.seen) == 2
        assert asking.pages[-1].next == DONE


def test_pages_that_come_in_circles_are_an_error(way: dict[str, Any]) -> None:
    """A server that counts pages modulo two: A, B, A, B."""
    with serve(lambda seen: json_reply({"data": [{"id": int(seen.query["page"]) % 2}]})) as server:
        asking = Asking(server.url)
        error = asking.fail(**way)
    assert isinstance(error, PaginationError)
    assert "2 pages before" in error.sentence
    assert asking.ids == [1, 0, 1]


def test_a_new_cursor_for_the_same_page_is_a_circle_too(way: dict[str, Any]) -> None:
    """However new the cursors are, a lane ends."""

    def always_new(seen: Seen) -> Reply:
        return json_reply({"data": [{"id": 1}], "next": {"cursor": int(seen.query.get("cursor", 0)) + 1}})

    with serve(always_new) as server:
        assert isinstance(Asking(server.url).fail(**way, pagination=CURSOR), PaginationError)
        assert len(server.seen) < 20


TROUBLE = {
    "500": Reply(status=500),
    "503": Reply(status=503, headers=(("Retry-After", "2"),)),
    "429": throttled("1"),
    "hang up": Reply(hang_up=True),
    "cut": replace(json_reply({"data": [{"id": 99}], "more": False}), cut_at=9),
}
WAYS: list[dict[str, Any]] = [{"async": False}, {"concurrency": 1}, {"concurrency": 3}, {"concurrency": "auto"}]


@given(
    kind=st.sampled_from(KINDS),
    way=st.sampled_from(WAYS),
    trouble=st.dictionaries(st.integers(0, 15), st.sampled_from(sorted(TROUBLE)), max_size=5),
    stops=st.lists(st.integers(0, 3), max_size=3),
)
def test_however_often_it_is_stopped_every_record_comes_once(
    kind: dict[str, Any], way: dict[str, Any], trouble: dict[int, str], stops: list[int]
) -> None:
    """Stopped behind any page, or by an API that is away, whatever its pagination: who goes on from the last page gets the rest."""
    asked = count()
    got: list[int] = []
    position: dict[str, Any] | None = None
    with serve(lambda seen: answer(seen) if (name := trouble.get(next(asked))) is None else TROUBLE[name]) as server:
        for stop in chain(stops, repeat(99)):
            if position == DONE:
                break
            with (
                suppress(SourceUnavailable),
                closing(Asking(server.url).open(**kind, **way).pages([replace(ALL, position=position)])) as pages,
            ):
                for page in islice(pages, stop):
                    got += [json.loads(record)["id"] for record in page.records]
                    position = json.loads(json.dumps(page.next))
    assert got == [row["id"] for row in ROWS]
