"""CSV loses nothing: whatever lands in it is read back as it was, by Arrow and by Spark as Silver reads it."""

from __future__ import annotations

import datetime as dt
import decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medallion.bronze import csv
from medallion.bronze.arrow import arrow_type
from medallion.bronze.spool import OpenFiles
from medallion.schema import BIGINT, RESCUED, ROW, STRING, parse_ddl

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COLUMNS = parse_ddl(
    "b BOOLEAN, n BIGINT, f DOUBLE, p DECIMAL(38,10), t STRING, x BINARY, d DATE, at TIMESTAMP, "
    "s STRUCT<n:BIGINT,p:DECIMAL(20,3),t:STRING,at:TIMESTAMP,`odd name`:ARRAY<DATE>>, "
    'l ARRAY<STRUCT<f:DOUBLE,x:BINARY>>, `q"x` ARRAY<STRING>'
)
ARROW = {name: arrow_type(kind) for name, kind in COLUMNS.items()}
ODD = ("\\N", "\\\\N", "\\\\\\N", "N", "\\", "", " ", "\t", "\n", "\r", "\r\n", '"', '""', '\\"', ",", "a\nb", "\\N\n", "\ufeffé", "\x00",
       "#", "null")  # fmt: skip
TEXT = st.sampled_from(ODD) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
EXACT = decimal.Context(prec=60)


def numbers(digits: int, scale: int) -> st.SearchStrategy[decimal.Decimal]:
    """Decimals of so many digits, all of them used."""
    whole = st.integers(-(10**digits) + 1, 10**digits - 1)
    return whole.map(lambda value: decimal.Decimal(value).scaleb(-scale, EXACT))


DATES = st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31))
INSTANTS = st.datetimes(timezones=st.just(dt.timezone.utc))
FINITE = st.floats(allow_nan=False, allow_infinity=False)
ROW_OF = {
    "b": st.booleans(),
    "n": st.integers(-(2**63), 2**63 - 1),
    "f": st.floats(),
    "p": numbers(38, 10),
    "t": TEXT,
    "x": st.binary(max_size=5),
    "d": DATES,
    "at": INSTANTS,
    "s": st.fixed_dictionaries(
        {
            "n": st.none() | st.integers(-(2**63), 2**63 - 1),
            "p": st.none() | numbers(20, 3),
            "t": st.none() | TEXT,
            "at": st.none() | INSTANTS,
            "odd name": st.none() | st.lists(st.none() | DATES, max_size=2),
        }
    ),
    "l": st.lists(st.none() | st.fixed_dictionaries({"f": st.none() | st.floats(), "x": st.none() | st.binary(max_size=3)}), max_size=2),
    'q"x': st.lists(st.none() | TEXT, max_size=2),
}
ROWS = st.fixed_dictionaries({name: st.none() | values for name, values in ROW_OF.items()})


def table(rows: list[dict[str, Any]]) -> pa.Table:
    """The rows as they are spooled, with something in ``_rescued``."""
    arrays = [pa.array([row[name] for row in rows], kind) for name, kind in ARROW.items()]
    return pa.table([*arrays, pa.array([row["t"] for row in rows], pa.string())], names=[*ARROW, RESCUED])


def spooled(rows: list[dict[str, Any]], folder: Path) -> Path:
    """The CSV file that our own writer makes of rows."""
    chunk = OpenFiles(folder=folder, rows=1000, compression="zstd", formats=("csv",))
    chunk.add(table(rows))
    (done,) = chunk.close()
    return done.files[0].path


def told(found: pa.Table) -> list[str]:
    """Rows in the order of their numbers, as text: a NaN is itself, 0.0 is not -0.0."""
    return [repr(row) for row in sorted(found.to_pylist(), key=lambda row: row[ROW])]


def expected(rows: list[dict[str, Any]]) -> list[str]:
    return told(table(rows).append_column(ROW, pa.array(range(len(rows)), pa.int64())))


@given(rows=st.lists(ROWS.map(lambda row: row | {"f": None, "l": None}), min_size=1, max_size=5))
@settings(max_examples=60)
def test_arrow_reads_back_what_it_wrote(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]) -> None:
    """Each value is the same again, bytes inside lists and numbers that are none apart, which only Spark reads."""
    file = spooled(rows, tmp_path_factory.mktemp("csv"))
    columns = {**COLUMNS, RESCUED: STRING, ROW: BIGINT}
    found = csv.parsed(file.read_bytes(), columns, {name: arrow_type(kind) for name, kind in columns.items()})
    assert told(found) == expected(rows)


def test_null_and_the_text_that_stands_for_it_are_told_apart(tmp_path: Path) -> None:
    """Every field is quoted, null is a backslash and N, and that text has a backslash more."""
    row = dict.fromkeys(COLUMNS)
    data = spooled([row | {"t": "\\N"}, row | {"t": ""}, row | {"t": None, "n": 7}], tmp_path).read_bytes()
    lines = data.decode().splitlines()
    assert lines[0] == '"b","n","f","p","t","x","d","at","s","l","q""x","_rescued","_row"'
    null = '"\\N"'
    assert lines[1].split(",")[4] == '"\\\\N"'
    assert lines[2].split(",")[4] == '""'
    assert lines[3] == ",".join([null, '"7"', *[null] * 10, '"2"'])


def test_what_is_no_such_file_is_said(tmp_path: Path) -> None:
    """Another column, a text that is no number, a list that is none."""
    file = spooled([dict.fromkeys(COLUMNS)], tmp_path).read_bytes()
    kinds = {"n": BIGINT}
    arrow = {"n": pa.int64()}
    assert csv.parsed(file, kinds, arrow).to_pylist() == [{"n": None}]
    with pytest.raises(ValueError, match="other"):
        csv.parsed(file, {"other": BIGINT}, {"other": pa.int64()})
    with pytest.raises(ValueError, match="seven"):
        csv.parsed(b'"n"\n"seven"\n', kinds, arrow)
    with pytest.raises(ValueError, match="is no array<string>"):
        csv.parsed(b'"n"\n"7"\n', {"n": COLUMNS['q"x']}, {"n": ARROW['q"x']})


@pytest.mark.spark
@given(rows=st.lists(ROWS, min_size=60, max_size=60))
@settings(max_examples=3)
def test_spark_reads_back_what_either_wrote(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    """Values of every landing type, by our own writer and by Spark's, the odd texts in each file."""
    from medallion.bronze import executors

    for number, text in enumerate(ODD):
        rows[number] |= {"t": text, 'q"x': [text, None]}
    folder = tmp_path_factory.mktemp("csv")
    found = executors.landed(spark, [str(spooled(rows, folder))], COLUMNS, "csv")
    assert told(found.drop(executors.FILE).toArrow().cast(_schema())) == expected(rows)
    cut = executors.Cut(rows=1000, bytes=2**20, compression="zstd")
    executors.write(found.drop(ROW, executors.FILE).orderBy("n").coalesce(1), str(folder / "again"), COLUMNS, cut, "csv")
    again = executors.landed(spark, [str(folder / "again")], COLUMNS, "csv").drop(ROW, executors.FILE).toArrow()
    assert sorted(map(repr, again.cast(_schema(row=False)).to_pylist())) == sorted(map(repr, table(rows).to_pylist()))


def _schema(*, row: bool = True) -> pa.Schema:
    return pa.schema([*ARROW.items(), (RESCUED, pa.string()), *([(ROW, pa.int64())] if row else [])])
