"""An endpoint asks what its configuration says, and nothing of any other host."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest

from medallion.config.secret import Secrets
from medallion.config.source import Source
from medallion.errors import ConfigError, NotYetError, OriginError, PageError, PaginationError, SourceError
from medallion.source.decode import Decoded
from medallion.source.http import Endpoint, endpoint
from medallion.source.protocol import Window
from medallion.source.request import Answer, Request
from medallion.testing.clock import FakeClock

OPEN = Window(start=None, end=None)
DAY = datetime(2013, 1, 1, tzinfo=timezone.utc)


def made(logical_date: datetime | None = None, **api: Any) -> Endpoint:
    """The endpoint of a source with these API settings."""
    settings = {"base_url": "http://h:8080/v1/", "endpoint": "/flights", **api}
    source = Source.model_validate({"name": "s", "system": "s", "table": "t", "load_pattern": "cdc", "api": settings})
    return endpoint(source, Secrets(environ={"KEY": "s3cret"}), clock=FakeClock(), logical_date=logical_date)


def run(flow_of: Endpoint, answer: Callable[[Request], Answer]) -> tuple[list[Request], Answer]:
    """All requests that are sent for the first page, and the answer that counts."""
    flow, sent = flow_of.exchange(flow_of.lane(OPEN)), []
    request = next(flow)
    while True:
        assert isinstance(request, Request)
        sent.append(request)
        try:
            request = flow.send(answer(request))
        except StopIteration as end:
            return sent, end.value


@pytest.mark.parametrize(
    ("api", "target"),
    [
        ({}, "http://h:8080/v1/flights"),
        ({"endpoint": None}, "http://h:8080/v1/"),
        ({"base_url": None, "endpoint": "https://x/flights"}, "https://x/flights"),
        ({"base_url": "http://h"}, "http://h/flights"),
        ({"endpoint": "a b/ü?x=1&y="}, "http://h:8080/v1/a%20b/%C3%BC?x=1&y="),
        ({"params": {"n": 5, "f": 1.5, "on": True, "q": "a&b"}}, "http://h:8080/v1/flights?n=5&f=1.5&on=true&q=a%26b"),
        ({"params": {"date": "{run.date}"}, "endpoint": "d/{run.date}"}, "http://h:8080/v1/d/2013-01-01?date=2013-01-01"),
    ],
)
def test_the_first_request_is_what_the_configuration_says(api: dict[str, Any], target: str) -> None:
    """Base URL, endpoint and parameters make one URL."""
    assert made(DAY, **api).lane(OPEN).target == target


def test_headers_and_body_are_those_of_the_configuration() -> None:
    """A JSON body brings its content type; configured headers win over ours."""
    asked = made(method="POST", json={"q": "x"}, headers={"accept": "application/vnd.x+json"}).lane(OPEN)
    assert (asked.method, asked.body) == ("POST", b'{"q":"x"}')
    assert dict(asked.headers) == {"Content-Type": "application/json", "accept": "application/vnd.x+json"}


def test_windows_become_start_and_end_parameters() -> None:
    """The bounds of a lane stand in its requests; an open side sends nothing."""
    incremental = {"cursor_field": "at", "initial_value": "2013-01-01", "start_param": "since", "end_param": "until"}
    asked = made(incremental=incremental)
    later = datetime(2013, 1, 8, 0, 0, 0, 5, tzinfo=timezone.utc)
    assert asked.lane(Window(start=DAY, end=later)).params == (("since", "2013-01-01T00:00:00Z"), ("until", "2013-01-08T00:00:00.000005Z"))
    assert asked.lane(Window(start=DAY, end=None)).params == (("since", "2013-01-01T00:00:00Z"),)


def test_bounds_stand_where_their_places_are() -> None:
    """In path, query and body; a number alone in the body stays one."""
    incremental = {"cursor_field": "id", "initial_value": 0, "end_value": 10, "end_param": "until"}
    body = {"range": {"from": "{incremental.start}", "says": "[{incremental.start}, {incremental.end})"}}
    asked = made(endpoint="/a/{incremental.start}", method="POST", json=body, params={"x": "{incremental.end}"}, incremental=incremental)
    lane = asked.lane(Window(start=Decimal(5), end=Decimal("7.5")))
    assert lane.target.partition("/a/")[2] == "5?x=7.5&until=7.5"
    assert lane.body == b'{"range":{"from":5,"says":"[5, 7.5)"}}'


def test_instants_are_spelled_as_configured() -> None:
    """In a coarser spelling the end is rounded up."""
    incremental = {"cursor_field": "at", "initial_value": "2013-01-01", "start_param": "since", "end_param": "until"}
    lane = Window(start=DAY, end=datetime(2013, 1, 2, 0, 0, 0, 5, tzinfo=timezone.utc))
    assert made(incremental=incremental | {"param_format": "date"}).lane(lane).params == (("since", "2013-01-01"), ("until", "2013-01-03"))
    assert made(incremental=incremental | {"param_format": "epoch"}).lane(lane).params == (("since", "1356998400"), ("until", "1357084801"))


def test_parameters_go_into_the_body_where_it_has_their_key() -> None:
    """A search by POST takes bounds and page numbers in its JSON, if they stand there."""
    incremental = {"cursor_field": "at", "initial_value": "2013-01-01", "start_param": "filter.since"}
    search = made(method="POST", json={"filter": {"since": None}, "page": 0}, incremental=incremental, pagination={"type": "page"})
    asked = search.request(search.lane(Window(start=DAY, end=None)), {"page": 2})
    assert asked.body == b'{"filter":{"since":"2013-01-01T00:00:00Z"},"page":2}'
    assert asked.params == ()


@pytest.mark.parametrize(
    "url",
    [
        "https://h:8080/v1/flights?page=2",
        "http://h/v1/flights",
        "http://evil.example:8080/",
        "http://h:8080@evil.example/",
        "http://h:8080\\@evil.example/",
        "http://evil.example\\@h:9/",
        "//evil.example/x",
        "file:///etc/passwd",
        "http://h:8080.evil.example/",
    ],
)
def test_next_links_to_another_origin_are_refused(url: str) -> None:
    """Another scheme, host or port is another origin, however it is spelled; nothing is sent there."""
    asked = made(pagination={"type": "next_url", "next_url_path": "next"})
    lane = asked.lane(OPEN)
    with pytest.raises(OriginError, match="instead of http://h:8080"):
        asked.next_after(lane, {}, Decoded(records=[], found={"next": url}), Answer(status=200, url=lane.target))
    with pytest.raises(OriginError):
        asked.request(lane, {"url": url})


def test_next_links_within_the_origin_are_followed_as_our_own_host() -> None:
    """A link that spells our host in another way is put together from ours."""
    asked = made(pagination={"type": "link"})
    assert asked.request(asked.lane(OPEN), {"url": "http://x:y@H:8080/v1/flights?page=2"}).target == "http://h:8080/v1/flights?page=2"


def test_redirects_within_the_origin_are_followed_with_credentials() -> None:
    """A redirect of our own host is answered with a signed request; POST becomes GET where HTTP says so."""
    asked = made(method="POST", json={}, auth={"type": "api_key", "name": "X-Key", "value": "secret:env:KEY"})

    def answer(request: Request) -> Answer:
        if request.url.endswith("/flights"):
            return Answer(status=301, headers={"location": "/v2/flights?x=1"}, url=request.target)
        return Answer(status=200, url=request.target)

    sent, last = run(asked, answer)
    assert [(request.method, request.target) for request in sent] == [
        ("POST", "http://h:8080/v1/flights"),
        ("GET", "http://h:8080/v2/flights?x=1"),
    ]
    assert all(("X-Key", "s3cret") in request.headers for request in sent)
    assert last.status == 200


def test_redirects_to_another_origin_send_nothing() -> None:
    """The error comes before the request; it names both hosts and no credential."""
    asked = made(auth={"type": "api_key", "name": "key", "value": "secret:env:KEY", "in": "query"})
    with pytest.raises(OriginError, match="https://evil") as caught:
        run(asked, lambda request: Answer(status=307, headers={"location": "https://evil.example/?key=s3cret"}, url=request.target))
    assert "s3cret" not in str(caught.value)


def test_redirects_without_end_are_an_error() -> None:
    """After five redirects it is enough."""
    count = []

    def answer(request: Request) -> Answer:
        count.append(request)
        return Answer(status=302, headers={"location": f"/{len(count)}"}, url=request.target)

    with pytest.raises(SourceError, match="more than 5 redirects"):
        run(made(), answer)
    assert len(count) == 6


def test_errors_of_a_page_name_the_request() -> None:
    """Whatever is wrong with a page, the sentence begins with what was asked."""
    asked = made(records_path="data", pagination={"type": "page", "total_path": "n"})
    request = asked.request(asked.lane(OPEN), {"page": 2})
    with pytest.raises(PageError) as page:
        asked.decode(Answer(status=200, body=b"<html>", url=request.target), request=request)
    with pytest.raises(PaginationError) as empty:
        asked.next_after(request, {"page": 2}, Decoded(records=[], found={"n": 9}), Answer(status=200, url=request.target))
    for caught in (page, empty):
        assert caught.value.sentence.startswith("GET http://h:8080/v1/flights?page=2: ")


def test_no_content_is_a_page_without_records() -> None:
    """Status 204 has no body and says that there is nothing."""
    asked = made(records_path="data")
    assert asked.decode(Answer(status=204, url="http://h/"), request=asked.lane(OPEN)).records == []


@pytest.mark.parametrize(
    ("api", "says"),
    [
        ({"base_url": None}, "not an http or https URL"),
        ({"base_url": "ftp://h"}, "not an http or https URL"),
        ({"base_url": "http://me:pw@h"}, "must hold no user name"),
        ({"params": {"date": "{run.date}"}}, "needs the date of a run"),
    ],
)
def test_what_cannot_be_asked_is_a_configuration_error(api: dict[str, Any], says: str) -> None:
    """The endpoint says at construction what is wrong, and where."""
    with pytest.raises(ConfigError, match=says) as caught:
        made(**api)
    assert caught.value.problems[0].path.startswith("sources.s.api.")


def test_what_is_not_built_is_said() -> None:
    """Other types are refused."""
    source = Source.model_validate(
        {"name": "s", "system": "s", "table": "t", "load_pattern": "full", "api": {"base_url": "http://h"}, "type": "db", "db": {}}
    )
    with pytest.raises(NotYetError):
        endpoint(source, Secrets(environ={}), clock=FakeClock())


def test_only_where_it_is_said_a_404_means_that_there_is_nothing() -> None:
    """For the first request of a record's lane, by parent.on_missing: skip; otherwise the sentence says that there is such a key."""

    def of(**parent: Any) -> Endpoint:
        api = {"base_url": "http://h", "endpoint": "/a/{parent.id}", "pagination": {"type": "page"}}
        settings = {
            "name": "s",
            "system": "s",
            "table": "t",
            "load_pattern": "full",
            "api": api,
            "parent": {"source": "p", "fields": ["id"]} | parent,
        }
        return endpoint(Source.model_validate(settings), Secrets(environ={}), clock=FakeClock())

    skips, fails = of(on_missing="skip"), of()
    assert skips.is_missing({"page": 1}, 404)
    assert skips.is_missing({"page": 1}, 410)
    assert not skips.is_missing({"page": 2}, 404)
    assert not skips.is_missing({"page": 1}, 403)
    assert not fails.is_missing({"page": 1}, 404)
    assert "on_missing: skip" in fails.hint({"page": 1}, 404)
    assert not made().is_missing({"page": 1}, 404)
