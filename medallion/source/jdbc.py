"""A database as frames: Spark's executors read it over JDBC, in ranges side by side, up to an end that was taken before."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from medallion.config.bound import Bound, moved, parse_bound, show_bound
from medallion.config.db import Db
from medallion.config.names import closest
from medallion.errors import AuthError, MedallionError, SourceError, SourceUnavailable
from medallion.events import Listener, Noticed
from medallion.source.protocol import DONE, Frame, Lane, Window
from medallion.source.sql import MOMENTS, Kind, bounds, highest, primary_key, quoted, range_of, relation, selected
from medallion.spark import POSTGRESQL, Driver

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

CONNECT_SECONDS = 10
_WHOLE = ("byte", "short", "integer", "long")
_NUMBERS = (*_WHOLE, "float", "double")
_REFUSED = re.compile(r"password|authentication|no pg_hba\.conf entry|role \S+ does not exist|permission denied", re.IGNORECASE)
_AWAY = re.compile(
    r"Connection to \S+ refused|connection attempt failed|I/O error occurred|terminating connection|"
    r"the database system is|too many clients|connection slots|This connection has been closed",
    re.IGNORECASE,
)


def host(url: str) -> str:
    """The server and database of a JDBC URL, without its options."""
    return url.removeprefix("jdbc:").partition("?")[0]


def shown(db: Db) -> str:
    """What is read, for people."""
    what = f"table {db.table}" if db.table is not None else f"query {' '.join((db.query or '').split())}"
    if db.predicates:
        parts = f", {len(db.predicates)} predicates"
    elif db.partition is not None:
        parts = f", {db.partition.num_partitions} ranges of {db.partition.column or 'the primary key'}"
    else:
        parts = ""
    return f"{host(db.url or '')}: {what}{parts}"


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column: its type as Spark reads it, and what the driver says of it."""

    kind: Kind
    told: Mapping[str, Any]

    @property
    def ranged(self) -> bool:
        """Whether Spark can cut it into ranges."""
        known = self.kind in (*_NUMBERS, *MOMENTS) or str(self.kind).startswith("decimal(")
        return known and self.cast is None

    @property
    def step(self) -> Decimal | timedelta | None:
        """The least by which two of its values differ; None: nobody knows, so no range of them can end right behind one."""
        if self.kind in MOMENTS:
            return timedelta(microseconds=1)
        if self.kind in _WHOLE:
            return Decimal(1)
        if str(self.kind).startswith("decimal(") and self.cast is None:
            return Decimal(1).scaleb(-int(str(self.kind).rstrip(")").rpartition(",")[2]))
        return None

    @property
    def cast(self) -> str | None:
        """The type to cast it to where Spark's own would not hold its values; None: it holds them."""
        theirs = self.told.get("jdbcClientType", "")
        if theirs in ("time", "timetz") or (theirs in ("bit", "varbit") and self.kind == "binary"):
            return "text"
        if theirs not in ("numeric", "_numeric"):
            return None
        element = self.kind
        while not isinstance(element, str):
            element = element["elementType"]
        kept = int(element.rstrip(")").rpartition(",")[2])  # Spark gives numbers of any length 18 digits behind the point, and rounds
        return None if kept == self.told["scale"] else "text" if element is self.kind else "text[]"


