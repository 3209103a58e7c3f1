"""Records become rows: no value is changed in silence, none is lost, and how blocks are cut makes no difference."""

from __future__ import annotations

import json
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kept import lost

from medallion.bronze.arrow import RecordReader
from medallion.bronze.value import decode, instant, text, type_of, types_of
from medallion.bronze.widen import narrowest
from medallion.config.source import SchemaContract
from medallion.errors import QualityError
from medallion.schema import Type, parse_ddl


def reader(ddl: str = "", **contract: Any) -> RecordReader:
    """A reader for declared columns."""
    columns: dict[str, Type] = parse_ddl(ddl) if ddl else {}
    return RecordReader(contract=SchemaContract(**contract), columns=columns)


def rows(of: RecordReader, *records: bytes) -> list[dict[str, Any]]:
    """The rows of records, without a ``_rescued`` that is null."""
    return [
        {key: value for key, value in row.items() if key != "_rescued" or value is not None} for row in of.read(records).table.to_pylist()
    ]


@pytest.mark.parametrize(
    ("ddl", "value", "landed"),
    [
        ("bigint", b"9223372036854775807", 9223372036854775807),
        ("bigint", b"9223372036854775808", None),
        ("bigint", b"1.5", None),
        ("bigint", b"1.0", 1),
        ("bigint", b'"1"', None),
        ("bigint", b"true", None),
        ("double", b"1", 1.0),
        ("double", b"0.1", 0.1),
        ("double", b"9007199254740993", None),
        ("double", b"9007199254740992", 9007199254740992.0),
        ("double", b"1e400", None),
        ("string", b'"2013-01-01"', "2013-01-01"),
        ("string", b"5", "5"),
        ("string", b"1.50", "1.50"),
        ("string", b'{"a": [1, null]}', '{"a":[1,null]}'),
        ("string", b'"\\ud83d\\ude00"', "\U0001f600"),
        ("string", b'"\\ud800"', None),
        ("boolean", b"true", True),
        ("boolean", b"1", None),
        ("date", b'"2013-01-31"', date(2013, 1, 31)),
        ("date", b'"2013-02-30"', None),
        ("date", b"15000", None),
        ("timestamp", b'"2013-01-01T05:00:00Z"', datetime(2013, 1, 1, 5, tzinfo=timezone.utc)),
        ("timestamp", b'"2013-01-01T05:00:00.123456+02:00"', datetime(2013, 1, 1, 3, 0, 0, 123456, tzinfo=timezone.utc)),
        ("timestamp", b'"2013-01-01T05:00:00.1234567Z"', None),
        ("timestamp", b'"2013-01-01 05:00"', datetime(2013, 1, 1, 5, tzinfo=timezone.utc)),
        ("timestamp", b"1357016400", None),
        ("decimal(5,2)", b"123.45", Decimal("123.45")),
        ("decimal(5,2)", b'"123.4"', Decimal("123.40")),
        ("decimal(5,2)", b"123.456", None),
        ("decimal(5,2)", b"1234", None),
        ("binary", b'"aGk="', b"hi"),
        ("binary", b'"?"', None),
        ("array<bigint>", b"[1, null, 3]", [1, None, 3]),
        ("array<bigint>", b"[1, 2.5]", None),
        ("array<date>", b'["2013-01-01"]', [date(2013, 1, 1)]),
        ("array<binary>", b'["aGk="]', [b"hi"]),
        ("struct<x:bigint,y:date>", b'{"y":"2013-01-01"}', {"x": None, "y": date(2013, 1, 1)}),
        ("struct<x:bigint>", b"[1]", None),
    ],
)
def test_a_value_lands_as_it_is_or_is_rescued_as_it_is(ddl: str, value: bytes, landed: Any) -> None:
    """Alone and beside a value that needs a closer look, the outcome is the same; a misfit keeps its text."""
    record = b'{"v":' + value + b"}"
    (alone,) = rows(reader(f"v {ddl}, w bigint"), record)
    beside = rows(reader(f"v {ddl}, w bigint"), record, b'{"w":"misfit"}')[0]
    assert alone == beside
    assert alone["v"] == landed
    if landed is None:
        assert text(decode(alone["_rescued"].encode())["v"]) == text(decode(record)["v"])  # type: ignore[index]
    else:
        assert "_rescued" not in alone


