"""A Bronze table as Silver sees it: its log and its chunks, read with Spark alone, so that it works wherever Spark does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.errors import AnalysisException
from pyspark.sql import functions as F

from medallion.bronze import executors
from medallion.bronze.entry import Chunk, ChunkEntry, Format, RunCompleted, SchemaEntry
from medallion.bronze.log import Stored, newest, read
from medallion.errors import ChainError, ChecksumError
from medallion.layout import entry_name, literal
from medallion.schema import STRING, parse_type
from medallion.silver.kinds import as_type
from medallion.silver.source import comes_by_itself, delivers_run

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

READ_AT_ONCE = 32
FEW = 32
"""So many names of files are gone through for each row; of more it is found by a join, which takes a tenth of what a batch writes."""
NOT_FOUND = "PATH_NOT_FOUND"


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A chunk and the version of the log entry that lists it."""

    version: int
    chunk: Chunk


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What one micro-batch delivers: the chunks, and the run they are if it is delivered as a whole."""

    first_version: int
    last_version: int
    sha256: str
    """Of the last entry."""
    chunks: tuple[Placed, ...]
    snapshot: RunCompleted | None = None
    snapshot_version: int | None = None

    @property
    def rows(self) -> int:
        """Rows that the log lists."""
        return sum(placed.chunk.rows for placed in self.chunks)

    @property
    def bytes(self) -> int:
        """Bytes of the files that are read."""
        return sum(placed.chunk.file.bytes for placed in self.chunks)


@dataclass(frozen=True, kw_only=True)
class Landed:
    """The Bronze table below the folder *root*, a path or URI that Spark reads."""

    spark: SparkSession
    root: str
    known: Mapping[int, Stored] = field(default_factory=dict)
    """Entries that were read before, by version, the chain between them checked."""

    def exists(self, relative: str) -> bool:
        """Whether there is a file at a path below the table's folder.

        Each file is asked for by itself: a server of Spark Connect keeps what it knows of a folder that a session has read.
        """
        try:
            _ = self.spark.read.format("binaryFile").load(f"{self.root}/{relative}").schema
        except AnalysisException as error:
            if error.getCondition() == NOT_FOUND:
                return False
            raise
        return True

    def newest(self, *, at_least: int = -1) -> int:
        """The newest version of the log, -1 for an empty one; found fastest from a version that is near it.

        Spark reads no file whose name begins with an underscore, so the log's own hint is not for us.
        """
        return newest(lambda version: self.exists(entry_name(version)), max(at_least, 0))

    def entries(self, first: int, last: int, *, prev_sha256: str | None = None) -> list[Stored]:
        """The entries *first* to *last*, both included, their chain checked."""
        known = [self.known[version] for version in range(first, last + 1) if version in self.known] if self.known else []
        if known and len(known) == last + 1 - first and prev_sha256 in (None, known[0].entry.prev_sha256):
            return known
        return read(self._fetch, first, last, prev_sha256=prev_sha256, name=lambda version: f"{self.root}/{entry_name(version)}")

    def _fetch(self, versions: Sequence[int]) -> Mapping[int, bytes]:
        names = {version: entry_name(version) for version in versions}
        try:
            found = self._contents(list(names.values()))
        except AnalysisException as error:
            if error.getCondition() != NOT_FOUND:
                raise
            found = self._contents([name for name in names.values() if self.exists(name)])
        return {version: found[base] for version, name in names.items() if (base := name.rsplit("/", 1)[-1]) in found}

    def _contents(self, relative: Sequence[str]) -> dict[str, bytes]:
        if not relative:
            return {}
        frame = self.spark.read.format("binaryFile").load([f"{self.root}/{name}" for name in relative])
        rows = frame.select(F.col("_metadata.file_name"), "content").collect()
        return {row["file_name"]: bytes(row["content"]) for row in rows}

    def deliver(self, first: int, last: int, *, prev_sha256: str, by_run: bool = False) -> Delivery:
        """What the entries *first* to *last* deliver, after the one whose hash is *prev_sha256*.

        Chunks of ``cdc`` and ``current_history`` runs count as they come; those of a full run, and *by_run* those of any, with its
        ``run_completed``, wherever they stand. Raises ChainError if the log is not the one that the checkpoint knows.
        """
        stored = self.entries(first, last, prev_sha256=prev_sha256)
        chunks: list[Placed] = []
        snapshot: RunCompleted | None = None
        snapshot_version: int | None = None
        for one in stored:
            entry = one.entry
            if comes_by_itself(entry, by_run=by_run):
                chunks += [Placed(version=one.version, chunk=chunk) for chunk in entry.chunks]
            elif delivers_run(entry, by_run=by_run):
                snapshot, snapshot_version = entry, one.version
                chunks = self._chunks(one, entry)
        return Delivery(
            first_version=first,
            last_version=last,
            sha256=stored[-1].sha256,
            chunks=tuple(chunks),
            snapshot=snapshot,
            snapshot_version=snapshot_version,
        )

    def run(self, version: int) -> Delivery:
        """The run that the entry at a version completes, as one delivery; of one that repeats an earlier run, the chunks of that one."""
        (completed,) = self.entries(version, version)
        return self.deliver(version, version, prev_sha256=completed.entry.prev_sha256, by_run=True)

    def _chunks(self, one: Stored, completed: RunCompleted) -> list[Placed]:
        """The chunks of a completed run; of one that repeats an earlier run, that one's, since its own files are gone."""
        if completed.same_as is not None:
            one, completed = self._completed(completed.same_as, before=completed.first_version)
        of_run = self.entries(completed.first_version, one.version)
        if of_run[-1].sha256 != one.sha256:
            raise ChainError(f"{self.root}/{entry_name(one.version)} changed while it was read; nothing of it was published")
        return [
            Placed(version=stored.version, chunk=chunk)
            for stored in of_run
            if isinstance(stored.entry, ChunkEntry) and stored.entry.run_id == completed.run_id
            for chunk in stored.entry.chunks
        ]

    def _completed(self, run_id: str, *, before: int) -> tuple[Stored, RunCompleted]:
        """The ``run_completed`` of a run that stands *before* a version; the nearest ones are looked at first."""
        for last in range(before - 1, -1, -READ_AT_ONCE):
            for stored in reversed(self.entries(max(0, last - READ_AT_ONCE + 1), last)):
                if isinstance(stored.entry, RunCompleted) and stored.entry.run_id == run_id:
                    return stored, stored.entry
        raise ChainError(f"the log at {self.root} has no completed run {run_id}, though a later run repeats it; nothing was published")

    def columns(self, schema_id: int) -> dict[str, str]:
        """Column names and Spark types of the ``schema`` entry at a version."""
        entry = self.entries(schema_id, schema_id)[0].entry
        if not isinstance(entry, SchemaEntry):
            raise ChainError(f"{self.root}/{entry_name(schema_id)} is no schema entry, though a chunk names it as its schema")
        return dict(entry.columns)

    def rows(self, chunks: Sequence[Placed], *, positions: bool = True, schema_id: int = -1) -> DataFrame:
        """The rows of *chunks* by the newest of their schemas and *schema_id*, with ``_rescued`` and position.

        That is ``__version``, ``__chunk``, ``__row``; without *positions* the last of these alone, which takes a third of the time to read
        a file less. Older files lack columns (null) or have narrower types, which widen without loss. A file that is missing or is none
        of its format fails the job; nothing is skipped.
        """
        alike: dict[tuple[int, Format], list[Placed]] = {}
        for placed in chunks:
            alike.setdefault((placed.chunk.schema_id, placed.chunk.file.format), []).append(placed)
        newest = max(schema_id, *[of for of, _ in alike])
        schemas = {of: self.columns(of) for of in {newest, *[of for of, _ in alike]}}
        wanted = {name: parse_type(kind) for name, kind in schemas[newest].items()} | {"_rescued": STRING}
        whole: DataFrame | None = None
        for (of, format_), group in alike.items():
            kinds = {name: parse_type(kind) for name, kind in schemas[of].items()}
            written = kinds | {"_rescued": STRING}
            files = executors.landed(self.spark, [self.path(placed) for placed in group], kinds, format_)
            columns = [
                (as_type(name, written[name], kind) if name in written else F.lit(None).cast(str(kind))).alias(name)
                for name, kind in wanted.items()
            ]
            frame = files.select(*columns, F.col("_row").alias("__row"), F.col(executors.FILE).alias("__file"))
            if positions:
                frame = self._placed(frame, group)
            frame = frame.drop("__file")
            whole = frame if whole is None else whole.unionByName(frame)
        assert whole is not None, "no chunks, no rows to read"
        return whole

    def _placed(self, rows: DataFrame, group: Sequence[Placed]) -> DataFrame:
        """*rows*, which have the name of their file as ``__file``, with ``__version`` and ``__chunk``."""
        if len(group) > FEW:
            return rows.join(F.broadcast(self.spark.createDataFrame(_places(group))), "__file")
        found = {"__version": F.col("__place.version"), "__chunk": F.col("__place.chunk")}
        return rows.withColumn("__place", _by_name(group)).withColumns(found).drop("__place")

    def path(self, placed: Placed) -> str:
        """Where the file of a chunk lies that is read."""
        return f"{self.root}/{placed.chunk.file.path}"

    def missing(self, chunks: Sequence[Placed]) -> ChecksumError | None:
        """The error that names the first chunk file that is not there, or None."""
        for placed in chunks:
            relative = self.path(placed).removeprefix(f"{self.root}/")
            if not self.exists(relative):
                return ChecksumError(
                    f"{self.path(placed)} is missing, though log entry {placed.version} lists it; nothing of this batch was "
                    "published: restore the file from a copy"
                )
        return None


def _base(placed: Placed) -> str:
    return placed.chunk.file.path.rsplit("/", 1)[-1]


def _by_name(group: Sequence[Placed]) -> Column:
    """Position of the file that a row is of: a struct of ``version`` and ``chunk``."""
    told = [f"{literal(_base(placed))}, named_struct('version', {placed.version}L, 'chunk', {placed.chunk.ordinal})" for placed in group]
    return F.expr(f"map({', '.join(told)})")[F.col("__file")]


def _places(group: Sequence[Placed]) -> pa.Table:
    """The position of each file, by its name; as Arrow, since Spark starts a job, and a Python, to read a list of tuples."""
    return pa.table(
        {
            "__file": pa.array([_base(placed) for placed in group], pa.string()),
            "__version": pa.array([placed.version for placed in group], pa.int64()),
            "__chunk": pa.array([placed.chunk.ordinal for placed in group], pa.int32()),
        }
    )
