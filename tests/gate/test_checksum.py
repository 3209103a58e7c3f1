"""The checksum gate looks at as much of each file as it is told to."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from medallion.errors import ChecksumError
from medallion.gate.checksum import Expected, check

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


def test_each_mode_finds_what_it_looks_at(spark: SparkSession, tmp_path: Path) -> None:
    """full finds a changed byte, size a changed length, none nothing."""
    path = tmp_path / "part-00000-abc.parquet"
    path.write_bytes(b"landed")
    landed = {str(path): Expected(bytes=6, sha256=hashlib.sha256(b"landed").hexdigest())}
    check(spark, landed, mode="full")
    path.write_bytes(b"lander")
    check(spark, landed, mode="size")
    with pytest.raises(ChecksumError, match="SHA-256"):
        check(spark, landed, mode="full")
    path.write_bytes(b"land")
    with pytest.raises(ChecksumError, match="4 bytes"):
        check(spark, landed, mode="size")
    check(spark, landed, mode="none")
