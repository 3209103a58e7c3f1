"""Fields of any shape land as the text of their JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bronze_fakes import Lake, Rows, row, source
from hypothesis import given
from hypothesis import strategies as st

from medallion.bronze.wild import with_text

WILD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("record", "landed"),
    [
        (b'{"p": {"a": 1.10}, "b":{"p":1}}', b'{"p": "{\\"a\\": 1.10}", "b":{"p":1}}'),
        (b'{ "id":1 ,"p" : [ 1 ] }', b'{ "id":1 ,"p" : "[ 1 ]" }'),
        (b'{"p":null}', b'{"p":null}'),
        (b'{"p":"x"}', b'{"p":"\\"x\\""}'),
        (b'{"\\u0070":5}', b'{"\\u0070":"5"}'),
        (b'{"p":1,"p":2}', b'{"p":"1","p":"2"}'),
        (b"{}", b"{}"),
        (b'"a line that is none"', b'"a line that is none"'),
        (b'{"p":', b'{"p":'),
        ('{"p":{"ä":"ö"}}'.encode(), '{"p":"{\\"ä\\":\\"ö\\"}"}'.encode()),
    ],
)
def test_only_the_field_changes(record: bytes, landed: bytes) -> None:
    """Its text is what stood there, digits and blanks included; what cannot be taken apart is left alone."""
    assert with_text(record, frozenset({"p"})) == landed


@given(st.dictionaries(st.sampled_from("pqr"), WILD), st.sampled_from([None, 1]))
def test_the_text_means_what_the_field_meant(record: dict[str, Any], indent: int | None) -> None:
    """However it was written."""
    found = json.loads(with_text(json.dumps(record, indent=indent).encode(), frozenset({"p"})))
    assert {name: value for name, value in found.items() if name != "p"} == {name: value for name, value in record.items() if name != "p"}
    if record.get("p") is not None:
        found = json.loads(found["p"])
        assert found == record["p"]


def test_wild_fields_make_one_column_of_text(tmp_path: Path) -> None:
    """Nothing is rescued and the schema never changes, although each record has another shape."""
    lake = Lake.in_memory(tmp_path)
    shapes: list[Any] = [{"a": 1}, [1, "x"], 5, "text", None, {"a": {"b": []}}]
    rows = [row(number, p=shape) for number, shape in enumerate(shapes)]
    lake.extract(Rows(rows), source(as_json=["p"]))
    assert [None if one["p"] is None else json.loads(one["p"]) for one in lake.landed()] == shapes
    assert all(one["_rescued"] is None for one in lake.landed())
