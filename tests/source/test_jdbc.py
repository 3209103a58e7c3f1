"""A database as a source, with a real PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from medallion.bronze.extract import ExtractResult
from medallion.bronze.frames import extract_frames
from medallion.bronze.log import LogReader
from medallion.bronze.opening import ExtractOptions
from medallion.bronze.state import TableState, open_state
from medallion.config.platform import Bronze
from medallion.config.secret import Secrets
from medallion.config.source import Source
from medallion.errors import AuthError, MedallionError, SourceError, SourceUnavailable
from medallion.events import Event, Noticed
from medallion.layout import BronzeLayout
from medallion.source.frames import open_frames
from medallion.source.incremental import first_lanes
from medallion.stop import StopFlag
from medallion.storage.local import LocalFileSystem
from medallion.storage.location import Location
from medallion.testing.clock import FakeClock
from medallion.testing.postgres import PASSWORD, USER, Postgres, postgres

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

LAYOUT = BronzeLayout(system="shop", table="t")


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """One server for this file."""
    with postgres() as running:
        yield running


class Shop:
    """A lake, a session and a server."""

    def __init__(self, spark: SparkSession, server: Postgres, folder: Path) -> None:
        self.spark, self.server, self.folder = spark, server, folder
        self.fs = LocalFileSystem(Location.parse(str(folder)))
        self.clock, self.events = FakeClock(), list[Event]()

    def source(self, load_pattern: str = "full", **db: Any) -> Source:
        """A source of this server, as a configuration has it."""
        given = {"url": self.server.url, "user": USER, "password": "secret:env:PW"} | db
        declared = {"schema": given.pop("schema")} if "schema" in given else {}
        return Source.model_validate(
            {"name": "s", "system": "shop", "table": "t", "load_pattern": load_pattern, "type": "db", "db": given} | declared
        )

    def extract(self, source: Source, *, password: str = PASSWORD, **options: Any) -> ExtractResult:
        """What the source has is landed."""
        frames = open_frames(source, resolver=Secrets(environ={"PW": password}), listener=self.events.append)
        return extract_frames(
            source,
            frames,
            self.fs,
            self.spark,
            bronze=Bronze(),
            options=ExtractOptions(**options),
            clock=self.clock,
            listener=self.events.append,
            stop=StopFlag(),
        )

    def fails(self, source: Source, **more: Any) -> MedallionError:
        """The error that an extraction ends with."""
        with pytest.raises(MedallionError) as failed:
            self.extract(source, **more)
        return failed.value

    def rows(self, done: ExtractResult) -> list[dict[str, Any]]:
        """The rows of a run, one file after the other."""
        folder = next(self.folder.glob(f"**/run={done.run_id}"))
        return [row for file in sorted(folder.glob("*/*.parquet")) for row in pq.ParquetFile(file).read().to_pylist()]

    def files(self, done: ExtractResult) -> int:
        """How many files a run has."""
        return len(list(next(self.folder.glob(f"**/run={done.run_id}")).glob("*/*.parquet")))

    @property
    def state(self) -> TableState:
        """The table as its log has it."""
        return open_state(LogReader(self.fs, LAYOUT))


@pytest.fixture
def shop(spark: SparkSession, server: Postgres, tmp_path: Path) -> Shop:
    """An empty lake beside a server without tables."""
    server.sql("SET client_min_messages = warning; DROP SCHEMA public CASCADE; CREATE SCHEMA public;")
    return Shop(spark, server, tmp_path)


COLUMNS = [
    ("small", "smallint", "-3", "bigint", -3),
    ("whole", "bigint", "9223372036854775807", "bigint", 2**63 - 1),
    ("exact", "numeric(12,2)", "'1.50'", "decimal(12,2)", Decimal("1.50")),
    ("wide", "numeric", "'12345678901234567890.123456789012345678901'", "string", "12345678901234567890.123456789012345678901"),
    ("same38", "numeric(38,18)", "'1.5'", "decimal(38,18)", Decimal("1.500000000000000000")),
    ("real8", "double precision", "0.1", "double", 0.1),
    ("yes", "boolean", "true", "boolean", True),
    ("doc", "json", """'{"b": 1, "a": [1, 2]}'""", "string", '{"b": 1, "a": [1, 2]}'),
    ("docb", "jsonb", """'{"b":1}'""", "string", '{"b": 1}'),
    ("who", "uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "string", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("moment", "timestamptz", "'2020-01-01 12:00:00.123456+05'", "timestamp", datetime(2020, 1, 1, 7, 0, 0, 123456, timezone.utc)),
    ("wall", "timestamp", "'2020-07-01 12:00:00.5'", "timestamp", datetime(2020, 7, 1, 12, 0, 0, 500000, timezone.utc)),
    ("day", "date", "'0001-01-01'", "date", date(1, 1, 1)),
    ("clock", "time", "'12:34:56.5'", "string", "12:34:56.5"),
    ("raw", "bytea", r"'\x00ff'", "binary", b"\x00\xff"),
    ("ints", "int[]", "'{1,2,NULL}'", "array<bigint>", [1, 2, None]),
    ("texts", "text[]", """'{a,"b c"}'""", "array<string>", ["a", "b c"]),
    ("wides", "numeric[]", "'{1.1234567890123456789012}'", "array<string>", ["1.1234567890123456789012"]),
    ("mood", "mood", "'glad'", "string", "glad"),
    ("span", "interval", "'1 day 2 hours'", "string", "1 day 02:00:00"),
    ("Odd \"Näme", "text", "'x'", "string", "x"),
]  # fmt: skip


def test_types_land_exactly(shop: Shop) -> None:
    """Numbers of any length, instants, documents, bytes and lists: as the database has them, or as its own text."""
    quoted = [name.replace('"', '""') for name, *_ in COLUMNS]
    columns = ", ".join(f'"{name}" {kind}' for name, (_, kind, *_) in zip(quoted, COLUMNS, strict=True))
    shop.server.sql(
        f"CREATE TYPE mood AS ENUM ('glad'); CREATE TABLE \"My Types\" (id int PRIMARY KEY, {columns}); "
        f'INSERT INTO "My Types" VALUES (1, {", ".join(value for _, _, value, *_ in COLUMNS)}); INSERT INTO "My Types" (id) VALUES (2);'
    )
    done = shop.extract(shop.source(table="public.My Types"))
    names = list(shop.state.columns)
    assert {name: str(kind) for name, kind in shop.state.columns.items()} == {
        "id": "bigint",
        **{names[1 + place]: kind for place, (_, _, _, kind, _) in enumerate(COLUMNS)},
    }
    assert names[: len(COLUMNS)] == ["id", *(name for name, *_ in COLUMNS[:-1])]
    full, empty = sorted(shop.rows(done), key=lambda row: row["id"])
    assert {name: full[name] for name in names[1:]} == {names[1 + place]: value for place, (*_, value) in enumerate(COLUMNS)}
    assert {value for name, value in empty.items() if name not in ("id", "_row")} == {None}


def test_a_table_is_read_in_ranges_of_its_primary_key(shop: Shop) -> None:
    """Column and bounds are found; given ones, and predicates, are taken; without a fitting key it is one query, and that is said."""
    shop.server.sql(
        "CREATE TABLE t AS SELECT g AS id, 'v' || g AS v, timestamptz '2020-01-01' + g * interval '1 minute' AS at FROM "
        "generate_series(1, 1000) g; ALTER TABLE t ADD PRIMARY KEY (id); CREATE TABLE keyless AS SELECT * FROM t;"
    )
    whole = {(number, f"v{number}") for number in range(1, 1001)}
    for db, files in (
        ({"table": "t", "partition": {"num_partitions": 4}}, 4),
        ({"table": "t", "partition": {"num_partitions": 3, "column": "at"}}, 3),
        ({"table": "t", "partition": {"num_partitions": 2, "column": "id", "lower": 400, "upper": 600}}, 2),
        ({"query": "SELECT * FROM t", "predicates": ["id % 2 = 0", "id % 2 = 1 OR false"]}, 2),
        ({"table": "keyless", "partition": {}}, 1),
    ):
        done = shop.extract(shop.source(**db), run_date=None)
        if done.same_as is None:
            assert {(row["id"], row["v"]) for row in shop.rows(done)} == whole
            assert (done.rows, shop.files(done)) == (1000, files)
        else:
            assert done.rows == 1000
    assert [event.sentence[:52] for event in shop.events if isinstance(event, Noticed)] == [
        "table keyless is read by one query, since it has no p"[:52]
    ]


def test_only_what_is_new_is_read_up_to_an_end_that_was_taken_before(shop: Shop) -> None:
    """The highest value becomes the run's end; what comes later belongs to the next run; a backfill moves no watermark."""
    for column in ("timestamptz", "timestamp"):
        shop.server.sql(
            f"DROP TABLE IF EXISTS t; CREATE TABLE t (id int, at {column}); SET timezone = 'UTC'; "
            "INSERT INTO t VALUES (0, '2019-12-31'), (1, '2020-01-01'), (2, '2020-01-02 00:00:00.123456'), (9, NULL);"
        )
        lake = Shop(shop.spark, shop.server, shop.folder / column)
        db = {"table": "t", "incremental": {"cursor_field": "at", "initial_value": "2020-01-01", "lookback": "1s"}}
        first = lake.extract(lake.source("cdc", **db))
        assert sorted(row["id"] for row in lake.rows(first)) == [1, 2]
        assert lake.state.watermark == "2020-01-02T00:00:00.123456Z"
        assert lake.state.last_completed is not None
        assert lake.state.last_completed.end == "2020-01-02T00:00:00.123457Z"
        shop.server.sql("SET timezone = 'UTC'; INSERT INTO t VALUES (3, '2020-01-02 00:00:00.2'), (4, '2020-01-01 12:00:00');")
        second = lake.extract(lake.source("cdc", **db))
        assert sorted(row["id"] for row in lake.rows(second)) == [2, 3]
        back = lake.extract(lake.source("cdc", **db), from_=datetime(2019, 1, 1), to=datetime(2020, 1, 2))  # noqa: DTZ001  UTC
        assert sorted(row["id"] for row in lake.rows(back)) == [0, 1, 4]
        assert lake.state.watermark == "2020-01-02T00:00:00.2Z".replace(".2Z", ".200000Z")


