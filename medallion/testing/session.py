"""The Spark session of a suite of tests: local, small, with the jars of Delta, of PostgreSQL and of all stores."""

from __future__ import annotations

import os
import sys
from pathlib import Path
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
    # Compiling code for each query, and for each task that writes Delta's statistics, is a third of what a small batch costs.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
ALONE = "MEDALLION_DELTA_ALONE"
"""Variable: if it is set, the session has no jars but Delta's, as the flow on other versions of Spark wants it."""
YOUNG = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Small work in a young JVM: what its second compiler and a collector of its own threads do is most of it, and for nothing."""
ARCHIVE = Path(sys.prefix) / "spark.jsa"
"""Classes of this environment's Spark as a JVM has them in memory (class data sharing); ``scripts/archive_classes.py`` makes it."""


def drivers() -> dict[str, str]:
    """Variables for every driver that a test starts: a young JVM, which takes its classes from the archive where it can."""
    archived = f" -XX:SharedArchiveFile={ARCHIVE} -Xlog:disable" if ARCHIVE.exists() else ""
    return {"SPARK_SUBMIT_OPTS": f"{YOUNG}{archived}"}


def suite() -> SparkSession:
    """The session, as small as it goes. Raises MedallionError where Java or pyspark is missing."""
    if os.environ.get(ALONE):
        return session("tests", master="local[2]", conf=CONF)
    stores = abfs.needs(Location.parse("abfs://none@none"), Access()) | s3a.needs(Location.parse("s3a://none"), Access())
    needs = Needs(packages=(POSTGRESQL.package, *stores.packages), excluded=stores.excluded)
    return session("tests", master="local[2]", needs=needs, conf=CONF)
