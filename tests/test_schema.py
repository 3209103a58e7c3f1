"""Types, their spelling, and the names that columns may have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion.schema import (
    BIGINT,
    BINARY,
    BOOLEAN,
    DATE,
    DOUBLE,
    STRING,
    TIMESTAMP,
    Array,
    Decimal,
    Struct,
    Type,
    landing_name,
    parse_ddl,
    parse_type,
)

atoms = st.sampled_from(
    [BOOLEAN, BIGINT, DOUBLE, STRING, BINARY, DATE, TIMESTAMP, Decimal(precision=10, scale=2), Decimal(precision=38, scale=0)]
)
names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6)


def types() -> st.SearchStrategy[Type]:
    """Any landing type, nested a few levels."""
    return st.recursive(
        atoms,
        lambda inner: (
            inner.map(Array)
            | st.lists(st.tuples(names, inner), min_size=1, max_size=3, unique_by=lambda field: field[0].lower()).map(
                lambda fields: Struct(tuple(fields))
            )
        ),
        max_leaves=6,
    )


@given(types())
def test_a_type_reads_back_as_it_is_spelled(kind: Type) -> None:
    """Whatever the names of a struct's parts, its text means itself."""
    assert parse_type(str(kind)) == kind


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("id BIGINT, at TIMESTAMP", {"id": "bigint", "at": "timestamp"}),
        ("a tinyint, b SMALLINT, c int, d long", dict.fromkeys("abcd", "bigint")),
        ("a: float, b real", {"a": "double", "b": "double"}),
        ("a decimal, b numeric(9), c dec(5,2)", {"a": "decimal(10,0)", "b": "decimal(9,0)", "c": "decimal(5,2)"}),
        ("a varchar(10), b char(1)", {"a": "string", "b": "string"}),
        ("`a b` struct<x:int,`y,z`:array<date>> COMMENT 'one, two'", {"a b": "struct<x:bigint,`y,z`:array<date>>"}),
        ("`tick``s` string", {"tick`s": "string"}),
    ],
)
def test_declarations(text: str, kinds: dict[str, str]) -> None:
    """Spark's spellings are understood; whole numbers land as bigint, FLOAT as double."""
    assert {name: str(kind) for name, kind in parse_ddl(text).items()} == kinds


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "declares no column"),
        ("id", "is no type"),
        ("id map<string,int>", "'map' is no type"),
        ("id timestamp_ntz", "'timestamp_ntz' is no type"),
        ("id int not null", "NOT NULL is not kept"),
        ("id int, ID int", "declared twice"),
        ("a int b int", "expected 'the end', found 'b'"),
        ("a array<int", "expected '>', found 'the end'"),
        ("a decimal(39,2)", "precision must be 1 to 38"),
        ("a-b int", "is no type"),
    ],
)
def test_what_is_no_declaration_is_a_sentence(text: str, part: str) -> None:
    """The error says what stands there and what could."""
    with pytest.raises(ValueError, match=part.replace("(", r"\(")):
        parse_ddl(text)


@given(st.text(max_size=12))
def test_every_field_has_a_name_that_a_table_can_carry(name: str) -> None:
    """Nothing reserved, nothing Delta refuses, always the same, and legal already."""
    column = landing_name(name)
    assert column
    assert not set(column) & set(" ,;{}()\n\t=")
    assert not column.startswith("__")
    assert column.lower() not in ("_row", "_rescued", "_metadata")
    assert landing_name(column) == column
    assert landing_name(name) == column
    column.encode("utf-8")


@pytest.mark.parametrize(
    ("name", "taken", "column"),
    [
        ("id", (), "id"),
        ("Flight no.", (), "Flight_no._"),
        ("_row", (), "_row_6a0a75"),
        ("id", ("id",), "id"),
        ("ID", ("id",), "ID_384397"),
        ("ID", ("id", "ID_384397"), "ID_384397"),
    ],
)
def test_the_one_rule_for_names(name: str, taken: tuple[str, ...], column: str) -> None:
    """A name that cannot stand gets its own hash, the same in every run and whatever came first."""
    found = landing_name(name, taken)
    assert found == column if name != "Flight no." else found.startswith(column)


def test_parts_of_structs_may_have_reserved_names() -> None:
    """``_row`` is reserved at the top only."""
    assert landing_name("_row", top=False) == "_row"
