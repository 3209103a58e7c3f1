"""The first rows of files, without Spark and without reading more than is needed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medallion.config.file import File
from medallion.errors import SourceError
from medallion.source import beginning
from medallion.source.beginning import Beginning, opened
from medallion.source.listing import Listing
from medallion.storage.local import LocalFileSystem
from medallion.storage.location import Location


def look(path: Path, rows: int = 10, **more: Any) -> Beginning:
    """The beginning of one file."""
    listing = Listing.of(File.model_validate({"path": str(path)} | more), lambda root: LocalFileSystem(Location.parse(root)))
    (one,) = listing.now()
    return opened(listing, one, rows)


def test_csv_as_its_header_says(tmp_path: Path) -> None:
    """Missing fields are null, those too many are not shown, an empty field is null."""
    path = tmp_path / "a.csv"
    path.write_text('id,name\n1,"x\ny"\n2\n3,NA,more\n')
    assert look(path, format="csv", null_value="NA") == Beginning(
        rows=({"id": "1", "name": "x\ny"}, {"id": "2", "name": None}, {"id": "3", "name": None}), whole=True, bytes=28
    )


def test_only_the_beginning_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that is cut is not shown, also of a compressed file, whose rest is missing."""
    monkeypatch.setattr(beginning, "READ", 300)
    lines = [json.dumps({"id": number, "text": f"{number:032x}"}) for number in range(1000)]
    plain, packed = tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz"
    plain.write_text("\n".join(lines))
    packed.write_bytes(gzip.compress("\n".join(lines).encode()))
    found = look(plain, format="jsonl")
    assert (found.rows[0]["id"], len(found.rows), found.whole, found.bytes) == (0, 5, False, 300)
    assert [row["id"] for row in look(packed, format="jsonl").rows] == list(range(len(look(packed, format="jsonl").rows)))


def test_parquet_by_its_first_rows(tmp_path: Path) -> None:
    """As many as are wanted, with their types."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": range(100), "tags": [["x"]] * 100}), path)
    found = look(path, 2, format="parquet")
    assert (found.rows, found.whole) == (({"id": 0, "tags": ["x"]}, {"id": 1, "tags": ["x"]}), False)
    path.write_bytes(b"none")
    with pytest.raises(SourceError, match="cannot be read as parquet"):
        look(path, format="parquet")


@pytest.mark.parametrize(("text", "options"), [("{", {"format": "jsonl"}), ('{"a":', {"format": "jsonl", "multiline": True})])
def test_what_is_none_of_its_format_is_said(tmp_path: Path, text: str, options: dict[str, Any]) -> None:
    """One sentence with the file."""
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(SourceError, match=r"a\.json cannot be read as jsonl"):
        look(path, **options)


def test_a_json_array_is_rows(tmp_path: Path) -> None:
    """Where a row may span lines."""
    path = tmp_path / "a.json"
    path.write_text('[\n {"a": 1},\n {"a": 2}\n]')
    assert look(path, format="jsonl", multiline=True).rows == ({"a": 1}, {"a": 2})