@dataclass(frozen=True, kw_only=True)
class JdbcFrames:
    """The FrameSource of a database: a frame for each lane. *source* is its name, for sentences."""

    source: str
    db: Db
    password: str | None = field(repr=False)
    listener: Listener
    driver: Driver = POSTGRESQL

    def ceiling(self, spark: SparkSession) -> Bound | None:
        """Right behind the highest value of the cursor column. Where there is none yet: None, or the initial value if it is a number."""
        incremental = self.db.incremental
        if incremental is None:
            return None
        kinds = self._kinds(spark)
        self._cursor(kinds)
        name = incremental.cursor_field
        row = self._load(spark, highest(relation(self.db), name, kinds[name].kind)).collect()[0]
        if row[0] is None:
            return incremental.initial if incremental.by_number else None
        step = kinds[name].step
        assert step is not None, "the column was looked at"
        try:
            return moved(parse_bound(row[0]), step)
        except ValueError as error:
            raise SourceError(
                f"{self.source}: the highest {incremental.cursor_field} is {row[0]}, "
                "behind which no run can end; leave such rows out by a query"
            ) from error

    def frames(self, spark: SparkSession, lanes: Sequence[Lane]) -> Iterator[Frame]:
        """See FrameSource: each lane is one frame, however many queries it takes."""
        kinds = self._kinds(spark)
        self._cursor(kinds)
        columns = [selected(name, column.kind, column.cast) for name, column in kinds.items()]
        for lane in lanes:
            inside = f"SELECT * FROM ({relation(self.db)}) AS {quoted('rows')}{self._where(lane.window, kinds)}"
            asked = f"SELECT {', '.join(columns)} FROM ({inside}) AS {quoted('inside')}"
            start = lane.window.start
            position = {} if start is None else {"start": show_bound(start)}
            yield Frame(lane=lane.name, position=position, next=DONE, rows=self._parts(spark, asked, inside, kinds))

    def failure(self, said: str) -> MedallionError | None:
        """Refused, away, or a sentence of the database's own."""
        where = f"{self.source}: {host(self.db.url or '')}"
        if self.driver.name in said and "ClassNotFoundException" in said:
            return MedallionError(
                f"{self.source}: this Spark session has no {self.driver.name}; start it with --packages {self.driver.package}, "
                "or let a process of its own fetch it"
            )
        found = re.search(r"PSQLException: (.+)", said)
        if found is None:
            return None
        sentence = " ".join(found[1].split())[:300].rstrip(".")
        if _AWAY.search(sentence):
            return SourceUnavailable(f"{where} cannot be reached ({sentence}); run again when it is back: it resumes")
        if _REFUSED.search(sentence):
            return AuthError(f"{where} refuses user {self.db.user} ({sentence}); see db.user and db.password")
        return SourceError(f"{where} does not give {self._what} ({sentence})")

    @property
    def _what(self) -> str:
        return f"table {self.db.table}" if self.db.table is not None else "the query"

    def _kinds(self, spark: SparkSession) -> Mapping[str, Column]:
        """Columns, by name. Asks the database, for no row."""
        fields = self._load(spark, relation(self.db)).schema.jsonValue()["fields"]
        return {field["name"]: Column(kind=field["type"], told=field["metadata"]) for field in fields}

    def _cursor(self, kinds: Mapping[str, Column]) -> None:
        """Raises SourceError where the cursor's column is not there, or has no values of the kind that the initial value is of."""
        if self.db.incremental is None:
            return
        name, by_number = self.db.incremental.cursor_field, self.db.incremental.by_number
        self._known(name, kinds, "cursor_field")
        column = kinds[name]
        if column.step is None or (column.kind in MOMENTS) == by_number:
            wanted = "a whole number or one with a fixed scale, as initial_value is a number" if by_number else "a date or a timestamp"
            told = "numeric without a scale" if column.cast == "text" and str(column.kind).startswith("decimal(") else column.kind
            raise SourceError(f"{self.source}: db.incremental.cursor_field {name} is {told}; it must be {wanted}")

    def _known(self, name: str, kinds: Mapping[str, Any], key: str) -> None:
        if name not in kinds:
            meant = closest(name, kinds)
            hint = f"did you mean {meant}?" if meant else f"there are {', '.join(kinds)}"
            raise SourceError(f"{self.source}: {self._what} has no column {name} ({key}); {hint}")

    def _parts(self, spark: SparkSession, asked: str, inside: str, kinds: Mapping[str, Column]) -> DataFrame:
        """The rows of *asked*, by as many queries as the configuration says; *inside* are they before casts."""
        if self.db.predicates:
            properties = self._options() | {"user": self.db.user or "", "password": self.password or ""}
            predicates = [f"({predicate})" for predicate in self.db.predicates]
            return spark.read.jdbc(self.db.url or "", f"({asked}) AS {quoted('part')}", predicates=predicates, properties=properties)
        column = self._partition_column(spark, kinds)
        if self.db.partition is None or column is None:
            return self._load(spark, asked)
        lower, upper = self.db.partition.lower, self.db.partition.upper
        if lower is None or upper is None:
            least, most = self._load(spark, bounds(inside, column, kinds[column].kind)).collect()[0]
            if least is None or most is None:
                return self._load(spark, asked)
            lower, upper = least if lower is None else lower, most if upper is None else upper
        return self._load(
            spark,
            asked,
            partitionColumn=column,
            lowerBound=str(lower),
            upperBound=str(upper),
            numPartitions=str(self.db.partition.num_partitions),
        )

    def _partition_column(self, spark: SparkSession, kinds: Mapping[str, Column]) -> str | None:
        partition = self.db.partition
        if partition is None:
            return None
        if partition.column is not None:
            self._known(partition.column, kinds, "partition.column")
            if not kinds[partition.column].ranged:
                kind = kinds[partition.column].kind
                raise SourceError(
                    f"{self.source}: db.partition.column {partition.column} is {kind}; it must be a number, a date or a timestamp"
                )
            return partition.column
        assert self.db.table is not None, "a query names its column"
        found = [row[0] for row in self._load(spark, primary_key(self.db.table)).collect()]
        if len(found) == 1 and kinds[found[0]].ranged:
            return str(found[0])
        key = f"its primary key is ({', '.join(found)})" if found else "it has no primary key"
        sentence = f"table {self.db.table} is read by one query, since {key}; name a number, date or timestamp in db.partition.column"
        self.listener(Noticed(subject=self.source, sentence=sentence))
        return None

    def _where(self, window: Window, kinds: Mapping[str, Column]) -> str:
        if self.db.incremental is None:
            return ""
        name = self.db.incremental.cursor_field
        return f" WHERE {range_of(name, kinds[name].kind, window)}"

    def _options(self) -> dict[str, str]:
        options = {
            "driver": self.driver.name,
            "fetchsize": str(self.db.fetch_size),
            "preferTimestampNTZ": "true",
            "connectTimeout": str(CONNECT_SECONDS),
            "loginTimeout": str(CONNECT_SECONDS),
            "ApplicationName": "medallion",
        }
        return options if self.db.session_init is None else options | {"sessionInitStatement": self.db.session_init}

    def _load(self, spark: SparkSession, asked: str, **more: str) -> DataFrame:
        reader = spark.read.format("jdbc").options(**self._options(), **more).option("url", self.db.url)
        if self.db.user is not None:
            reader = reader.option("user", self.db.user)
        if self.password is not None:
            reader = reader.option("password", self.password)
        return reader.option("dbtable", f"({asked}) AS {quoted('part')}").load()
