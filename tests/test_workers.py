"""Which pyspark a Python imports that Spark starts with its zip in front of everything."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyspark
import pytest

INSTALLED = Path(pyspark.__file__).parent
ZIPS = sorted((INSTALLED / "python" / "lib").glob("*.zip"))


def imported(zips: list[Path]) -> tuple[str, str]:
    """Where a new Python finds pyspark and py4j."""
    asked = "import py4j, pyspark; print(pyspark.__file__, py4j.__file__)"
    path = os.pathsep.join(map(str, zips))
    said = subprocess.run([sys.executable, "-c", asked], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True)
    found, other = said.stdout.split()
    return found, other


@pytest.mark.skipif(not ZIPS, reason="this pyspark brings no zip: it is the client of Spark Connect")
def test_what_is_installed_comes_before_its_own_zip() -> None:
    """They are the same modules; those that are installed are compiled."""
    assert [Path(found).parent for found in imported(ZIPS)] == [INSTALLED, INSTALLED.parent / "py4j"]


@pytest.mark.skipif(not ZIPS, reason="this pyspark brings no zip: it is the client of Spark Connect")
def test_the_zip_of_another_spark_is_left_where_it_is(tmp_path: Path) -> None:
    """It may be of another version."""
    others = [Path(shutil.copy(zipped, tmp_path)) for zipped in ZIPS]
    assert all(found.startswith(str(tmp_path)) for found in imported(others))
