"""A chunk's file is read without Spark: held against the log, then taken apart by its format."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from medallion.bronze import csv
from medallion.bronze.arrow import arrow_type
from medallion.bronze.entry import Chunk
from medallion.bronze.log import LogReader
from medallion.bronze.state import columns_of
from medallion.errors import ChecksumError, NotFoundError, StateError
from medallion.schema import BIGINT, RESCUED, ROW, STRING
from medallion.storage.filesystem import FileSystem


def blocks(fs: FileSystem, reader: LogReader, chunk: Chunk, names: Collection[str]) -> Iterator[pa.Table]:
    """The rows of a chunk, block by block, in their order and as they were written: those columns among *names* that they have.

    Raises ChecksumError where the file is missing or another one than the log lists, StateError where it holds something else.
    """
    path = reader.layout.within(chunk.file.path)
    place = fs.root.child(path)
    try:
        data = fs.read(path)
    except NotFoundError as error:
        raise ChecksumError(f"{place} is missing, though the log lists it; restore it from a copy") from error
    if len(data) != chunk.file.bytes or hashlib.sha256(data).hexdigest() != chunk.file.sha256:
        raise ChecksumError(f"{place} has other bytes than were landed; restore it from a copy")
    if chunk.file.format == "csv":
        written = {**columns_of(reader, chunk.schema_id), RESCUED: STRING, ROW: BIGINT}
        wanted = {name: kind for name, kind in written.items() if name in names}
        try:
            yield csv.parsed(data, wanted, {name: arrow_type(kind) for name, kind in wanted.items()})
        except ValueError as error:
            raise StateError(f"{place} cannot be read without Spark ({error})") from error
        return
    opened = pq.ParquetFile(pa.BufferReader(data))
    for batch in opened.iter_batches(columns=[name for name in opened.schema_arrow.names if name in names]):
        yield pa.Table.from_batches([batch])
