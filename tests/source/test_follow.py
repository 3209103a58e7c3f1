"""Cursors, links and next URLs lead to the next page, and end where the source says so."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from medallion.config.paging import Pagination
from medallion.errors import PageError
from medallion.source.decode import Decoded
from medallion.source.follow import Cursors, NextUrls, next_link, paginator
from medallion.source.paginate import Offsets, PageNumbers, SinglePage
from medallion.source.protocol import DONE
from medallion.source.request import Answer, Request

BASE = Request(url="http://h/v1/p", params=(("order", "asc"),), hidden=frozenset({"api_key"}))
ANSWER = Answer(status=200, url="http://h/v1/p?order=asc")


def page(count: int = 1, **found: Any) -> Decoded:
    """A page with so many records, and values at other paths."""
    return Decoded(records=[b"{}"] * count, found=found)


def cursors(**options: Any) -> Cursors:
    """Cursors at ``next``, sent as ``cursor``."""
    return Cursors(cursor_path="next", param="cursor", **options)


@pytest.mark.parametrize(
    ("options", "found", "expected"),
    [
        ({}, {"next": "b"}, {"cursor": "b"}),
        ({}, {"next": 17}, {"cursor": 17}),
        ({}, {}, DONE),
        ({}, {"next": None}, DONE),
        ({}, {"next": ""}, DONE),
        ({}, {"next": False}, DONE),
        ({"has_more_path": "more"}, {"next": "b", "more": False}, DONE),
        ({"has_more_path": "more"}, {"next": "b", "more": "true"}, {"cursor": "b"}),
        ({"has_more_path": "more"}, {"next": "b"}, {"cursor": "b"}),
        ({"has_more_path": "more"}, {"next": "b", "more": 0}, DONE),
        ({"location": "body"}, {"next": {"id": 3}}, {"cursor": {"id": 3}}),
    ],
)
def test_a_cursor_leads_on_until_there_is_none(options: dict[str, Any], found: dict[str, Any], expected: dict[str, Any]) -> None:
    """No cursor, or has_more false, is the end; an empty page with a cursor is not."""
    for count in (0, 1):
        assert cursors(**options).after({}, page(count, **found), ANSWER) == expected


@pytest.mark.parametrize(
    ("options", "found", "says"),
    [
        ({}, {"next": {"id": 3}}, "must be a string or a number"),
        ({}, {"next": True}, "must be a string or a number"),
        ({"has_more_path": "more"}, {"more": True}, "no cursor at 'next'"),
        ({"has_more_path": "more"}, {"next": "b", "more": "perhaps"}, "must be true or false"),
    ],
)
def test_a_cursor_that_cannot_be_one_is_an_error(options: dict[str, Any], found: dict[str, Any], says: str) -> None:
    """A wrong path to the cursor does not end a lane in silence."""
    with pytest.raises(PageError, match=says):
        cursors(**options).after({}, page(**found), ANSWER)


def test_the_cursor_stands_in_the_query() -> None:
    """The first request has none; the following ones replace what the endpoint has under that name."""
    rule = cursors(size_param="limit", size=100)
    assert rule.request(BASE, {}).params == (("order", "asc"), ("limit", "100"))
    assert rule.request(BASE, {"cursor": 17}).params == (("order", "asc"), ("limit", "100"), ("cursor", "17"))


def test_the_cursor_stands_in_the_body() -> None:
    """A dotted name is a path in the JSON body, which keeps everything else."""
    rule = Cursors(cursor_path="next", param="page.after", location="body")
    asked = Request(method="POST", url="http://h/p", body=b'{"query":"x","page":{"size":5}}')
    assert rule.request(asked, {}).body == asked.body
    assert rule.request(asked, {"cursor": {"id": 1}}).body == b'{"query":"x","page":{"size":5,"after":{"id":1}}}'


@pytest.mark.parametrize(
    ("url", "cursor", "expected"),
    [
        ("http://h/feed", None, "http://h/feed"),
        ("http://h/feed", "a/b c", "http://h/feed/a%2Fb%20c"),
        ("http://h/feed/{cursor}", None, "http://h/feed"),
        ("http://h/feed/{cursor}/rows", "a", "http://h/feed/a/rows"),
        ("http://h/feed", "../../x", "http://h/feed/..%2F..%2Fx"),
    ],
)
def test_the_cursor_stands_in_the_path(url: str, cursor: str | None, expected: str) -> None:
    """A cursor is one path segment, at its place holder or at the end."""
    rule = cursors(location="path")
    assert rule.request(Request(url=url), {} if cursor is None else {"cursor": cursor}).url == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('<https://h/p?page=2>; rel="next"', "https://h/p?page=2"),
        ('<https://h/p?page=1>; rel="prev", <https://h/p?page=3>; rel="next"', "https://h/p?page=3"),
        ("</p?a=1,2;3>; rel=next", "/p?a=1,2;3"),
        ('<a>; title="x, <b>; rel=next"; rel="prev", <c>; REL="last Next"', "c"),
        ('<a>; rel="prev"; rel="next"', None),
        ('<a>; rel="nextish"', None),
        ("<a>", None),
        ("", None),
        ("nonsense, <a", None),
        ("<u>" + " ; a" * 5000 + " X", None),
    ],
)
def test_next_link_reads_rfc_8288(header: str, expected: str | None) -> None:
    """The first link with relation next counts, whatever stands in quotes beside it."""
    assert next_link(header) == expected


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("http://h/v1/p?page=2", "http://h/v1/p?page=2"),
        ("?page=2", "http://h/v1/p?page=2"),
        ("/v2/p?q=ä b", "http://h/v2/p?q=%C3%A4%20b"),
        ("p?api_key=s3cret&page=2#top", "http://h/v1/p?page=2"),
    ],
)
def test_next_urls_are_absolute_and_hold_no_credential(link: str, expected: str) -> None:
    """A position is stored in the log: what the source echoes of our credentials is taken out of it."""
    by_path = NextUrls(path="next", hidden=BASE.hidden).after({}, page(next=link), ANSWER)
    assert by_path == {"url": expected}
    assert NextUrls(path=None).request(BASE, by_path).target == expected


def test_a_link_header_leads_on_until_there_is_none() -> None:
    """An answer without a next link is the last one."""
    rule = NextUrls(path=None)
    answer = Answer(status=200, url="http://h/p", headers={"link": '<http://h/p?page=2>; rel="next"'})
    assert rule.after({}, page(), answer) == {"url": "http://h/p?page=2"}
    assert rule.after({}, page(), ANSWER) == DONE
    with pytest.raises(PageError, match="must be a string"):
        NextUrls(path="next").after({}, page(next=5), ANSWER)


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"type": "none"}, SinglePage),
        ({"type": "page"}, PageNumbers),
        ({"type": "offset", "limit": 10}, Offsets),
        ({"type": "cursor", "cursor_path": "next"}, Cursors),
        ({"type": "link"}, NextUrls),
        ({"type": "next_url", "next_url_path": "next"}, NextUrls),
    ],
)
def test_every_pagination_of_the_configuration_has_a_rule(config: dict[str, Any], kind: type) -> None:
    """The configuration's names and the rules are one to one."""
    assert isinstance(paginator(TypeAdapter(Pagination).validate_python(config)), kind)
