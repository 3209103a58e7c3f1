"""A chunk's files are hashed as they are written, while the chunk is still open."""

from __future__ import annotations

import hashlib
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion.bronze import spool
from medallion.bronze.spool import ROW_GROUP, OpenFiles, Spooled
from medallion.bronze.spooler import Spooler
from medallion.errors import DiskFullError, StorageError


def files(folder: Path, rows: int = 250_000) -> OpenFiles:
    """The files of a chunk in *folder*, of at most *rows* rows each."""
    return OpenFiles(folder=folder, rows=rows, compression="zstd")


def numbers(first: int, count: int) -> pa.Table:
    """*count* rows that can be told apart."""
    return pa.table({"a": pa.array(range(first, first + count), pa.int64())})


def test_size_and_hash_are_those_of_the_file(tmp_path: Path) -> None:
    """What the log will say of the file is true of its bytes; rows are numbered from 0."""
    chunk = files(tmp_path)
    chunk.add(numbers(0, 70_000))
    chunk.add(numbers(70_000, 30_000))
    (done,) = chunk.close()
    (file,) = done.files
    data = file.path.read_bytes()
    assert (file.bytes, file.sha256, done.rows) == (len(data), hashlib.sha256(data).hexdigest(), 100_000)
    table = pq.read_table(file.path)
    assert table.schema.field("_row").type == pa.int64()
    assert table["_row"].to_pylist() == table["a"].to_pylist() == list(range(100_000))
    group = pq.ParquetFile(file.path).metadata.row_group(0)
    assert (group.column(0).compression, group.num_rows) == ("ZSTD", ROW_GROUP)


def test_row_numbers_take_next_to_nothing(tmp_path: Path) -> None:
    """They are written as differences, the other columns with a dictionary, those inside others too."""
    chunk = files(tmp_path)
    chunk.add(pa.table({"s": [{"_row": "x", "l": [{"y": "z"}]}] * 10_000}))
    (done,) = chunk.close()
    group = pq.ParquetFile(file_of(done)).metadata.row_group(0)
    parts = {part.path_in_schema: part for part in (group.column(index) for index in range(group.num_columns))}
    assert {path: part.has_dictionary_page for path, part in parts.items()} == {"s._row": True, "s.l.list.element.y": True, "_row": False}
    assert "DELTA_BINARY_PACKED" in parts["_row"].encodings
    assert parts["_row"].total_compressed_size < 1000


@given(blocks=st.lists(st.integers(1, 12), max_size=8), most=st.integers(1, 20), group=st.integers(1, 10))
def test_files_are_whole_and_no_larger_than_allowed(
    tmp_path_factory: pytest.TempPathFactory, blocks: list[int], most: int, group: int
) -> None:
    """However the rows come: none is lost, their order stays, each file is numbered from 0 and only the last one has room."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool, "ROW_GROUP", group)
        chunk = files(tmp_path_factory.mktemp("spool"), rows=most)
        for end, count in zip(accumulate(blocks), blocks, strict=True):
            chunk.add(numbers(end - count, count))
        done = chunk.close()
    tables = [pq.read_table(file_of(one)) for one in done]
    assert [value for table in tables for value in table["a"].to_pylist()] == list(range(sum(blocks)))
    assert all(table["_row"].to_pylist() == list(range(len(table))) for table in tables)
    assert [one.rows for one in done] == [len(table) for table in tables]
    assert all(one.rows == most for one in done[:-1])
    assert all(one.rows <= most for one in done)
    assert chunk.close() == []


def test_a_group_is_bounded_in_bytes_too(tmp_path: Path) -> None:
    """Few rows that are large do not wait in memory until there are many."""
    chunk = files(tmp_path)
    for _ in range(3):
        chunk.add(pa.table({"a": ["x" * (spool.GROUP_BYTES // 2)]}))
    (done,) = chunk.close()
    assert pq.ParquetFile(file_of(done)).metadata.num_row_groups == 2


def file_of(done: Spooled) -> Path:
    """The one file of a chunk of one format."""
    (file,) = done.files
    return file.path


def test_a_chunk_of_two_formats_has_the_same_rows_in_both(tmp_path: Path) -> None:
    """Both are whole, and each has its own size and hash."""
    chunk = OpenFiles(folder=tmp_path, rows=250_000, compression="zstd", formats=("csv", "parquet"))
    chunk.add(numbers(0, 3))
    (done,) = chunk.close()
    text, parquet = done.files
    assert (text.format, parquet.format, done.rows) == ("csv", "parquet", 3)
    assert text.path.read_bytes() == b'"a","_row"\n"0","0"\n"1","1"\n"2","2"\n'
    assert pq.read_table(parquet.path).to_pylist() == [{"a": row, "_row": row} for row in range(3)]
    for file in done.files:
        data = file.path.read_bytes()
        assert (file.bytes, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def go_on(spooler: Spooler) -> None:
    """More rows than may wait."""
    for number in range(20):
        spooler.add(numbers(number, 1))


@pytest.mark.parametrize(("number", "error"), [(28, DiskFullError), (122, DiskFullError), (5, StorageError)])
def test_a_disk_that_fails_is_a_typed_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[Exception]) -> None:
    """Full, over quota, broken: no half file stays, and whoever goes on is told again."""

    def fail(*_arguments: object, **_named: object) -> None:
        raise OSError(number, "it failed")

    monkeypatch.setattr("pyarrow.parquet.ParquetWriter.write_table", fail)
    with Spooler(files=files(tmp_path)) as spooler:
        spooler.add(numbers(0, ROW_GROUP))
        with pytest.raises(error):
            spooler.close().result()
        with pytest.raises(error):
            go_on(spooler)
    assert list(tmp_path.iterdir()) == []


def test_a_chunk_that_is_given_up_leaves_no_file_open(tmp_path: Path) -> None:
    """An error elsewhere ends the run in the middle of a chunk."""
    with Spooler(files=files(tmp_path)) as spooler:
        spooler.add(numbers(0, 2 * ROW_GROUP))
    assert list(tmp_path.iterdir()) == []


def test_tables_become_files_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    """Chunk after chunk, more of them than may wait."""
    with Spooler(files=files(tmp_path)) as spooler:
        chunks = []
        for chunk in range(3):
            for block in range(20):
                spooler.add(numbers(100 * chunk + block, 1))
            chunks.append(spooler.close())
        read = [pq.read_table(file_of(one))["a"].to_pylist() for chunk in chunks for one in chunk.result()]
    assert read == [list(range(100 * chunk, 100 * chunk + 20)) for chunk in range(3)]
