"""The range of a batch's keys: a condition that is true of every one of them, spelled so that SQL reads the same values back."""

from __future__ import annotations

from datetime import date, datetime, timezone

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from medallion.silver.span import ANYTHING, Span, ordered, span

SCHEMA = T.StructType(
    [
        T.StructField("id", T.LongType()),
        T.StructField("name", T.StringType()),
        T.StructField("day", T.DateType()),
        T.StructField("at", T.TimestampType()),
        T.StructField("ratio", T.DoubleType()),
        T.StructField("price", T.DecimalType(10, 2)),
        T.StructField("yes", T.BooleanType()),
    ]
)


def test_only_keys_with_an_order_that_files_can_be_told_apart_by_have_a_range() -> None:
    """NaN, and decimals of another scale, would be compared otherwise than they are stored."""
    assert ordered(["ratio", "id", "price", "at", "yes", "name", "day"], SCHEMA) == ["id", "at", "name", "day"]


def test_a_range_is_spelled_by_the_names_of_the_table() -> None:
    """Each bound is a literal of the column's own type; an alias and new names are put before and in place of it."""
    found = span({"id": ("-5", "7"), "day": ("2026-01-02", "2026-01-03")}, SCHEMA)
    assert found.sql() == "`id` >= -5L AND `id` <= 7L AND `day` >= DATE'2026-01-02' AND `day` <= DATE'2026-01-03'"
    assert found.sql(alias="t", rename={"id": "a`b"}).startswith("t.`a``b` >= -5L AND t.`a``b` <= 7L AND t.`day`")
    assert ANYTHING.sql(alias="t") == "true"


@pytest.mark.parametrize(
    ("name", "least", "greatest"),
    [
        ("id", None, None),
        ("id", str(-(2**63)), "1"),
        ("name", "${env:HOME}", "z"),
        ("name", "a", "z" * 257),
        ("day", "-0044-03-15", "2026-01-01"),
        ("at", "2026-01-01 00:00:00", "+12026-01-01 00:00:00"),
    ],
)
def test_a_key_whose_bounds_cannot_be_spelled_has_none(name: str, least: str | None, greatest: str | None) -> None:
    """No rows, the least number, what Spark would replace, long texts, years that SQL does not read: all of the table is looked at."""
    assert span({name: (least, greatest)}, SCHEMA) == Span()


@pytest.mark.spark
def test_what_is_spelled_is_read_back_as_it_was(spark: SparkSession) -> None:
    """Quotes, backslashes, line ends, letters of other scripts, microseconds."""
    rows = [
        (1, 'it\'s \\n\n\t"ü" % _', date(2026, 1, 2), datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc), 0.5, None, True),
        (-(2**63) + 1, "\\'", date(1, 1, 1), datetime(1970, 1, 1, tzinfo=timezone.utc), 0.5, None, True),
        (2**63 - 1, "日本", date(9999, 12, 31), datetime(2026, 1, 2, 3, 4, 5, 600000, tzinfo=timezone.utc), 0.5, None, True),
    ]
    for row in rows:
        frame = spark.createDataFrame([row], SCHEMA)
        names = ordered(SCHEMA.names, SCHEMA)
        text = frame.select(*[F.col(name).cast("string") for name in names]).collect()[0]
        found = span({name: (text[name], text[name]) for name in names}, SCHEMA)
        assert [bound[0] for bound in found.bounds] == names
        assert found.of(frame).count() == 1
