"""A body is taken apart, or refused with a sentence that says what was found."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion.errors import PageError
from medallion.source.decode import Decoded, PageDecoder

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def decode(body: bytes, records: str = "data", *paths: str) -> Decoded:
    """The body of page 7."""
    return PageDecoder(records, paths).decode(body, page="page 7")


def test_records_stay_as_the_source_wrote_them() -> None:
    """Numbers keep their spelling, keys their order; values of other paths are decoded."""
    body = b'{"data": [ {"n":1.10, "a":1e5} ,{"b":[ 1 ]}], "meta": {"next":"x","total":12}}'
    found = decode(body, "data", "meta.next", "meta.total")
    assert list(found.records) == [b'{"n":1.10, "a":1e5}', b'{"b":[ 1 ]}']
    assert found.found == {"meta.next": "x", "meta.total": 12}


@pytest.mark.parametrize("path", ["", "data", "a.b.c", "data.items"])
def test_records_path_may_be_empty_or_dotted(path: str) -> None:
    """The empty path is the body itself."""
    body: Any = [{"id": 1}]
    for name in reversed(path.split(".") if path else []):
        body = {name: body, "other": None}
    assert list(decode(json.dumps(body).encode(), path).records) == [b'{"id": 1}']


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"data":[]}', {}),
        (b'{"data":[],"meta":null}', {}),
        (b'{"data":[],"meta":[]}', {}),
        (b'{"data":[],"meta":"x"}', {}),
        (b'{"data":[],"meta":{"next":null}}', {"meta.next": None}),
        (b'{"data":[],"meta":{"next":{"a":[1]}}}', {"meta.next": {"a": [1]}}),
        (b'\xef\xbb\xbf {"data":[],"meta":{"next":1}} ', {"meta.next": 1}),
    ],
)
def test_missing_values_are_no_error(body: bytes, found: dict[str, Any]) -> None:
    """Only the records must be there; what else is missing is missing."""
    assert decode(body, "data", "meta.next").found == found


def test_paths_inside_one_another_are_found() -> None:
    """A path may lead through another one, or to the records' own parent."""
    body = b'{"page":{"data":[{"a":1}],"next":{"url":"u"}}}'
    found = decode(body, "page.data", "page.next", "page.next.url")
    assert (list(found.records), found.found) == ([b'{"a":1}'], {"page.next": {"url": "u"}, "page.next.url": "u"})


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"<!DOCTYPE html><html></html>", "HTML"),
        (b'{"data":[{"a":1},{"a"', "not whole JSON"),
        (b'{"data":[{"a":1}]} trailing', "not whole JSON"),
        (b'{"error":"no","code":5}', "has code, error"),
        (b'{"data":null}', "found null"),
        (b'{"data":{"a":1}}', "found an object"),
        (b'{"data":"x"}', "found a string"),
        (b"[]", "the body is a list"),
        (b'"x"', "the body is a string"),
        (b"null", "the body is null"),
        (b'{"data":[{"a":1},2]}', "found a number"),
        (b'{"data":[null]}', "found null"),
        (b'{"data":[{"a":"\xff"}]}', "not UTF-8"),
        (b'{"data":' + b"[" * 100_000, "not whole JSON"),
    ],
)
def test_what_is_no_page_is_an_error_that_names_it(body: bytes, says: str) -> None:
    """HTML, cut-off JSON and wrong envelopes are errors, never an empty success."""
    with pytest.raises(PageError, match=says) as caught:
        decode(body)
    assert caught.value.sentence.startswith("page 7: ")


@pytest.mark.parametrize("body", [b'{"data":[]}', b'{"data":null}', b"{}"])
def test_the_body_is_not_guessed_to_be_an_envelope(body: bytes) -> None:
    """Without a records path the body must be the list itself."""
    with pytest.raises(PageError, match="must be the list of records, found an object"):
        decode(body, "")


def test_records_stand_on_one_line_each() -> None:
    """Line breaks of pretty-printed JSON become blanks; those inside strings are escaped anyway."""
    body = json.dumps({"data": [{"a": "x\ny", "b": 1}]}, indent=1).replace("\n", "\r\n").encode()
    [record] = decode(body).records
    assert b"\n" not in record
    assert b"\r" not in record
    assert json.loads(record) == {"a": "x\ny", "b": 1}


@given(
    records=st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=3), max_size=4),
    cursor=JSON,
    indent=st.sampled_from([None, 1]),
    ascii_only=st.booleans(),
)
def test_what_was_written_is_read(records: list[dict[str, Any]], cursor: Any, indent: int | None, ascii_only: bool) -> None:
    """Any records and any cursor come back as they were, whatever the spelling, by both ways of decoding."""
    text = json.dumps({"x": {"data": records, "next": cursor}}, indent=indent, ensure_ascii=ascii_only)
    body = text.encode("utf-8", "surrogatepass")
    for paths in (("x.next",), ("x.next", "x")):
        try:
            decoded = decode(body, "x.data", *paths)
        except PageError:  # lone surrogates are not text
            assert any(0xD800 <= ord(char) < 0xE000 for char in json.dumps([records, cursor], ensure_ascii=False))
            return
        assert [json.loads(record) for record in decoded.records] == records
        assert decoded.found["x.next"] == cursor