@pytest.mark.parametrize(("column", "step"), [("bigint", "1"), ("numeric(12,2)", "0.01")])
def test_a_column_of_numbers_is_followed_as_one_of_instants_is(shop: Shop, column: str, step: str) -> None:
    """Up to right behind the highest value that was there before; in windows; nothing while there is no row, or no new one."""
    shop.server.sql(f"CREATE TABLE t (n {column}, v text)")
    counted = shop.source("cdc", table="t", incremental={"cursor_field": "n", "initial_value": 10, "window": 40})
    nothing = shop.extract(counted)
    assert (nothing.rows, shop.state.watermark) == (0, None)
    shop.server.sql("INSERT INTO t SELECT g, 'v' || g FROM generate_series(1, 100) g; INSERT INTO t VALUES (NULL, 'nowhere');")
    first = shop.extract(counted)
    assert sorted(int(row["n"]) for row in shop.rows(first)) == list(range(10, 101))
    assert shop.state.last_completed is not None
    assert (shop.state.watermark, shop.state.last_completed.end) == ("100", str(100 + Decimal(step)))
    assert shop.files(first) == 3
    shop.server.sql("INSERT INTO t VALUES (101, 'new'), (50, 'late')")
    second = shop.extract(counted)
    assert sorted(int(row["n"]) for row in shop.rows(second)) == [100, 101]
    back = shop.extract(counted, from_=Decimal(50), to=Decimal(51))
    assert sorted(row["v"] for row in shop.rows(back)) == ["late", "v50"]
    assert shop.state.watermark == "101"


