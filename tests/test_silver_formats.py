"""The samples in docs/examples/data: Parquet and CSV hold the same rows, and Silver's are what the models say."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, get_args

import pyarrow.parquet as pq
import pytest

from scripts.generate_silver_samples import FOLDER, MODELS, Pattern, as_csv

SAMPLES = sorted(path.with_suffix("") for path in FOLDER.rglob("*.parquet"))


def rows(pattern: str, model: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(FOLDER / "silver_samples" / pattern / model / "table.parquet").to_pylist()
    return found


def test_there_is_a_sample_of_each_pattern_and_model() -> None:
    """Two Bronze runs a pattern, one Silver table a pattern and model, in both formats; a README in each Bronze folder."""
    names = {str(path.relative_to(FOLDER)) for path in SAMPLES}
    patterns = get_args(Pattern)
    expected = {f"bronze_samples/{pattern}/run-{number}" for pattern in patterns for number in (1, 2)}
    assert names == expected | {f"silver_samples/{pattern}/{model}/table" for pattern in patterns for model in MODELS}
    assert all((FOLDER / "bronze_samples" / pattern / "README.md").is_file() for pattern in patterns)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_csv_holds_what_parquet_holds(sample: Path) -> None:
    """Every field is quoted, null is told from an empty text, and the rows are the same in the same order."""
    text = sample.with_suffix(".csv").read_text(encoding="utf-8")
    assert text == as_csv(pq.read_table(sample.with_suffix(".parquet")))
    lines = list(csv.reader(text.splitlines()))
    assert len({len(line) for line in lines}) == 1
    assert all(line.startswith('"') and line.endswith('"') for line in text.splitlines())


@pytest.mark.parametrize("pattern", get_args(Pattern))
def test_a_history_has_one_open_row_a_flight_and_it_is_the_current_one(pattern: str) -> None:
    """scd_type_1 is the open rows of scd_type_2; of no flight are two rows open."""
    opened = [row for row in rows(pattern, "scd_type_2") if row["__END_AT"] is None]
    shown = [{name: value for name, value in row.items() if not name.startswith("__") and name != "is_current"} for row in opened]
    assert len({row["id"] for row in shown}) == len(shown)
    assert sorted(shown, key=str) == sorted(rows(pattern, "scd_type_1"), key=str)
    assert rows(pattern, "scd_type_1") == rows(pattern, "full_merge_dedupe")


def test_a_board_forgets_a_flight_and_its_periodic_table_does_not() -> None:
    """The second snapshot lacks a flight: gone where absence means that, kept under the first date."""
    kept = {row["id"] for row in rows("full", "periodic_snapshot")}
    assert {row["id"] for row in rows("full", "scd_type_1")} < kept
    assert {str(row["snapshot_date"]) for row in rows("full", "periodic_snapshot")} == {"2013-01-01", "2013-01-02"}
