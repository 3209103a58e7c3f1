"""How types of Spark land: the pure rules."""

from __future__ import annotations

import pytest

from medallion.bronze.typed import INSTANTS, fitted, landed, landing_type, shape, widened
from medallion.config.source import SchemaContract
from medallion.schema import BIGINT, DATE, DOUBLE, STRING, TIMESTAMP, Decimal, Type, parse_type

MAP = {"type": "map", "keyType": "string", "valueType": "long", "valueContainsNull": True}
PAIR = {"type": "struct", "fields": [{"name": "a", "type": "integer"}, {"name": "b c", "type": MAP}]}


@pytest.mark.parametrize(
    ("kind", "lands"),
    [
        ("short", "bigint"),
        ("float", "double"),
        ("timestamp_ntz", "timestamp"),
        ("decimal(12,2)", "decimal(12,2)"),
        ("interval day to second", "string"),
        ("time(6)", "string"),
        ("varchar(3)", "string"),
        (MAP, "string"),
        ({"type": "array", "elementType": "byte"}, "array<bigint>"),
        ({"type": "struct", "fields": [{"name": "a", "type": "date"}]}, "struct<a:date>"),
    ],
)
def test_each_type_has_a_type_that_it_lands_as(kind: object, lands: str) -> None:
    """Narrow numbers widen; what has no counterpart becomes text."""
    assert landing_type(kind) == parse_type(lands)  # type: ignore[arg-type]


def test_what_lands_as_it_is_is_not_cast() -> None:
    """An expression is only wrapped where its type changes, at any depth."""
    assert landed("long", "c0") == "c0"
    assert landed({"type": "array", "elementType": "string"}, "c0") == "c0"
    assert landed({"type": "array", "elementType": "integer"}, "c0") == "transform(c0, x -> CAST(x AS bigint))"
    assert f"to_json(c0.`b c`, {INSTANTS})" in landed(PAIR, "c0")


@pytest.mark.parametrize(
    ("seen", "column", "sql"),
    [
        (BIGINT, BIGINT, "v"),
        (BIGINT, STRING, "CAST(v AS string)"),
        (parse_type("array<bigint>"), STRING, f"to_json(v, {INSTANTS})"),
        (parse_type("binary"), STRING, "base64(v)"),
        (BIGINT, Decimal(precision=38, scale=0), "CAST(v AS decimal(38,0))"),
    ],
)
def test_wider_columns_take_every_value(seen: Type, column: Type, sql: str) -> None:
    """The expression for a value in a column that is wider than its type."""
    assert widened(seen, column, "v") == sql


def test_a_value_fits_if_it_comes_back_as_it_was() -> None:
    """A number stays a number only where nothing of it is lost; text is held to the strict spelling of its type."""
    assert fitted(DOUBLE, BIGINT, "v") == "CASE WHEN try_cast(try_cast(v AS bigint) AS double) <=> v THEN try_cast(v AS bigint) END"
    assert "RLIKE" in (fitted(STRING, DATE, "v") or "")
    assert fitted(parse_type("struct<a:bigint>"), BIGINT, "v") is None


def test_new_columns_go_by_contract() -> None:
    """evolve adds, rescue sets aside, freeze refuses."""
    fields = [("id", "long"), ("extra", "string")]
    evolve = shape(fields, {}, {"id": BIGINT}, SchemaContract())
    assert evolve.plan.columns == {"id": BIGINT, "extra": STRING}
    rescue = shape(fields, {}, {"id": BIGINT}, SchemaContract(new_columns="rescue"))
    assert rescue.plan.columns == {"id": BIGINT}
    assert "'extra', c1" in rescue.rescued
    assert shape(fields, {}, {"id": BIGINT}, SchemaContract(new_columns="freeze")).plan.frozen


@pytest.mark.parametrize("contract", ["rescue", "freeze"])
def test_a_table_without_columns_takes_those_that_come_first(contract: str) -> None:
    """The contract is about what the table does not know, not about how it begins; declared columns are a beginning."""
    fields = [("id", "long"), ("extra", "string")]
    of = SchemaContract(new_columns=contract)  # type: ignore[arg-type]
    first = shape(fields, {}, {}, of)
    assert (first.plan.columns, first.plan.frozen) == ({"id": BIGINT, "extra": STRING}, ())
    assert shape(fields, {"id": BIGINT}, {}, of).plan.columns == {"id": BIGINT}


def test_changed_types_go_by_contract() -> None:
    """A type that the column does not hold widens it, is refused, or only the values that fit stay."""
    fields, current = [("id", "double")], {"id": BIGINT}
    assert shape(fields, {}, current, SchemaContract(type_changes="evolve")).plan.columns == {"id": STRING}
    assert shape(fields, {}, current, SchemaContract(type_changes="freeze")).plan.frozen
    kept = shape(fields, {}, current, SchemaContract())
    assert kept.plan.columns == current
    assert "'id'" in kept.rescued


def test_text_for_a_declared_column_is_parsed_whatever_the_contract() -> None:
    """Files have only text: a declared type says how it is read, and is not a change of type."""
    declared = {"at": TIMESTAMP}
    for contract in (SchemaContract(type_changes="freeze"), SchemaContract(type_changes="evolve")):
        shaped = shape([("at", "string")], declared, {}, contract)
        assert (shaped.plan.columns, shaped.parsed, shaped.plan.frozen) == (declared, ("at",), ())


def test_names_that_a_table_cannot_carry_are_renamed_and_two_of_one_name_do_not_both_land() -> None:
    """Reserved names get another; of two columns that differ only in case the second gets another name too."""
    shaped = shape([("_row", "long"), ("a", "long"), ("A", "long")], {}, {}, SchemaContract())
    names = list(shaped.plan.columns)
    assert "_row" not in names
    assert names[1] == "a"
    assert names[2].startswith("A_")


def test_a_column_of_nulls_does_not_come_to_exist() -> None:
    """As with JSON: a column has a type once a value has come."""
    assert shape([("id", "long"), ("nothing", "void")], {}, {}, SchemaContract()).plan.columns == {"id": BIGINT}
