"""What somebody would write by hand for one purpose, without what makes ours safe: the other side of each comparison.

None of these keeps a log, a checksum or a place to resume from, survives a kill, or is right for late events.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec
import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass(kw_only=True)
class Fetched:
    """How much came back."""

    requests: int = 0
    rows: int = 0

    def take(self, body: bytes) -> dict[str, Any]:
        """The page, decoded and counted; its rows are let go."""
        page: dict[str, Any] = msgspec.json.decode(body)
        self.requests += 1
        self.rows += len(page["data"])
        return page


async def fetch_pages(url: str, *, pages: int, depth: int) -> Fetched:
    """The fetch-and-decode floor: *pages* numbered pages, *depth* at a time, each decoded by msgspec as it comes, and nothing else."""
    found = Fetched()
    numbers = iter(range(1, pages + 1))

    async def work(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            async with session.get(url, params={"page": str(number)}) as response:
                found.take(await response.read())

    await _side_by_side(work, depth=depth, headers={})
    return found


async def fetch_windows(url: str, *, windows: Sequence[tuple[str, str]], size: int, depth: int, headers: Mapping[str, str]) -> Fetched:
    """The floor for windows of changes: *depth* windows at a time, each followed by its cursor from page to page."""
    found = Fetched()
    waiting = iter(windows)

    async def work(session: aiohttp.ClientSession) -> None:
        for since, until in waiting:
            asked = {"since": since, "until": until, "limit": str(size)}
            cursor: str | None = ""
            while cursor is not None:
                async with session.get(url, params=asked | ({"cursor": cursor} if cursor else {})) as response:
                    cursor = found.take(await response.read())["next"]

    await _side_by_side(work, depth=depth, headers=headers)
    return found


async def _side_by_side(work: Any, *, depth: int, headers: Mapping[str, str]) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=depth), headers=headers, raise_for_status=True) as session:
        await asyncio.gather(*(work(session) for _ in range(depth)))


def parse_pages(bodies: Iterable[bytes]) -> pa.Table:
    """Pages as one table: the standard library's json and a list of dictionaries, as the first page of any tutorial has it."""
    tables = [pa.Table.from_pylist(json.loads(body)["data"]) for body in bodies]
    return pa.concat_tables(tables, promote_options="permissive")


def scd_type_1(spark: SparkSession, files: Sequence[str], target: str, *, key: str, sequence: str) -> None:
    """Read, keep the newest event a key, MERGE."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    events = spark.read.parquet(*files)
    newest = Window.partitionBy(key).orderBy(F.col(sequence).desc())
    latest = events.withColumn("rn", F.row_number().over(newest)).where("rn = 1").drop("rn")
    _made(spark, latest, target)
    latest.createOrReplaceTempView("baseline_latest")
    spark.sql(
        f"MERGE INTO delta.`{target}` t USING baseline_latest s ON t.{key} = s.{key} "
        f"WHEN MATCHED AND s.{sequence} > t.{sequence} THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
    )


def scd_type_2(spark: SparkSession, files: Sequence[str], target: str, *, key: str, sequence: str, tracked: Sequence[str]) -> None:
    """The usual one: events without a change dropped, each row ended by the next, the current row of a key closed, the rest inserted.

    Right while events come in order; an event that is late opens a row that overlaps with others.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    by_key = Window.partitionBy(key).orderBy(sequence)
    events = spark.read.parquet(*files).dropDuplicates([key, sequence]).withColumn("hash", F.xxhash64(*tracked))
    changed = events.withColumn("before", F.lag("hash").over(by_key)).where("before IS NULL OR before <> hash").drop("before", "hash")
    rows = changed.withColumns(
        {
            "start_at": F.col(sequence),
            "end_at": F.lead(sequence).over(by_key),
            "rn": F.row_number().over(by_key),
        }
    )
    rows = rows.withColumn("is_current", F.col("end_at").isNull())
    opened = rows.drop("rn")
    _made(spark, opened, target)
    staged = rows.where("rn = 1").drop("rn").withColumn("merge_key", F.col(key))
    staged = staged.unionByName(opened.withColumn("merge_key", F.lit(None).cast(rows.schema[key].dataType)))
    staged.createOrReplaceTempView("baseline_staged")
    columns = ", ".join(opened.columns)
    spark.sql(
        f"MERGE INTO delta.`{target}` t USING baseline_staged s ON t.{key} = s.merge_key AND t.is_current "
        "WHEN MATCHED AND s.start_at > t.start_at THEN UPDATE SET t.is_current = false, t.end_at = s.start_at "
        f"WHEN NOT MATCHED AND s.merge_key IS NULL THEN INSERT ({columns}) VALUES ({', '.join(f's.{name}' for name in opened.columns)})"
    )


def _made(spark: SparkSession, like: DataFrame, target: str) -> None:
    """There is a table; an empty one if there was none."""
    spark.createDataFrame([], like.schema).write.format("delta").mode("ignore").save(target)


def copy_folder(spark: SparkSession, folder: Path, target: str) -> int:
    """A local folder on a store, by one call of Hadoop's own copy; gives how many bytes arrived."""
    jvm, configuration = spark._jvm, spark.sparkContext._jsc.hadoopConfiguration()
    assert jvm is not None, "a classic session has one"
    source, there = jvm.org.apache.hadoop.fs.Path(folder.as_uri()), jvm.org.apache.hadoop.fs.Path(target)
    store = there.getFileSystem(configuration)
    jvm.org.apache.hadoop.fs.FileUtil.copy(source.getFileSystem(configuration), source, store, there, False, configuration)
    return int(store.getContentSummary(there).getLength())
