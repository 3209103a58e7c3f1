"""The quickstart gives the same tables wherever its lake is and whatever Spark makes them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.spark, pytest.mark.jvm, pytest.mark.store, pytest.mark.slow, pytest.mark.thorough, pytest.mark.timeout(3600)]


def test_january_is_the_same_on_every_store_and_every_spark() -> None:
    """S3, Azure and HDFS by each provider, a cluster of two workers, Spark Connect: each table has the hash of the local one."""
    if not (ROOT / ".venv-connect" / "bin" / "medallion").exists():
        pytest.skip("the environment for Spark Connect is missing: make connect")
    done = subprocess.run(
        [sys.executable, "-m", "scripts.same_everywhere"], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-3000:]}"
    assert done.stdout.endswith("all tables are the same everywhere\n")
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + 8, "a heading, and a row for each place"