def test_of_a_struct_the_parts_that_fit_land() -> None:
    """A misfit inside a struct is rescued under its path; the other parts stay."""
    found = rows(reader("s struct<x:bigint,y:bigint>"), b'{"s":{"x":1,"y":"a"}}')
    assert found == [{"s": {"x": 1, "y": None}, "_rescued": '{"s":{"y":"a"}}'}]


def test_a_key_that_came_twice_with_two_values_is_rescued() -> None:
    """Neither value is more right than the other; equal ones are one."""
    found = rows(reader("id bigint"), b'{"id":1,"id":2}', b'{"id":3,"id":3}')
    assert found == [{"id": None, "_rescued": '{"id":[1,2]}'}, {"id": 3}]


@pytest.mark.parametrize("record", [b"[1]", b"5", b'{"id":1', b'{"id":01}', b"\xff", b"[" * 5000 + b"]" * 5000])
def test_what_is_no_object_is_kept_as_text(record: bytes) -> None:
    """The row is there, with all that came."""
    found = reader("id bigint").read([record, b'{"id":1}']).table.to_pylist()
    assert [row["id"] for row in found] == [None, 1]
    assert json.loads(found[0]["_rescued"])[""] == record.decode("utf-8", "backslashreplace")


def test_missing_fields_are_null() -> None:
    """A record need not have every column."""
    assert rows(reader("a bigint, b string"), b"{}", b'{"b":"x"}') == [{"a": None, "b": None}, {"a": None, "b": "x"}]


def test_types_are_inferred_without_guessing() -> None:
    """Strings stay strings, what mixes or exceeds 64 bits is string, and what holds nothing is no column yet."""
    of = reader()
    of.read(
        [
            b'{"i":1,"big":9223372036854775808,"d":1,"mix":1,"t":"2013-01-01","n":null,"l":[],"o":{},"s":{"x":1,"n":null}}',
            b'{"d":0.5,"mix":"a"}',
        ]
    )
    assert {name: str(kind) for name, kind in of.columns.items()} == {
        "i": "bigint",
        "big": "string",
        "d": "double",
        "mix": "string",
        "t": "string",
        "s": "struct<x:bigint>",
    }
    again = of.read([b'{"i":1,"n":null,"s":{"x":1,"n":null}}'])
    assert again.plan is None, "fields that hold nothing do not make the next block slow"
    of.read([b'{"n":true,"s":{"n":"x"}}'])
    assert (str(of.columns["n"]), str(of.columns["s"])) == ("boolean", "struct<x:bigint,n:string>")


def test_timestamps_are_inferred_only_on_request() -> None:
    """Whole instants become timestamps; one text among them, and they stay text."""
    of = RecordReader(contract=SchemaContract(), columns={}, timestamps=True)
    of.read([b'{"a":"2013-01-01T05:00:00Z","b":"2013-01-01T05:00:00Z","c":"2013-01-01"}', b'{"b":"soon"}'])
    assert {name: str(kind) for name, kind in of.columns.items()} == {"a": "timestamp", "b": "string", "c": "string"}


def test_large_whole_numbers_and_fractions_share_no_double() -> None:
    """A double cannot hold 2^53 + 1, a decimal can."""
    of = reader()
    assert rows(of, b'{"a":9007199254740993}', b'{"a":0.5}')[0]["a"] == Decimal("9007199254740993")
    assert str(of.columns["a"]) == "decimal(38,18)"


def test_names_that_a_table_cannot_carry_are_learned() -> None:
    """The field finds its column, also in a reader of a later process, and then at full speed."""
    of = reader()
    of.read([b'{"flight no":1,"Id":2,"id":3,"_row":4}'])
    later = RecordReader(contract=SchemaContract(), columns=of.columns)
    first = later.read([b'{"flight no":5,"Id":6,"id":7,"_row":8}'])
    assert later.columns == of.columns
    assert list(first.table.to_pylist()[0].values()) == [5, 6, 7, 8, None]
    assert later.read([b'{"flight no":5,"Id":6,"id":7,"_row":8}']).plan is None


