"""The first rows of a file, to look at, without Spark: what is read of it is bounded."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from medallion.errors import SourceError
from medallion.source.listing import Listing, unique
from medallion.source.protocol import FileVersion

READ = 1024**2
"""Bytes of CSV and JSON that are read."""
WHOLE = 64 * 1024**2
"""Bytes of Parquet that are fetched from another store, where a file must be whole to be read."""


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """Rows at the beginning of a file, and whether they are all that it has. *bytes* were fetched."""

    rows: tuple[Mapping[str, Any], ...]
    whole: bool
    bytes: int


def opened(listing: Listing, one: FileVersion, rows: int) -> Beginning:
    """The rows of a file that stand within what is read of it, at most *rows* of Parquet.

    Raises SourceError where the file is none of its format, or is Parquet too large to be fetched; StorageError.
    """
    if listing.file.format == "parquet":
        return _parquet(listing, one, rows)
    text, whole = listing.text(one, READ)
    try:
        found = tuple(_csv(listing, text, whole) if listing.file.format == "csv" else _json(listing, text, whole))
    except (csv.Error, ValueError) as error:
        raise SourceError(f"{listing.uri(one.path)} cannot be read as {listing.file.format}: {error}") from error
    return Beginning(rows=found, whole=whole, bytes=min(one.size, READ))


def _csv(listing: Listing, text: str, whole: bool) -> Iterator[Mapping[str, Any]]:
    lines = listing.rows(text, whole=whole)
    names = unique(next(lines, ())) if listing.file.header else listing.file.columns
    nulls = {"", listing.file.null_value}
    for line in lines:
        yield {name: None if value in nulls else value for name, value in itertools.zip_longest(names, line[: len(names)])}


def _json(listing: Listing, text: str, whole: bool) -> Iterator[Mapping[str, Any]]:
    if listing.file.multiline and whole:
        value = json.loads(text)
        yield from (row for row in (value if isinstance(value, list) else [value]) if isinstance(row, dict))
        return
    if listing.file.multiline:
        raise ValueError(f"it is one value of more than {READ} bytes, which preview does not read")
    for line in (text if whole else text[: text.rfind("\n") + 1]).splitlines():
        if line.strip():
            row = json.loads(line)
            yield row if isinstance(row, dict) else {"": row}


def _parquet(listing: Listing, one: FileVersion, rows: int) -> Beginning:
    place = listing.fs.root.child(one.path)
    try:
        if place.scheme == "file":
            file, fetched = pq.ParquetFile(place.path), 0
        elif one.size <= WHOLE:
            data = listing.fs.read(one.path)
            file, fetched = pq.ParquetFile(io.BytesIO(data)), len(data)
        else:
            raise SourceError(
                f"{place} has {one.size} bytes, and preview fetches whole Parquet files up to {WHOLE}; look at what extract lands"
            )
        batch = next(file.iter_batches(batch_size=rows), None)
    except (pa.ArrowInvalid, OSError) as error:
        raise SourceError(f"{place} cannot be read as parquet: {error}") from error
    found = () if batch is None else tuple(batch.to_pylist())
    return Beginning(rows=found, whole=len(found) == file.metadata.num_rows, bytes=fetched or one.size)
