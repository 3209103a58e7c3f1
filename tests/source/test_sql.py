"""The SQL that a database is asked with, held against a real PostgreSQL server; and what becomes of what Spark says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from medallion.config.db import Db
from medallion.errors import AuthError, MedallionError, SourceError, SourceUnavailable
from medallion.events import nobody
from medallion.source.jdbc import Column, JdbcFrames
from medallion.source.protocol import Window
from medallion.source.sql import bounds, highest, literal, primary_key, range_of, relation, selected, table_name
from medallion.testing.postgres import Postgres, postgres

DAY = datetime(2020, 1, 1, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A server with one table of moments, with and without a zone."""
    with postgres() as running:
        running.sql(
            'CREATE TABLE "Odd ""Table" (id int, part int, zoned timestamptz, wall timestamp, day date, n numeric, '
            "PRIMARY KEY (part, id)); "
            "INSERT INTO \"Odd \"\"Table\" VALUES (1, 7, '2020-01-01 00:00:00+00', '2020-01-01 00:00:00', '2020-01-01', -1.5), "
            "(2, 7, '2020-01-02 03:04:05.000006+00', '2020-01-02 03:04:05.000006', '2020-01-02', 1e30)"
        )
        yield running


TABLE = 'SELECT * FROM "Odd ""Table"'
ABROAD = "SET timezone = 'Asia/Tokyo'; "


@pytest.mark.parametrize(
    ("column", "kind", "most"),
    [
        ("zoned", "timestamp", "2020-01-02T03:04:05.000006Z"),
        ("wall", "timestamp_ntz", "2020-01-02T03:04:05.000006Z"),
        ("day", "date", "2020-01-02T00:00:00.000000Z"),
    ],
)
def test_the_highest_value_and_its_range_do_not_depend_on_where_the_session_is(server: Postgres, column: str, kind: str, most: str) -> None:
    """An instant is one; without a zone it is read as UTC, whatever the time zone of the connection."""
    assert server.sql(ABROAD + highest(TABLE, column, kind)) == most
    first = Window(start=DAY, end=DAY + timedelta(microseconds=1))
    second = Window(start=DAY + timedelta(microseconds=1), end=None)
    for window, found in ((first, "1"), (second, "2"), (Window(start=None, end=None), "1\n2")):
        assert server.sql(f"{ABROAD}SELECT id FROM ({TABLE}) t WHERE {range_of(column, kind, window)} ORDER BY id") == found


def test_numbers_are_bounds_as_they_are(server: Postgres) -> None:
    """The highest in digits; a range is of any number, whatever type the column has."""
    assert server.sql(highest(TABLE, "n", "decimal(38,2)")) == f"1{'0' * 30}"
    assert server.sql(highest(TABLE, "id", "integer")) == "2"
    for window, found in ((Window(start=Decimal("-1.5"), end=Decimal(2)), "1"), (Window(start=Decimal("1.5"), end=None), "2")):
        assert server.sql(f"SELECT id FROM ({TABLE}) t WHERE {range_of('n', 'decimal(38,2)', window)}") == found
    assert server.sql(f"SELECT id FROM ({TABLE}) t WHERE {range_of('id', 'integer', Window(start=Decimal('1.5'), end=None))}") == "2"


def test_what_has_no_end_is_not_made_one(server: Postgres) -> None:
    """An infinite date stays text that no run can end behind; an empty table has no highest value."""
    assert server.sql(highest("SELECT timestamptz 'infinity' AS at", "at", "timestamp")) == "infinity"
    assert server.sql(highest("SELECT timestamptz '2020-01-01' AS at WHERE false", "at", "timestamp")) == ""


def test_bounds_are_found_as_spark_reads_them(server: Postgres) -> None:
    """Whole numbers, dates, or timestamps in UTC; numbers beyond what a bound can be are cut off."""
    assert server.sql(bounds(TABLE, "id", "integer")) == "1|2"
    assert server.sql(bounds(TABLE, "n", "decimal(38,2)")) == "-2|9200000000000000000"
    assert server.sql(bounds(TABLE, "day", "date")) == "2020-01-01|2020-01-02"
    assert server.sql(ABROAD + bounds(TABLE, "zoned", "timestamp")) == "2020-01-01 00:00:00|2020-01-02 03:04:05.000006"


def test_names_are_quoted_and_keys_are_found_in_their_order(server: Postgres) -> None:
    """A name is never SQL, whatever it holds."""
    assert table_name('sales."; DROP TABLE x; --') == '"sales"."""; DROP TABLE x; --"'
    assert server.sql(primary_key('Odd "Table')) == "part\nid"
    assert server.sql(f"SELECT {literal(chr(39) + chr(92))}") == "'\\"
    assert (
        server.sql(f"{ABROAD}SELECT wall = zoned AT TIME ZONE 'UTC' FROM (SELECT {selected('wall', 'x', None)}, zoned FROM ({TABLE}) t) u")
        == "t\nt"
    )
    assert server.sql(f"SELECT id FROM ({relation(Db(query='SELECT 1 AS id -- the first'))}) AS q") == "1"


@pytest.mark.parametrize(
    ("theirs", "kind", "scale", "cast"),
    [
        ("numeric", "decimal(12,2)", 2, None),
        ("numeric", "decimal(38,18)", 0, "text"),
        ("numeric", "decimal(38,18)", 18, None),
        ("numeric", "decimal(38,0)", 10, "text"),
        ("_numeric", {"type": "array", "elementType": "decimal(38,18)"}, 0, "text[]"),
        ("time", "timestamp_ntz", 6, "text"),
        ("bit", "binary", 0, "text"),
        ("bytea", "binary", 0, None),
    ],
)
def test_what_spark_would_round_comes_as_text(theirs: str, kind: object, scale: int, cast: str | None) -> None:
    """Numbers whose digits Spark would cut off, and times of day, which it makes moments of 1970."""
    assert Column(kind=kind, told={"jdbcClientType": theirs, "scale": scale}).cast == cast  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "kind", "says"),
    [
        ('PSQLException: FATAL: password authentication failed for user "reader"', AuthError, "refuses user reader"),
        ("PSQLException: ERROR: permission denied for table orders", AuthError, "permission denied"),
        ("PSQLException: Connection to h:5432 refused. Check that", SourceUnavailable, "h:5432/shop cannot be reached"),
        ("PSQLException: FATAL: the database system is starting up", SourceUnavailable, "cannot be reached"),
        ('PSQLException: ERROR: relation "orders" does not exist\n  Position: 15', SourceError, "does not give table sales.orders"),
        ("java.lang.ClassNotFoundException: org.postgresql.Driver", MedallionError, "--packages org.postgresql:postgresql:"),
    ],
)
def test_each_failure_is_one_sentence(said: str, kind: type[MedallionError], says: str) -> None:
    """With where it was and what to look at; what is no failure of the database is not told as one."""
    db = Db(url="jdbc:postgresql://h:5432/shop?ssl=true", user="reader", table="sales.orders")
    frames = JdbcFrames(source="orders", db=db, password="hidden", listener=nobody)
    found = frames.failure(f"Job aborted: {said}\n\tat org.example")
    assert type(found) is kind
    assert says in found.sentence
    assert "\n" not in found.sentence
    assert "hidden" not in repr(frames)
    assert frames.failure("java.lang.OutOfMemoryError: Java heap space") is None
