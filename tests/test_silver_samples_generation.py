"""scripts/generate_silver_samples.py writes what stands in docs/examples/data, byte for byte, in the formats asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scripts.generate_silver_samples import FOLDER, FORMATS, generate

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.mark.spark
@pytest.mark.thorough
def test_samples_are_made_again_byte_for_byte(spark: SparkSession, tmp_path: Path) -> None:
    """One pattern, two models and both formats stand for all."""
    made = generate(tmp_path, FORMATS["both"], patterns=["full"], models=["scd_type_2", "periodic_snapshot"], spark=spark)
    assert len(made) == 8
    for file in made:
        assert file.read_bytes() == (FOLDER / file.relative_to(tmp_path)).read_bytes(), file.name


@pytest.mark.spark
@pytest.mark.thorough
def test_only_the_formats_asked_for_are_written(spark: SparkSession, tmp_path: Path) -> None:
    """`--formats csv` writes no Parquet."""
    made = generate(tmp_path, FORMATS["csv"], patterns=["cdc"], models=[], spark=spark)
    assert {file.suffix for file in made} == {".csv"}
    assert sorted(tmp_path.rglob("*.parquet")) == []
