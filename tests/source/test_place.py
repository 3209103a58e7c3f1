"""A parameter stands in the query, or in the JSON body where that has its key."""

from __future__ import annotations

import pytest

from medallion.errors import SourceError
from medallion.source.place import filled, spelled, with_json, with_param, with_query
from medallion.source.request import Request


@pytest.mark.parametrize(("value", "text"), [("a", "a"), (5, "5"), (1.5, "1.5"), (True, "true"), (None, "null"), ([1, "a"], '[1,"a"]')])
def test_values_are_spelled_as_json_does(value: object, text: str) -> None:
    """Text stays as it is."""
    assert spelled(value) == text


def test_a_query_parameter_is_replaced() -> None:
    """The newest value counts; the others keep their order."""
    assert with_query(Request(url="http://h", params=(("a", "1"), ("b", "2"), ("a", "3"))), "a", 4).params == (("b", "2"), ("a", "4"))


@pytest.mark.parametrize(
    ("body", "name", "expected"),
    [
        (b'{"a":1}', "a", b'{"a":2}'),
        (b'{"a":{"b":null,"c":1}}', "a.b", b'{"a":{"b":2,"c":1}}'),
        (b'{"a":1}', "a.b", b'{"a":1}'),
        (b'{"b":1}', "a", b'{"b":1}'),
        (b"[]", "a", b"[]"),
    ],
)
def test_only_a_key_that_is_there_takes_a_parameter(body: bytes, name: str, expected: bytes) -> None:
    """Otherwise it goes into the query, and the body stays as it is."""
    asked = with_param(Request(url="http://h", body=body), name, 2)
    assert asked.body == expected
    assert asked.params == (() if body != expected else ((name, "2"),))


def test_a_path_is_made_where_there_is_none() -> None:
    """What stands in the way of a path is replaced."""
    assert with_json(Request(url="http://h"), "a.b", 1).body == b'{"a":{"b":1}}'
    assert with_json(Request(url="http://h", body=b'{"a":5,"c":6}'), "a.b", 1).body == b'{"a":{"b":1},"c":6}'


def test_fields_of_a_parent_stand_wherever_they_are_named() -> None:
    """In the path as one segment, in the query and in headers as text; a value alone in the body keeps its type."""
    template = Request(
        method="POST",
        url="http://h/a/{parent.id}/b-{parent.name}",
        params=(("of", "{parent.name}"), ("all", "1")),
        headers=(("X-Of", "no {parent.id}"),),
        body=b'{"id":"{parent.id}","say":"{parent.id}!","deep":[{"name":"{parent.name}"}],"{parent.id}":null}',
    )
    made = filled(template, {"parent.id": 7, "parent.name": "a/b ?&\u00e9"})
    assert made.target == "http://h/a/7/b-a%2Fb%20%3F%26%C3%A9?of=a%2Fb%20%3F%26%C3%A9&all=1"
    assert made.headers == (("X-Of", "no 7"),)
    assert made.body == '{"id":7,"say":"7!","deep":[{"name":"a/b ?&\u00e9"}],"{parent.id}":null}'.encode()


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_no_value_leads_to_another_path(value: str) -> None:
    """A segment that is nothing, or means another one, is refused with the value; as part of a segment it is harmless."""
    with pytest.raises(SourceError, match="make no path"):
        filled(Request(url="http://h/a/{parent.id}/b"), {"parent.id": value})
    assert filled(Request(url="http://h/a/x{parent.id}"), {"parent.id": value}).url == f"http://h/a/x{value}"


def test_no_value_breaks_a_header() -> None:
    """A line break would begin another one."""
    with pytest.raises(SourceError, match="line break"):
        filled(Request(url="http://h/a", headers=(("X-Of", "{parent.id}"),)), {"parent.id": "a\r\nX: b"})


def test_what_is_not_known_yet_stays_as_it_is() -> None:
    """And a value that looks like a place for another one is none: all are filled in at once."""
    template = Request(url="http://h/{parent.id}/{incremental.start}", params=(("a", "{incremental.end}"),))
    made = filled(template, {"parent.id": "{incremental.start}"})
    assert made.url == "http://h/%7Bincremental.start%7D/{incremental.start}"
    assert made.params == (("a", "{incremental.end}"),)
