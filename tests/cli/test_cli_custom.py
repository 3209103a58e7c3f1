"""The command line with a source that is a class of somebody else's."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from medallion.testing.commandline import CommandLine

MODULE = '''
class Till:
    """Five sales; the fourth fails while there is a file."""

    fails = None
    asked = []

    def __init__(self, options):
        self.token = options["token"]

    def records(self, lane):
        start = lane.position["sale"] if lane.position else 0
        for sale in range(start, 5):
            self.asked.append(sale)
            if sale == 3 and self.fails:
                raise ConnectionError("no till for " + self.token)
            yield {"sale": sale, "day": "2026-03-01"}, {"sale": sale + 1}
'''
PIPELINE = """
config_version: 1
platform: {bronze: {root: LAKE}}
run: {allow_classes: ["till_source:Till"]}
source:
  name: sales
  system: shop
  table: sales
  load_pattern: full
  type: custom
  custom: {class: "till_source:Till", options: {token: "secret:env:TOKEN"}}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A pipeline with a class that can be imported."""
    (tmp_path / "till_source.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "till.yaml").write_text(PIPELINE.replace("LAKE", str(tmp_path / "lake")), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "till_source", raising=False)
    return str(tmp_path / "till.yaml")


def test_a_run_that_failed_asks_only_for_what_is_missing(config: str, medallion: CommandLine, tmp_path: Path) -> None:
    """What could be resumed behind is committed, the error holds no secret, and the next run lands the rest once."""
    from till_source import Till  # type: ignore[import-not-found]

    Till.fails = True
    failed = medallion("extract", config)
    assert failed.status == 4
    assert "ConnectionError: no till for ***" in failed.err
    Till.fails, Till.asked[:] = False, []
    assert medallion("extract", config).status == 0
    assert Till.asked == [3, 4]
    entries = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("lake/**/_log/*.json"))]
    files = [chunk["files"][0]["path"] for entry in entries if entry["kind"] == "chunk" for chunk in entry["chunks"]]
    rows = [row["sale"] for file in files for row in pq.read_table(tmp_path / "lake/system=shop/table=sales" / file).to_pylist()]
    assert rows == [0, 1, 2, 3, 4]
    assert medallion("status", config).status == 0


def test_it_is_planned_and_previewed(config: str, medallion: CommandLine) -> None:
    """The plan names the class and no secret; the preview shows its first records."""
    planned = medallion("plan", config)
    assert "asks       till_source:Till (records)" in planned.out
    assert "pages " not in planned.out
    shown = medallion("preview", config, "--rows", "2")
    assert "2 of 2 rows of the first page" in shown.out
    assert "there are more pages" in shown.out


def test_a_class_without_leave_is_refused(config: str, medallion: CommandLine) -> None:
    """Before its module is imported."""
    refused = medallion("validate", config, "--set", "run.allow_classes=[]")
    assert refused.status == 2
    assert "till_source:Till is not allowed to run" in refused.err
    assert "till_source" not in sys.modules