def test_what_goes_wrong_is_one_sentence(shop: Shop) -> None:
    """Password, host, table, column: a typed error that names it, without the password."""
    shop.server.sql(
        'CREATE TABLE t (id int, at timestamptz, name text, half double precision, any_ numeric); ALTER TABLE t RENAME any_ TO "any"; '
        "INSERT INTO t VALUES (1, now(), 'x');"
    )
    since, counting = {"initial_value": "2020-01-01"}, {"initial_value": 0}
    cases = [
        (shop.fails(shop.source(table="t"), password="wrong-one"), AuthError, "db.password"),
        (shop.fails(shop.source(table="t", url="jdbc:postgresql://127.0.0.1:1/postgres")), SourceUnavailable, "cannot be reached"),
        (shop.fails(shop.source(table="t", url="jdbc:postgresql://no-host.invalid/postgres")), SourceUnavailable, "no-host.invalid"),
        (shop.fails(shop.source(table="orders")), SourceError, "table orders"),
        (shop.fails(shop.source(query="SELECT nope FROM t")), SourceError, "nope"),
        (shop.fails(shop.source(query="SELECT 1 / (id - 1) AS x FROM t")), SourceError, "division by zero"),
        (shop.fails(shop.source("cdc", table="t", incremental=since | {"cursor_field": "att"})), SourceError, "did you mean at?"),
        (shop.fails(shop.source("cdc", table="t", incremental=since | {"cursor_field": "name"})), SourceError, "must be a date"),
        (shop.fails(shop.source("cdc", table="t", incremental=since | {"cursor_field": "id"})), SourceError, "must be a date"),
        (shop.fails(shop.source("cdc", table="t", incremental=counting | {"cursor_field": "at"})), SourceError, "a whole number"),
        (shop.fails(shop.source("cdc", table="t", incremental=counting | {"cursor_field": "half"})), SourceError, "half is double"),
        (shop.fails(shop.source("cdc", table="t", incremental=counting | {"cursor_field": "any"})), SourceError, "without a scale"),
        (shop.fails(shop.source(table="t", partition={"column": "name"})), SourceError, "partition.column"),
    ]
    for error, kind, says in cases:
        assert type(error) is kind, error
        assert says in error.sentence
        assert error.exit_status == 4
        assert "wrong-one" not in error.sentence
        assert "\n" not in error.sentence


def test_no_password_is_in_what_spark_tells(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither the plan of a frame nor its options, as Spark shows them, hold it."""
    shop.server.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);")
    source = shop.source(table="t", partition={})
    frames = open_frames(source, resolver=Secrets(environ={"PW": PASSWORD}), listener=shop.events.append)
    [frame] = frames.frames(shop.spark, first_lanes(None, shop.clock.now()))
    frame.rows.explain(extended=True)
    told = capsys.readouterr().out
    assert "JDBCRelation" in told
    assert PASSWORD not in told + repr(frame.rows) + repr(source) + repr(frames)
