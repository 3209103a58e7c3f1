"""The part of SQL that says which records of a parent count."""

from __future__ import annotations

from decimal import Decimal

import pytest

from medallion.config.condition import Alike, Compared, Condition, Denied, Joined, Listed, Missing, columns, parse_condition


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("faa = 'JFK'", Compared(column="faa", sign="=", value="JFK")),
        ("5 < id", Compared(column="id", sign=">", value=5)),
        ("id != -1.5", Compared(column="id", sign="!=", value=Decimal("-1.5"))),
        ("open = true", Compared(column="open", sign="=", value=True)),
        ('`my id` <> "it\'s"', Compared(column="my id", sign="!=", value="it's")),
        ("faa IN ('JFK', 'LGA')", Listed(column="faa", values=("JFK", "LGA"))),
        ("faa NOT IN ('JFK')", Denied(part=Listed(column="faa", values=("JFK",)))),
        ("name LIKE 'A%'", Alike(column="name", pattern="A%")),
        ("name NOT LIKE 'A%'", Denied(part=Alike(column="name", pattern="A%"))),
        ("faa IS NULL", Missing(column="faa")),
        ("faa IS NOT NULL", Denied(part=Missing(column="faa"))),
        (
            "id BETWEEN 1 AND 2",
            Joined(how="and", parts=(Compared(column="id", sign=">=", value=1), Compared(column="id", sign="<=", value=2))),
        ),
        (
            "a = 1 OR NOT (b = 2 AND c = 3)",
            Joined(
                how="or",
                parts=(
                    Compared(column="a", sign="=", value=1),
                    Denied(
                        part=Joined(how="and", parts=(Compared(column="b", sign="=", value=2), Compared(column="c", sign="=", value=3)))
                    ),
                ),
            ),
        ),
    ],
)
def test_what_is_evaluated(text: str, means: Condition) -> None:
    """Columns beside literals, put together."""
    assert parse_condition(text) == means


@pytest.mark.parametrize(
    "text",
    [
        "",
        "faa =",
        "faa",
        "1 = 1",
        "a = b",
        "a = null",
        "a IN (1, null)",
        "a IN (SELECT 1)",
        "EXISTS (SELECT 1)",
        "SELECT 1",
        "a = 1; DROP TABLE t",
        "lower(a) = 'x'",
        "a + 1 = 2",
        "a.b = 1",
        "a <=> 1",
        "a IS TRUE",
        "a RLIKE 'x'",
        "a ILIKE 'x'",
        "a LIKE 'x' ESCAPE '/'",
        r"a LIKE 'x\\_'",
        "a = DATE '2013-01-01'",
        "CASE WHEN a = 1 THEN true END",
    ],
)
def test_what_is_not_is_refused_with_a_sentence(text: str) -> None:
    """Nothing is guessed, and nothing is left out."""
    with pytest.raises(ValueError, match=r"is not evaluated here: a column|is no SQL condition"):
        parse_condition(text)


def test_a_condition_names_its_columns() -> None:
    """However deep they stand."""
    assert list(columns(parse_condition("a = 1 OR NOT (b IS NULL AND c LIKE 'x') AND a IN (2)"))) == ["a", "b", "c", "a"]
