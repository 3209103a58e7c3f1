"""The jars of the tests' sessions are in Ivy's cache, and the classes that their JVMs load in an archive.

Sessions that start side by side on a new machine do not get into each other's way then; and a JVM that starts with the archive needs a
third less of the processor until it has written its first table.
"""

from __future__ import annotations

import os
import tempfile

from pyspark import SparkContext

from medallion.testing.session import ARCHIVE, YOUNG, suite


def main() -> None:
    """The archive is made anew."""
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
    gateway.proc.stdin.close()  # by which the JVM ends; it writes the archive then
    gateway.proc.wait()


if __name__ == "__main__":
    main()
