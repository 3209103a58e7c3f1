"""A chunk file is hashed as it is written."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion.bronze.spool import pieces, spool
from medallion.errors import DiskFullError, StorageError


def test_size_and_hash_are_those_of_the_file(tmp_path: Path) -> None:
    """What the log will say of the file is true of its bytes; rows are numbered from 0."""
    done = spool(pa.table({"a": list(range(100_000))}), tmp_path / "x.parquet", compression="zstd")
    data = done.path.read_bytes()
    assert (done.bytes, done.sha256, done.rows) == (len(data), hashlib.sha256(data).hexdigest(), 100_000)
    table = pq.read_table(done.path)
    assert table.schema.field("_row").type == pa.int64()
    assert table["_row"].to_pylist() == list(range(100_000))
    assert pq.ParquetFile(done.path).metadata.row_group(0).column(0).compression == "ZSTD"


@pytest.mark.parametrize(("number", "error"), [(28, DiskFullError), (122, DiskFullError), (5, StorageError)])
def test_a_disk_that_fails_is_a_typed_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[Exception]) -> None:
    """Full, over quota, broken: no half file stays."""

    def fail(*_arguments: object, **_named: object) -> None:
        raise OSError(number, "it failed")

    monkeypatch.setattr("pyarrow.parquet.ParquetWriter.write_table", fail)
    with pytest.raises(error):
        spool(pa.table({"a": [1]}), tmp_path / "x.parquet", compression="zstd")
    assert list(tmp_path.iterdir()) == []


@given(rows=st.integers(0, 50), most=st.integers(1, 20))
def test_pieces_are_even_and_whole(rows: int, most: int) -> None:
    """No piece is larger than allowed, none is lost, and there are as few as possible."""
    table = pa.table({"a": pa.array(range(rows), pa.int64())})
    parts = list(pieces(table, rows=most))
    assert [value for part in parts for value in part["a"].to_pylist()] == list(range(rows))
    assert all(len(part) <= most for part in parts)
    assert len(parts) == max(1, -(-rows // most))
