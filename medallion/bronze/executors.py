"""What Spark's executors do for Bronze: write a frame as chunk files, count and hash them. The one module of Bronze with pyspark."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from medallion.bronze import csv
from medallion.bronze.entry import ChunkFile, Format
from medallion.bronze.typed import content
from medallion.config.bound import parse_bound, show_bound
from medallion.errors import StorageError
from medallion.layout import quoted
from medallion.schema import BIGINT, RESCUED, ROW, STRING, Type

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

FILE = "__file"
"""The name of a row's file."""
_FILE_NAME = f"_metadata.file_name AS {FILE}"
_OF = "of"
"""The name of the file of another format with the same rows."""
_IN_TASK = (1 << 33) - 1
"""The part of Spark's increasing ids that counts the rows of a task."""
_MODULUS = 1 << 128
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True, kw_only=True)
class Written:
    """A chunk that executors wrote."""

    rows: int
    files: tuple[ChunkFile, ...]


@dataclass(frozen=True, kw_only=True)
class Files:
    """Everything that one job wrote, in the order of names."""

    written: tuple[Written, ...]
    rescued: int
    """Rows with something in ``_rescued``."""
    newest: str | None
    """The highest cursor value before the run's end, as the log spells it."""
    unreadable: int
    """Rows with a cursor value that is no instant, or no number where it counts up."""
    content: int
    """The sum of the rows' hashes: the same for the same rows in any order. 0 where it was not asked for."""

    @property
    def rows(self) -> int:
        """Rows in all files."""
        return sum(file.rows for file in self.written)

    @property
    def bytes(self) -> int:
        """Bytes of all files that are read."""
        return sum(one.files[0].bytes for one in self.written)


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """What moves the watermark: *sql* is its value in a landed row; values before *end* count, which is spelled as the log does it."""

    sql: str
    by_number: bool
    end: str | None


@dataclass(frozen=True, kw_only=True)
class Cut:
    """How files are cut and written."""

    rows: int
    """Of a file, at most."""
    bytes: int
    """Of a file, at most: what is larger is cut again, since hashing takes several times as much memory."""
    compression: str


def write(frame: DataFrame, folder: str, columns: Mapping[str, Type], cut: Cut, format_: Format) -> None:
    """The rows of *frame*, columns and ``_rescued``, are in files of at most *cut.rows* rows in *folder*, which was not there.

    ``_row`` is added: the place of a row in its file, since a file holds rows that follow each other in their task.
    """
    numbered = frame.withColumn(ROW, F.monotonically_increasing_id().bitwiseAND(F.lit(_IN_TASK)) % F.lit(cut.rows))
    if format_ == "csv":
        numbered = numbered.selectExpr(*_texts(columns))
    writer = numbered.write.mode("error").options(**_writing(format_, cut)).option("maxRecordsPerFile", cut.rows)
    writer.format(format_).save(folder)


def write_beside(spark: SparkSession, folder: str, beside: str, columns: Mapping[str, Type], cut: Cut) -> None:
    """Each Parquet file of *folder* is a CSV file, too, in ``of=<its name>`` below *beside*, which was not there."""
    named = landed(spark, [folder], columns, "parquet").selectExpr(*_texts(columns), f"{quoted(FILE)} AS {_OF}")
    together = named.repartition(_OF)  # all rows of a file in one task, which writes one file
    together.write.mode("error").options(**_writing("csv", cut)).partitionBy(_OF).csv(beside)


def largest(spark: SparkSession, folder: str, format_: Format) -> int:
    """Bytes of the largest file that was written to *folder*."""
    found = _binary(spark, folder, format_).agg(F.max("length")).collect()[0]
    return int(found[0] or 0)


def landed(spark: SparkSession, paths: Sequence[str], columns: Mapping[str, Type], format_: Format) -> DataFrame:
    """The rows of chunk files that were written with *columns*: those, ``_rescued``, ``_row``, and the file's name as :data:`FILE`."""
    kinds = _all(columns)
    if format_ == "csv":
        ddl = ", ".join(f"{quoted(name)} string" for name in kinds)
        text = spark.read.schema(ddl).options(**csv.READ).csv(list(paths))
        return text.selectExpr(*(f"{csv.sql_value(name, kind)} AS {quoted(name)}" for name, kind in kinds.items()), _FILE_NAME)
    ddl = ", ".join(f"{quoted(name)} {kind}" for name, kind in kinds.items())
    return spark.read.schema(ddl).parquet(*paths).selectExpr(*map(quoted, kinds), _FILE_NAME)


