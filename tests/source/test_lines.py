"""JSON lines are taken apart: a bad line stays as text, a bad body is an error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion.errors import PageError
from medallion.source.lines import LineDecoder


def records(body: bytes) -> list[bytes]:
    """The records of page 7."""
    return list(LineDecoder().decode(body, page="page 7").records)


@pytest.mark.parametrize(
    "body",
    [b'{"a":1}\n{"a": 1.10}\n', b'{"a":1}\r\n\r\n {"a": 1.10}', b'\xef\xbb\xbf{"a":1}\n{"a": 1.10}\n\n', b'\n{"a":1}\n{"a": 1.10}'],
)
def test_each_line_is_a_record(body: bytes) -> None:
    """As the source wrote it; empty lines are none, and the last one needs no line break."""
    assert records(body) == [b'{"a":1}', b'{"a": 1.10}']


@pytest.mark.parametrize("body", [b"", b"\n", b" \r\n"])
def test_no_lines_are_no_records(body: bytes) -> None:
    """An empty result has nothing to be recognised by."""
    assert records(body) == []


@pytest.mark.parametrize("bad", ['{"a":', "[1]", "5", "no JSON", '{"a":1}{"a":2}', '{"a":1,}', '"text"', "null", "[" * 100_000])
def test_a_bad_line_stays_among_the_others_as_text(bad: str) -> None:
    """It becomes a JSON string, which no object can be taken for; the lines around it are records."""
    found = records(f'{{"a":1}}\n{bad}\n{{"a":2}}\n'.encode())
    assert [json.loads(record) for record in found] == [{"a": 1}, bad, {"a": 2}]


def test_lines_that_make_up_for_one_another_are_bad_all_the_same() -> None:
    """Two objects on one line and one object on two lines are as many objects as lines."""
    assert [json.loads(record) for record in records(b'{"a":1}{"a":2}\n{"a":\n3}\n{"a":4}\n')] == [
        '{"a":1}{"a":2}',
        '{"a":',
        "3}",
        {"a": 4},
    ]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"<!DOCTYPE html>", "HTML or XML"),
        (b'{"a":1}\n{"a":', "cut off"),
        (b'[\n{"a":1},\n{"a":2}\n]\n', "looks like a JSON list"),
        (b"1\n2\n3\n", "none of 3 lines is a JSON object; check records_format"),
        (b'"a"\n', "none of 1 lines"),
        (b'{"a":"\xff"}\n', "not UTF-8"),
    ],
)
def test_what_is_no_page_is_an_error_that_names_it(body: bytes, says: str) -> None:
    """Such a body is asked for again, and never taken for an empty page."""
    with pytest.raises(PageError, match=f"page 7: .*{says}"):
        records(body)


@given(
    st.lists(st.dictionaries(st.text(max_size=4), st.none() | st.integers() | st.text(max_size=4) | st.lists(st.booleans(), max_size=2)))
)
def test_what_was_written_is_read(rows: list[dict[str, Any]]) -> None:
    """Whatever the keys and values; line breaks inside strings are escaped."""
    assert [json.loads(record) for record in records("".join(f"{json.dumps(row)}\n" for row in rows).encode())] == rows
