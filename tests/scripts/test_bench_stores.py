"""The benchmark of a store, on a few small files: both sides move what they shall, and nothing is measured of what did not arrive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from medallion.clock import SystemClock
from medallion.errors import MedallionError
from medallion.spark import session
from medallion.testing.services import Service
from scripts.bench import stores

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.mark.spark
@pytest.mark.jvm
@pytest.mark.store
@pytest.mark.thorough
def test_chunks_land_and_are_copied_and_entries_committed(
    spark: SparkSession, s3_service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three files of a megabyte; what did not arrive as a whole is no figure."""
    monkeypatch.setattr(stores, "ENTRIES", 3)
    clock = SystemClock()
    session("tests", needs=s3_service.needs)
    chunks = stores.filled(tmp_path, files=3, each=stores.MB)
    made = stores.Bucket(root=s3_service.root, access=s3_service.access, spark=spark, clock=clock, chunks=chunks)
    assert made.land() > 0
    assert made.copy() > 0
    assert [took > 0 for took in made.commits()] == [True] * 3
    monkeypatch.setattr(stores, "copy_folder", lambda *_: 2 * stores.MB)
    with pytest.raises(MedallionError, match="2097152 bytes arrived instead of 3145728"):
        made.copy()
