"""The Spark session of a suite of tests: local, small, with the jars of Delta, of PostgreSQL and of all stores.

``python -m medallion.testing.session`` starts one and stops it: then the jars are in Ivy's cache, and sessions that start side by side
on a new machine do not get into each other's way there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from medallion.jars import Needs
from medallion.spark import POSTGRESQL, session
from medallion.storage import abfs, s3a
from medallion.storage.location import Location
from medallion.storage.provider import Access

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CONF = {
    "spark.sql.shuffle.partitions": "2",
    "spark.driver.memory": "3g",
    # Small work in a young JVM: what its second compiler and a collector of its own threads do is most of it, and for nothing.
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}


def suite() -> SparkSession:
    """The session, as small as it goes. Raises MedallionError where Java or pyspark is missing."""
    stores = abfs.needs(Location.parse("abfs://none@none"), Access()) | s3a.needs(Location.parse("s3a://none"), Access())
    needs = Needs(packages=(POSTGRESQL.package, *stores.packages), excluded=stores.excluded)
    return session("tests", master="local[2]", needs=needs, conf=CONF)


if __name__ == "__main__":
    suite().stop()
