"""The checksum gate: no byte reaches Silver that is not the one that was landed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pyspark.sql import functions as F

from medallion.errors import ChecksumError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What the log says of a file."""

    bytes: int
    sha256: str


def check(spark: SparkSession, files: Mapping[str, Expected], *, mode: Literal["full", "size", "none"]) -> None:
    """Every file of *files* (path or URI that Spark reads) has the size, and under ``full`` the SHA-256, that the log lists.

    Hashing is done by the executors. Raises ChecksumError naming the first file that differs. File names are unique in a table,
    so they alone tell files apart: Spark's own spelling of a path is half-encoded.
    """
    if mode == "none" or not files:
        return
    digest = F.sha2(F.col("content"), 256) if mode == "full" else F.lit(None).cast("string")
    frame = spark.read.format("binaryFile").load(list(files))
    seen = {
        row["name"]: row for row in frame.select(F.col("_metadata.file_name").alias("name"), "length", digest.alias("sha256")).collect()
    }
    for path, expected in sorted(files.items()):
        found = seen.get(path.rsplit("/", 1)[-1])
        if found is None or found["length"] != expected.bytes:
            size = "is not there" if found is None else f"has {found['length']} bytes"
            raise ChecksumError(f"{path} {size}, the log says {expected.bytes} bytes; {_ADVICE}")
        if mode == "full" and found["sha256"] != expected.sha256:
            raise ChecksumError(f"{path} has SHA-256 {found['sha256'][:12]}…, the log says {expected.sha256[:12]}…; {_ADVICE}")


_ADVICE = "nothing of this batch was published: restore the file from a copy"
