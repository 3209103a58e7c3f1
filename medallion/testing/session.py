"""The Spark session of a suite of tests: local, small, with the jars of Delta, of PostgreSQL and of all stores.

``python -m medallion.testing.session`` starts one and stops it: then the jars are in Ivy's cache, and sessions that start side by side
on a new machine do not get into each other's way there. Its JVM leaves the classes that it loaded in :data:`ARCHIVE`: one that starts
with them needs a third less of the processor until its first table is written.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from medallion.jars import Needs
from medallion.spark import POSTGRESQL, session
from medallion.storage import abfs, s3a
from medallion.storage.location import Location
from medallion.storage.provider import Access

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CONF = {"spark.sql.shuffle.partitions": "2", "spark.driver.memory": "3g"}
YOUNG = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Small work in a young JVM: what its second compiler and a collector of its own threads do is most of it, and for nothing."""
ARCHIVE = Path(sys.prefix) / "spark.jsa"
"""Classes as a JVM has them in memory (class data sharing), of this environment's Spark."""


def drivers() -> dict[str, str]:
    """Variables for every driver that a test starts: a young JVM, which takes its classes from the archive where it can."""
    archived = f" -XX:SharedArchiveFile={ARCHIVE} -Xlog:disable" if ARCHIVE.exists() else ""
    return {"SPARK_SUBMIT_OPTS": f"{YOUNG}{archived}"}


def suite() -> SparkSession:
    """The session, as small as it goes. Raises MedallionError where Java or pyspark is missing."""
    stores = abfs.needs(Location.parse("abfs://none@none"), Access()) | s3a.needs(Location.parse("s3a://none"), Access())
    needs = Needs(packages=(POSTGRESQL.package, *stores.packages), excluded=stores.excluded)
    return session("tests", master="local[2]", needs=needs, conf=CONF)


def archive() -> None:
    """The jars are there, and so is the archive, made anew."""
    from pyspark import SparkContext

    ARCHIVE.unlink(missing_ok=True)
    os.environ["SPARK_SUBMIT_OPTS"] = f"{YOUNG} -XX:ArchiveClassesAtExit={ARCHIVE}"
    spark = suite()
    with tempfile.TemporaryDirectory() as folder:
        rows = spark.range(100).selectExpr("id", "id % 7 AS value")
        rows.write.format("delta").save(folder)
        rows.createOrReplaceTempView("news")
        spark.sql(f"MERGE INTO delta.`{folder}` t USING news s ON t.id = s.id WHEN MATCHED THEN UPDATE SET t.value = s.value").collect()
    gateway = SparkContext._gateway
    assert gateway is not None, "a classic session has a gateway"
    spark.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()  # by which Spark's JVM ends; it writes the archive then
    gateway.proc.wait()


if __name__ == "__main__":
    archive()
