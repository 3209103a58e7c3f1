"""A driver to be killed: extracts three frames of Spark into the lake at argv[1]."""

from __future__ import annotations

import sys
from pathlib import Path

from bronze_fakes import source
from frame_fakes import FrameLake, Queries

from medallion.spark import session

FRAMES = ["SELECT id FROM range(0, 10, 1, 2)", "SELECT id FROM range(10, 20, 1, 2)", "SELECT id FROM range(20, 30, 1, 2)"]

if __name__ == "__main__":
    spark = session("killed", master="local[1]", conf={"spark.driver.memory": "1g"})
    FrameLake.of(spark, Path(sys.argv[1])).extract(Queries(FRAMES), source("full"))
