"""CSV is taken apart: values as declared, a bad row as text, a bad body as an error."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion.config.records import Csv
from medallion.errors import PageError
from medallion.schema import parse_ddl
from medallion.source.delimited import CsvDecoder


def rows(body: bytes | str, ddl: str = "", **config: Any) -> list[Any]:
    """The records of page 7, decoded."""
    data = body.encode() if isinstance(body, str) else body
    decoder = CsvDecoder(config=Csv(**config), declared=parse_ddl(ddl) if ddl else {})
    return [json.loads(record) for record in decoder.decode(data, page="page 7").records]


def test_undeclared_values_stay_text() -> None:
    """Whatever they look like; quotes and line breaks belong to the value, empty fields are null, empty lines nothing."""
    assert rows('id,name,at\r\n007,"a, ""b""\nc",2013-01-01\r\n\r\n8,,\r\n') == [
        {"id": "007", "name": 'a, "b"\nc', "at": "2013-01-01"},
        {"id": "8", "name": None, "at": None},
    ]


@pytest.mark.parametrize(
    ("ddl", "text", "value"),
    [
        ("v bigint", " 007 ", 7),
        ("v bigint", "-9223372036854775808", -9223372036854775808),
        ("v bigint", "1.5", "1.5"),
        ("v bigint", "abc", "abc"),
        ("v double", "0.10", 0.1),
        ("v double", "+.5", 0.5),
        ("v double", "-1e3", -1000.0),
        ("v double", "+1e400", "+1e400"),
        ("v double", "NaN", "NaN"),
        ("v boolean", "TRUE", True),
        ("v boolean", "false", False),
        ("v boolean", "t", "t"),
        ("v decimal(10,2)", " 1.50", "1.50"),
        ("v timestamp", " 2013-01-01T00:00:00Z ", "2013-01-01T00:00:00Z"),
        ("v string", " a ", " a "),
        ("v array<string>", '"[""a""]"', ["a"]),
        ("v struct<a:bigint>", '"{""a"": 1}"', {"a": 1}),
        ("v struct<a:bigint>", "none", "none"),
    ],
)
def test_declared_values_are_read_by_their_type(ddl: str, text: str, value: Any) -> None:
    """What a text does not spell stays text, which will not fit its column and is rescued."""
    assert rows(f"v\n{text}\n", ddl) == [{"v": value}]


@pytest.mark.parametrize("bad", ["1", "1,2,3", '1,"a"b', '"a\nb"c,2'])
def test_a_bad_row_stays_among_the_others_as_text(bad: str) -> None:
    """As it stands, over as many lines as it has."""
    assert rows(f"a,b\n0,0\n{bad}\n3,3\n") == [{"a": "0", "b": "0"}, bad, {"a": "3", "b": "3"}]


def test_a_field_may_be_large() -> None:
    """There is no limit but those of the page."""
    assert rows("a\n" + "x" * 300_000 + "\n")[0]["a"] == "x" * 300_000


@pytest.mark.parametrize(
    ("body", "config", "found"),
    [
        ("a;b\n1;'x;y'\n", {"delimiter": ";", "quote": "'"}, [{"a": "1", "b": "x;y"}]),
        ("1,2\n", {"header": False, "columns": ("a", "b")}, [{"a": "1", "b": "2"}]),
        ("x,x\n1,2\n", {"columns": ("a", "b")}, [{"a": "1", "b": "2"}]),
        ("a,b\n\\N,\n", {"null_values": ("\\N",)}, [{"a": None, "b": ""}]),
        ("a\nä\n".encode("latin-1"), {"encoding": "latin-1"}, [{"a": "ä"}]),
        ("a\nä\n".encode("utf-16"), {"encoding": "utf-16"}, [{"a": "ä"}]),
        (b"\xef\xbb\xbfa\n1\n", {}, [{"a": "1"}]),
        ("a,b\n", {}, []),
    ],
)
def test_it_is_read_as_configured(body: bytes | str, config: dict[str, Any], found: list[Any]) -> None:
    """A byte order mark is no part of the first name; a header alone is a page without records."""
    assert rows(body, **config) == found


@pytest.mark.parametrize(
    ("body", "config", "says"),
    [
        (b"", {}, "no header"),
        (b'"a', {}, "no header"),
        (b"<html>", {}, "HTML or XML"),
        (b'{"error": "no"}', {}, "looks like JSON"),
        (b"a,a\n1,2\n", {}, "the column 'a' twice"),
        (b"a,b\n1,2\n", {"columns": ("a",)}, "names 1 columns, the header has 2"),
        (b'a,b\n1,"2\n', {}, "no end; .* cut off"),
        (b"a,b\n1,2\n3", {}, "fewer fields .* cut off"),
        (b"a\n\xff\n", {}, "not utf-8"),
    ],
)
def test_what_is_no_page_is_an_error_that_names_it(body: bytes, config: dict[str, Any], says: str) -> None:
    """Such a body is asked for again, and never taken for an empty page."""
    with pytest.raises(PageError, match=f"page 7: .*{says}"):
        rows(body, **config)


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=5), min_size=2, max_size=2)))
def test_what_was_written_is_read(values: list[list[str]]) -> None:
    """Whatever stands in the fields."""
    written = io.StringIO()
    csv.writer(written).writerows([["a", "b"], *values])
    assert rows(written.getvalue(), null_values=()) == [{"a": a, "b": b} for a, b in values]
