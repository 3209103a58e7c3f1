"""What Spark's executors do for Bronze: write a frame as chunk files, count and hash them. The one module of Bronze with pyspark."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from medallion.bronze.typed import content, quoted
from medallion.errors import StorageError
from medallion.schema import RESCUED, ROW, Type

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

_IN_TASK = (1 << 33) - 1
"""The part of Spark's increasing ids that counts the rows of a task."""
_MODULUS = 1 << 128


@dataclass(frozen=True, kw_only=True)
class Written:
    """A chunk file that executors wrote; *name* is its file's."""

    name: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Files:
    """Everything that one job wrote, in the order of names. *folder* is where, below the table."""

    folder: str
    written: tuple[Written, ...]
    rescued: int
    """Rows with something in ``_rescued``."""
    newest: int | None
    """The highest cursor value before the run's end, in microseconds since 1970."""
    unreadable: int
    """Rows with a cursor value that is no instant."""
    content: int
    """The sum of the rows' hashes: the same for the same rows in any order. 0 where it was not asked for."""

    @property
    def rows(self) -> int:
        """Rows in all files."""
        return sum(file.rows for file in self.written)

    @property
    def bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.bytes for file in self.written)


@dataclass(frozen=True, kw_only=True)
class Cut:
    """How files are cut and written."""

    rows: int
    """Of a file, at most."""
    bytes: int
    """Of a file, at most: what is larger is cut again, since hashing takes several times as much memory."""
    compression: str


def write(frame: DataFrame, folder: str, cut: Cut) -> None:
    """The rows of *frame*, columns and ``_rescued``, are in files of at most *cut.rows* rows in *folder*, which was not there.

    ``_row`` is added: the place of a row in its file, since a file holds rows that follow each other in their task.
    """
    numbered = frame.withColumn(ROW, F.monotonically_increasing_id().bitwiseAND(F.lit(_IN_TASK)) % F.lit(cut.rows))
    writer = numbered.write.mode("error").option("compression", cut.compression).option("maxRecordsPerFile", cut.rows)
    writer.option("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false").parquet(folder)


def largest(spark: SparkSession, folder: str) -> tuple[int, int]:
    """Bytes of the largest file that was written to *folder*, and how many files there are."""
    found = _binary(spark, folder).agg(F.max("length"), F.count("*")).collect()[0]
    return int(found[0] or 0), int(found[1])


def read(spark: SparkSession, folder: str, columns: Mapping[str, Type]) -> DataFrame:
    """The rows that were written to *folder*, columns and ``_rescued``."""
    return spark.read.schema(_ddl(columns)).parquet(folder).drop(ROW)


def look(
    spark: SparkSession, uri: str, folder: str, columns: Mapping[str, Type], *, cursor: str | None, end: int | None, hashed: bool
) -> Files:
    """What was written to *uri*, each file counted and hashed by the executors; *hashed*: its content too.

    *cursor* is the SQL of the cursor's value; only values before *end* (microseconds since 1970) count. Raises StorageError where
    a file is there for the one look and not for the other.
    """
    landed = spark.read.schema(_ddl(columns)).parquet(uri)
    moment = F.lit(None).cast("timestamp") if cursor is None else F.expr(f"try_cast({cursor} AS TIMESTAMP)")
    micros = F.unix_micros(moment)
    before = micros if end is None else F.when(micros < end, micros)
    counted = landed.groupBy(F.col("_metadata.file_name").alias("name")).agg(
        F.count("*").alias("rows"),
        F.count(RESCUED).alias("rescued"),
        F.max(before).alias("newest"),
        F.count(F.expr(cursor or "NULL")).alias("known"),
        F.count(micros).alias("instants"),
        *_content(columns, hashed),
    )
    counts = {row["name"]: row for row in counted.collect()}
    digests = _binary(spark, uri).select(F.col("_metadata.file_name").alias("name"), "length", F.sha2("content", 256).alias("sha256"))
    files = {row["name"]: row for row in digests.collect()}
    if missing := sorted(set(counts) - set(files)):
        raise StorageError(f"{uri}/{missing[0]} was written, but cannot be read again; nothing of this job is kept: run again")
    written = [
        Written(name=name, rows=row["rows"], bytes=files[name]["length"], sha256=files[name]["sha256"])
        for name, row in sorted(counts.items())
    ]
    return Files(
        folder=folder,
        written=tuple(written),
        rescued=sum(row["rescued"] for row in counts.values()),
        newest=max((row["newest"] for row in counts.values() if row["newest"] is not None), default=None),
        unreadable=sum(row["known"] - row["instants"] for row in counts.values()),
        content=sum(int(row["high"] or 0) * (1 << 64) + int(row["low"] or 0) for row in counts.values()) % _MODULUS,
    )


def digest(rows: int, contents: Sequence[int]) -> str:
    """The SHA-256 of the content of a run: how many rows, and the sum of their hashes over all jobs."""
    return hashlib.sha256(f"{rows} {sum(contents) % _MODULUS}".encode()).hexdigest()


def _content(columns: Mapping[str, Type], hashed: bool) -> list[Column]:
    if not hashed:
        return [F.lit(0).alias("high"), F.lit(0).alias("low")]
    values = content(columns)
    whole = "CAST(sum(CAST(xxhash64({0}, {1}) AS DECIMAL(20,0))) AS DECIMAL(38,0))"
    return [F.expr(whole.format(seed, values)).alias(name) for name, seed in (("high", 1), ("low", 2))]


def _ddl(columns: Mapping[str, Type]) -> str:
    parts = [*((name, str(kind)) for name, kind in columns.items()), (RESCUED, "string"), (ROW, "bigint")]
    return ", ".join(f"{quoted(name)} {kind}" for name, kind in parts)


def _binary(spark: SparkSession, folder: str) -> DataFrame:
    return spark.read.format("binaryFile").option("pathGlobFilter", "*.parquet").load(folder)
