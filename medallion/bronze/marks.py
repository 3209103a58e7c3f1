"""Files with a cursor value for each of many parents, beside the chunks: the log names them by their hash and does not grow with them."""

from __future__ import annotations

import hashlib
import io
import uuid
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import pyarrow as pa
import pyarrow.parquet as pq

from medallion.bronze.children import Front
from medallion.bronze.entry import Marks
from medallion.bronze.state import OpenRun, latest
from medallion.errors import ChecksumError
from medallion.layout import BronzeLayout
from medallion.source.protocol import DONE, Position
from medallion.storage.filesystem import FileSystem

_SCHEMA = pa.schema([("number", pa.int64()), ("key", pa.string()), ("value", pa.string())])
_AT_ONCE = 65_536


def write(
    fs: FileSystem, layout: BronzeLayout, folder: str, rows: Iterable[tuple[int, str, str]], *, of: Sequence[str], by_number: bool
) -> Marks:
    """*rows*, a parent's number, key and value each, are a new file in *folder* of the table. Raises StorageError."""
    buffer, count, waiting = io.BytesIO(), 0, iter(rows)
    with pq.ParquetWriter(buffer, _SCHEMA, compression="zstd") as writer:
        while some := list(islice(waiting, _AT_ONCE)):
            writer.write_table(pa.table([list(column) for column in zip(*some, strict=True)], schema=_SCHEMA))
            count += len(some)
    data = buffer.getvalue()
    path = f"{folder}/watermarks-{uuid.uuid4().hex}.parquet"
    fs.put_if_absent(layout.within(path), data)
    return Marks(path=path, bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), parents=count, of=list(of), by_number=by_number)


def read(fs: FileSystem, layout: BronzeLayout, marks: Marks) -> Iterator[tuple[int, str, str]]:
    """What :func:`write` was given. Raises ChecksumError where the file is another one, NotFoundError where it is gone."""
    path = layout.within(marks.path)
    data = fs.read(path)
    if hashlib.sha256(data).hexdigest() != marks.sha256:
        raise ChecksumError(f"{fs.root.child(path)} is not the file that the log names: its SHA-256 differs")
    for batch in pq.ParquetFile(pa.BufferReader(data)).iter_batches(batch_size=_AT_ONCE):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def settled(fs: FileSystem, layout: BronzeLayout, run: OpenRun, position: Position | None, folder: str) -> Marks | None:
    """The watermarks in force once *run* is abandoned: those of parents that it was done with have moved; it stood at *position*.

    Raises ChecksumError or StorageError.
    """
    before = run.started.watermarks
    if run.started.backfill or not run.candidates or position is None:
        return before
    front = None if position == DONE else Front.at(position)
    values = {} if before is None else {key: value for _, key, value in read(fs, layout, before)}
    for candidates in run.candidates:
        for number, key, value in read(fs, layout, candidates):
            if front is None or front.is_done(number):
                values[key] = latest(values.get(key), value) or value
    rows = ((place, key, value) for place, (key, value) in enumerate(values.items(), 1))
    first = run.candidates[0]
    return write(fs, layout, folder, rows, of=first.of, by_number=first.by_number)