@pytest.mark.parametrize(
    ("contract", "before", "record", "column"),
    [
        ({"type_changes": "evolve"}, "a bigint", b'{"a":1.5}', "decimal(38,18)"),
        ({"type_changes": "evolve"}, "a bigint", b'{"a":"x"}', "string"),
        ({"type_changes": "evolve"}, "a timestamp", b'{"a":"soon"}', "string"),
        ({"type_changes": "evolve"}, "a decimal(5,2)", b'{"a":1234567.5}', "decimal(38,18)"),
        ({"type_changes": "evolve"}, "a array<bigint>", b'{"a":[1.5]}', "array<decimal(38,18)>"),
        ({"type_changes": "rescue"}, "a bigint", b'{"a":1.5}', "bigint"),
        ({}, "a struct<x:bigint>", b'{"a":{"y":1}}', "struct<x:bigint,y:bigint>"),
        ({"new_columns": "rescue"}, "a struct<x:bigint>", b'{"a":{"y":1}}', "struct<x:bigint>"),
    ],
)
def test_a_schema_only_widens_and_by_contract(contract: dict[str, str], before: str, record: bytes, column: str) -> None:
    """The new type holds the old values and the new one; nothing is rescued where it evolved."""
    of = reader(before, **contract)
    found = of.read([record])
    assert str(of.columns["a"]) == column
    assert found.rescued == (1 if "rescue" in contract.values() else 0)


def test_new_fields_go_to_rescued_by_contract() -> None:
    """new_columns: rescue keeps the schema and the value."""
    assert rows(reader("a bigint", new_columns="rescue"), b'{"a":1,"b":[2]}') == [{"a": 1, "_rescued": '{"b":[2]}'}]


@pytest.mark.parametrize("contract", ["rescue", "freeze"])
def test_a_table_without_columns_takes_those_that_come_first(contract: str) -> None:
    """The contract holds from then on; records that hold nothing are no beginning."""
    of = reader(new_columns=contract)
    assert rows(of, b"{}", b'{"a":null}') == [{}, {}]
    assert rows(of, b'{"a":1,"b":null}', b'{"c":"x"}') == [{"a": 1, "c": None}, {"a": None, "c": "x"}]
    if contract == "rescue":
        assert rows(of, b'{"a":2,"b":3}') == [{"a": 2, "c": None, "_rescued": '{"b":3}'}]
    else:
        with pytest.raises(QualityError, match="field 'b'"):
            of.read([b'{"a":2,"b":3}'])


@pytest.mark.parametrize(
    ("contract", "record"),
    [
        ({"new_columns": "freeze"}, b'{"a":1,"b":2}'),
        ({"new_columns": "freeze"}, b'{"a":1,"s":{"x":1,"y":2}}'),
        ({"type_changes": "freeze"}, b'{"a":1.5}'),
        ({"missing_columns": "freeze"}, b'{"a":1}'),
    ],
)
def test_a_frozen_contract_refuses(contract: dict[str, str], record: bytes) -> None:
    """Nothing of the page lands; the error names the field."""
    with pytest.raises(QualityError, match="schema contract"):
        reader("a bigint, s struct<x:bigint>", **contract).read([record])


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.integers(-9, 9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "x", "2013-01-01", "2013-01-01T05:00:00Z", "aGk=", "1.5", "\0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "y", "_row", "a b", "X"]), inner, max_size=3),
    max_leaves=5,
)
records = st.lists(st.dictionaries(st.sampled_from(["a", "b", "A", "_row", "a b", ""]), json_values, max_size=4), min_size=1, max_size=6)
declarations = st.sampled_from(
    [
        "",
        "a bigint",
        "a double, b string",
        "a timestamp, b date",
        "a binary, b decimal(5,1)",
        "a struct<x:bigint,y:array<double>>",
        "a array<date>",
    ]
)


