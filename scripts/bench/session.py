"""Spark sessions of benchmarks, which follow each other in one process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from medallion.jars import Needs

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CORES = 2


def own_session(*, needs: Needs | None = None, conf: Mapping[str, str] | None = None) -> SparkSession:
    """A session with these jars and settings; one that another benchmark of this process left, with others, is stopped."""
    from pyspark.sql import SparkSession

    from medallion.spark import session

    left = SparkSession.getActiveSession()
    if left is not None:
        left.stop()
    return session("benchmark", master=f"local[{CORES}]", needs=needs, conf=conf)