def look(
    spark: SparkSession,
    uri: str,
    folder: str,
    columns: Mapping[str, Type],
    formats: Sequence[Format],
    *,
    cursor: Cursor | None,
    hashed: bool,
) -> Files:
    """What was written to *uri*, and beside it where there are two *formats*, each file counted and hashed by the executors.

    *folder* is the same place, below the table. *hashed*: the content, too. Raises StorageError where a file is there for the one look and
    not for the other.
    """
    first = formats[0]
    rows = landed(spark, [uri], columns, first)
    value = _value(rows, cursor)
    before = value if cursor is None or cursor.end is None else F.when(value < _value_of(cursor.end), value)
    counted = rows.groupBy(F.col(quoted(FILE)).alias("name")).agg(
        F.count("*").alias("rows"),
        F.count(RESCUED).alias("rescued"),
        F.max(before).alias("newest"),
        F.count(F.expr("NULL" if cursor is None else cursor.sql)).alias("known"),
        F.count(value).alias("readable"),
        *_content(columns, hashed),
    )
    counts = {row["name"]: row for row in counted.collect()}
    files = [_digests(spark, uri, folder, first)]
    files += [_digests(spark, beside(uri), beside(folder), other) for other in formats[1:] if counts]
    for found in files:
        if missing := sorted(set(counts) - set(found)):
            raise StorageError(f"{uri}/{missing[0]} was written, but cannot be read again; nothing of this job is kept: run again")
    return Files(
        written=tuple(Written(rows=row["rows"], files=tuple(found[name] for found in files)) for name, row in sorted(counts.items())),
        rescued=sum(row["rescued"] for row in counts.values()),
        newest=_spelled(max((row["newest"] for row in counts.values() if row["newest"] is not None), default=None), cursor),
        unreadable=sum(row["known"] - row["readable"] for row in counts.values()),
        content=sum(int(row["high"] or 0) * (1 << 64) + int(row["low"] or 0) for row in counts.values()) % _MODULUS,
    )


def _value(rows: DataFrame, cursor: Cursor | None) -> Column:
    """What the cursor of a row says: microseconds since 1970, or a number; null where it says neither."""
    if cursor is None or not cursor.by_number:
        return F.unix_micros(F.expr(f"try_cast({'NULL' if cursor is None else cursor.sql} AS TIMESTAMP)"))
    exact = rows.selectExpr(cursor.sql).schema.fields[0].dataType.simpleString()
    if exact == "bigint" or exact.startswith("decimal("):
        return F.expr(cursor.sql)
    return F.expr(f"try_cast({cursor.sql} AS DECIMAL(38,18))")


def _value_of(end: str) -> Column:
    bound = parse_bound(end)
    return F.lit((bound - _EPOCH) // timedelta(microseconds=1)) if isinstance(bound, datetime) else F.expr(end)


def _spelled(newest: int | Decimal | None, cursor: Cursor | None) -> str | None:
    if newest is None or cursor is None:
        return None
    return show_bound(Decimal(newest) if cursor.by_number else _EPOCH + timedelta(microseconds=int(newest)))


def beside(folder: str) -> str:
    """Where the CSV files go that have Parquet files in *folder*."""
    return f"{folder}-csv"


def digest(rows: int, contents: Sequence[int]) -> str:
    """The SHA-256 of the content of a run: how many rows, and the sum of their hashes over all jobs."""
    return hashlib.sha256(f"{rows} {sum(contents) % _MODULUS}".encode()).hexdigest()


def _content(columns: Mapping[str, Type], hashed: bool) -> list[Column]:
    if not hashed:
        return [F.lit(0).alias("high"), F.lit(0).alias("low")]
    values = content(columns)
    whole = "CAST(sum(CAST(xxhash64({0}, {1}) AS DECIMAL(20,0))) AS DECIMAL(38,0))"
    return [F.expr(whole.format(seed, values)).alias(name) for name, seed in (("high", 1), ("low", 2))]


def _all(columns: Mapping[str, Type]) -> dict[str, Type]:
    return {**columns, RESCUED: STRING, ROW: BIGINT}


def _texts(columns: Mapping[str, Type]) -> list[str]:
    return [f"{csv.sql_text(name, kind)} AS {quoted(name)}" for name, kind in _all(columns).items()]


def _writing(format_: Format, cut: Cut) -> dict[str, str]:
    of_format = {"compression": cut.compression} if format_ == "parquet" else dict(csv.WRITE)
    return of_format | {"mapreduce.fileoutputcommitter.marksuccessfuljobs": "false"}


def _digests(spark: SparkSession, uri: str, folder: str, format_: Format) -> dict[str, ChunkFile]:
    """The files in a folder, by name; those that are beside others by the names of those."""
    found = _binary(spark, uri, format_)
    of = F.col(_OF) if _OF in found.columns else F.lit(None).cast("string")
    rows = found.select(
        F.col("_metadata.file_name").alias("name"), of.alias("of"), "length", F.sha2("content", 256).alias("sha256")
    ).collect()
    return {
        row["of"] or row["name"]: ChunkFile(
            format=format_,
            path="/".join([folder, *([f"{_OF}={row['of']}"] if row["of"] else []), row["name"]]),
            bytes=row["length"],
            sha256=row["sha256"],
        )
        for row in rows
    }


def _binary(spark: SparkSession, folder: str, format_: Format) -> DataFrame:
    return spark.read.format("binaryFile").option("pathGlobFilter", f"*.{format_}").load(folder)