@given(
    pages=st.lists(records, min_size=1, max_size=3), ddl=declarations, contract=st.sampled_from(["evolve", "rescue"]), again=st.booleans()
)
@example(pages=[[{"a": 3.804179417539719e16}]], ddl="a bigint", contract="rescue", again=False)
def test_nothing_of_a_record_is_lost(pages: list[list[dict[str, Any]]], ddl: str, contract: str, again: bool) -> None:
    """Each value stands in its column as it was or in ``_rescued`` as it was, whatever came before it, in this process or another."""
    of = reader(ddl, new_columns=contract, type_changes=contract)
    for page in pages:
        lines = [json.dumps(record).encode() for record in page]
        table = of.read(lines).table.to_pylist()
        assert len(table) == len(lines)
        assert [lost(line, of.columns, row) for line, row in zip(lines, table, strict=True)] == [[]] * len(lines)
        of = RecordReader(contract=of.contract, columns=of.columns) if again else of


@given(data=records, ddl=declarations, evolve=st.booleans())
@example(data=[{"a": 2**53 + 1}, {"a": 0.5}], ddl="a double", evolve=False)
def test_reading_at_once_or_one_by_one_gives_the_same(data: list[dict[str, Any]], ddl: str, evolve: bool) -> None:
    """With the schema they lead to, records give the same rows in one block as each alone."""
    lines = [json.dumps(record).encode() for record in data]
    first = reader(ddl, type_changes="evolve" if evolve else "rescue")
    settled = first.read(lines)
    again = RecordReader(contract=first.contract, columns=first.columns)
    at_once = again.read(lines)
    assert at_once.table.equals(settled.table)
    alone = RecordReader(contract=first.contract, columns=first.columns)
    one_by_one = pa.concat_tables([alone.read([line]).table for line in lines])
    assert one_by_one.to_pylist() == settled.table.to_pylist()
    assert alone.columns == first.columns, "the schema holds all that it was made from"


@given(
    st.from_regex(r"\A\d{4}-[01]\d-[0-3]\d([T ]\d\d(:\d\d(:\d\d(\.\d{1,7})?)?)?(Z|[+-]\d\d(:?\d\d)?)?)?\Z")
    | st.datetimes().map(lambda moment: moment.isoformat() + "Z")
)
@example("0000-02-29T00:00:00Z")
@example("2013-01-01T05:00:00+23:59")
@example("2016-12-31T23:59:60Z")
def test_an_instant_is_what_arrow_takes_for_one(value: str) -> None:
    """Looked at closely a timestamp is the same as read in a block."""
    expected = None
    for zone in ("UTC", None):
        try:
            expected = pa.array([value]).cast(pa.timestamp("us", zone)).cast(pa.int64())[0].as_py()
            break
        except pa.ArrowInvalid:
            continue
    assert instant(value) == expected


@given(json_values)
def test_text_is_the_value(value: Any) -> None:
    """What is rescued reads back as what came."""
    assert json.loads(text(decode(json.dumps({"v": value}).encode()))) == {"v": value}  # type: ignore[arg-type]


ALIKE = st.one_of(
    *(st.lists(st.none() | kind) for kind in (st.booleans(), st.text(max_size=3), st.integers(-(2**65), 2**65), st.integers(-9, 10**6))),
    st.lists(st.none() | st.booleans() | st.integers() | st.text(max_size=3)),
)


@given(values=ALIKE, timestamps=st.booleans())
@example(values=[2**53 + 1, 2**54], timestamps=False)
@example(values=[True, 5], timestamps=False)
def test_some_values_tell_the_type_of_all(values: list[Any], timestamps: bool) -> None:
    """Looking at a few of many alike finds the type that looking at each finds."""
    each = narrowest(type_of(value, timestamps=timestamps) for value in values)
    assert narrowest(types_of(values, timestamps=timestamps)) == each


def test_a_line_that_is_no_record_is_rescued_as_its_text() -> None:
    """It stands among the records as a JSON string; its row has no other value, and those around it lose nothing."""
    read = rows(reader("id bigint"), b'{"id":1}', b'"1;2"', b'{"id":3}')
    assert read == [{"id": 1}, {"id": None, "_rescued": '{"":"1;2"}'}, {"id": 3}]


def test_a_frozen_contract_refuses_a_line_that_is_no_record() -> None:
    """It fits the table's types as little as a value of another type does."""
    with pytest.raises(QualityError, match="1 records are no JSON objects"):
        reader("id bigint", type_changes="freeze").read([b'{"id":1}', b'"1;2"'])
