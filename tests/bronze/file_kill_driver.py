"""A driver to be killed: takes the files of argv[1]/in, two a job, into the lake at argv[1]/lake."""

from __future__ import annotations

import sys
from pathlib import Path

from file_inbox import Inbox
from frame_fakes import FrameLake

from medallion.spark import session

if __name__ == "__main__":
    spark = session("killed", master="local[1]", conf={"spark.driver.memory": "1g"})
    folder = Path(sys.argv[1])
    Inbox(folder=folder / "in", lake=FrameLake.of(spark, folder / "lake"), files={"format": "csv", "max_files_per_job": 2}).extract()
