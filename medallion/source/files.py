"""Files as frames: Spark's executors read them, those that were not taken before; what is no row goes to ``_rescued`` as it stands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import unquote

from medallion.config.bound import Bound
from medallion.config.file import File
from medallion.config.glob import parted
from medallion.errors import MedallionError, SourceError
from medallion.events import Listener, Noticed
from medallion.layout import literal, quoted
from medallion.schema import Decimal, Type
from medallion.source.listing import Listing
from medallion.source.protocol import DONE, FileVersion, Frame, Lane
from medallion.storage.filesystem import FileSystem
from medallion.storage.location import Location

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

UNREADABLE = "__unreadable"
"""The column with the text of a row that could not be read."""
NOTHING = "\ufdd0"
"""What an empty field of CSV is read as, and then null: no text holds it. Nothing in its place would make nulls of quoted empty texts."""
HEADERS = 32
"""Different headers of CSV that one frame reads."""


def shown(file: File) -> str:
    """What is read, for people."""
    below = "" if file.glob is None else f", {file.glob}"
    return f"{file.format} files in {file.path}{below}"


@dataclass(frozen=True, kw_only=True)
class FileFrames:
    """The FrameSource of files. *source* is its name, *whole* whether all files are read each time, *open_root* opens a place."""

    source: str
    file: File
    whole: bool
    declared: Mapping[str, Type]
    open_root: Callable[[str], FileSystem]
    listener: Listener

    def ceiling(self, spark: SparkSession) -> Bound | None:  # noqa: ARG002
        """Files are told apart by what they are, not by when: a run ends where the clock is."""
        return None

    def frames(self, spark: SparkSession, lanes: Sequence[Lane]) -> Iterator[Frame]:
        """See FrameSource. A snapshot is one frame; of others each is as many files as one job may read.

        Raises SourceError where a snapshot would have no file, StorageError where they cannot be listed.
        """
        listing = Listing.of(self.file, self.open_root)
        for lane in lanes:
            there = sorted(listing.now(), key=lambda one: (one.modified, one.path))
            if not there and self.whole:
                raise SourceError(f"{self.source}: there is no file {listing.shown}, which would be an empty snapshot; look at file.path")
            if not there:
                self.listener(Noticed(subject=self.source, sentence=f"there is no file {listing.shown}"))
            new = [one for one in there if one not in lane.taken]
            batches = [new] if self.whole else list(_batches(new, self.file.max_files_per_job, self.file.max_bytes_per_job))
            for number, batch in enumerate(batches, start=1):
                yield from self._read(spark, listing, lane, batch, last=number == len(batches))

    def failure(self, said: str) -> MedallionError | None:
        """A file that is gone, that is no file of its format, or that does not go together with others."""
        root = Location.parse(parted(self.file.path or "")[0]).path
        found = re.search(re.escape(root) + r"(/[^\s'\"]+)?", unquote(said))
        place = shown(self.file) if found is None else found[0].rstrip(".,;:)]")
        if "CANNOT_MERGE_SCHEMAS" in said:
            return SourceError(
                f"{self.source}: files in {self.file.path} have a column of types that do not go together; read them by two sources, "
                "told apart by file.glob"
            )
        if "COLUMN_ALREADY_EXISTS" in said:
            return SourceError(f"{self.source}: {place} has names that differ only in case, which are one column for Spark")
        if found is None:
            return None
        if "FILE_NOT_EXIST" in said or "PATH_NOT_FOUND" in said or "FileNotFoundException" in said:
            return SourceError(f"{self.source}: {place} is gone since it was listed; nothing of this job landed: run again")
        if "FAILED_READ_FILE" in said or "is not a Parquet file" in said or "CANNOT_READ_FILE_FOOTER" in said:
            return SourceError(f"{self.source}: {place} cannot be read as {self.file.format}; remove it or leave it out by file.glob")
        return None

    def _read(self, spark: SparkSession, listing: Listing, lane: Lane, batch: Sequence[FileVersion], *, last: bool) -> Iterator[Frame]:
        if self.file.format == "csv":
            headers = listing.headers(batch)
            alike: dict[tuple[str, ...], list[FileVersion]] = {}
            for one, names in zip(batch, headers, strict=True):
                alike.setdefault(names or (), []).append(one)
            empty, groups = alike.pop((), []), list(alike.items())
            most = len(groups) if self.whole else HEADERS
            parts = [groups[at : at + most] for at in range(0, len(groups), most)] if groups else []
            for number, part in enumerate(parts, start=1):
                rows = [self._csv(spark, listing, names, files) for names, files in part]
                taken = [*(one for _, files in part for one in files), *(empty if number == 1 else ())]
                yield self._frame(lane, listing, rows, taken, last=last and number == len(parts))
            if not parts and empty:
                self.listener(Noticed(subject=self.source, sentence=f"{len(empty)} files are empty: {empty[0].path}"))
            return
        paths = _paths(listing, batch)
        if self.file.format == "jsonl":
            whole = self._jsonl(spark, listing, paths)
        else:
            whole = self._placed(spark.read.option("mergeSchema", "true").parquet(*paths), listing)
        yield self._frame(lane, listing, [whole], batch, last=last)

    def _frame(self, lane: Lane, listing: Listing, rows: Sequence[DataFrame], files: Sequence[FileVersion], *, last: bool) -> Frame:
        whole = rows[0]
        for more in rows[1:]:
            whole = whole.unionByName(more, allowMissingColumns=True)
        return Frame(
            lane=lane.name,
            position={"files": len(files), "first": files[0].path, "last": files[-1].path},
            next=DONE if last else {"after": files[-1].path},
            rows=whole,
            rescued=UNREADABLE if UNREADABLE in whole.columns else None,
            taken=() if self.whole else files,
            check=partial(listing.check, files),
        )

    def _csv(self, spark: SparkSession, listing: Listing, names: Sequence[str], files: Sequence[FileVersion]) -> DataFrame:
        options = {
            "header": str(self.file.header).lower(),
            "sep": self.file.delimiter,
            "quote": self.file.quote,
            "escape": self.file.escape,
            "encoding": self.file.encoding,
            "nullValue": self.file.null_value or NOTHING,
            "emptyValue": "",
            "multiLine": str(self.file.multiline).lower(),
            "columnNameOfCorruptRecord": UNREADABLE,
        }
        ddl = ", ".join(f"{quoted(name)} string" for name in (*names, UNREADABLE))
        rows = spark.read.schema(ddl).options(**options).csv(_paths(listing, files))
        return self._told(rows, listing)

    def _jsonl(self, spark: SparkSession, listing: Listing, paths: Sequence[str]) -> DataFrame:
        options = {"multiLine": str(self.file.multiline).lower(), "encoding": self.file.encoding, "columnNameOfCorruptRecord": UNREADABLE}
        reader = spark.read.options(**options)
        inferred = reader.json(list(paths)).schema
        fields = [one for one in inferred.jsonValue()["fields"] if one["name"] != UNREADABLE]
        if any(isinstance(self.declared.get(one["name"]), Decimal) for one in fields):  # every digit that is written
            exact = {one["name"]: one for one in reader.option("prefersDecimal", "true").json(list(paths)).schema.jsonValue()["fields"]}
            fields = [exact[one["name"]] if isinstance(self.declared.get(one["name"]), Decimal) else one for one in fields]
        if not fields:
            return self._told(spark.read.text(list(paths)).where("trim(value) <> ''"), listing, bad="value")
        fields.append({"name": UNREADABLE, "type": "string", "nullable": True, "metadata": {}})
        kind: type[StructType] = type(inferred)
        rows: DataFrame = reader.schema(kind.fromJson({"type": "struct", "fields": fields})).json(list(paths))
        return self._told(rows, listing)

    def _told(self, rows: DataFrame, listing: Listing, bad: str = UNREADABLE) -> DataFrame:
        """*rows* with nulls where a row could not be read: where *bad* has its text; that and its file are in :data:`UNREADABLE`."""
        place = _relative(listing)
        whole = [f"CASE WHEN {quoted(bad)} IS NULL THEN {quoted(name)} END AS {quoted(name)}" for name in rows.columns if name != bad]
        text = f"to_json(named_struct('file', {place}, 'text', {quoted(bad)}))"
        told = f"CASE WHEN {quoted(bad)} IS NOT NULL THEN {text} END AS {quoted(UNREADABLE)}"
        return rows.selectExpr(*whole, *self._column(rows, place), told)

    def _placed(self, rows: DataFrame, listing: Listing) -> DataFrame:
        """*rows* with the column of their files, if it is asked for."""
        return rows.selectExpr(*map(quoted, rows.columns), *self._column(rows, _relative(listing)))

    def _column(self, rows: DataFrame, place: str) -> list[str]:
        name = self.file.file_column
        if name is None:
            return []
        if name.lower() in {other.lower() for other in rows.columns}:
            raise SourceError(f"{self.source}: files in {self.file.path} have a column {name} themselves; call file.file_column otherwise")
        return [f"{place} AS {quoted(name)}"]


def _batches(files: Sequence[FileVersion], most: int, most_bytes: int) -> Iterator[list[FileVersion]]:
    batch: list[FileVersion] = []
    size = 0
    for one in files:
        if batch and (len(batch) == most or size + one.size > most_bytes):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += one.size
    if batch:
        yield batch


def _paths(listing: Listing, files: Sequence[FileVersion]) -> list[str]:
    """How Spark is told of these files and no others: a name may hold what would be a pattern."""
    return [re.sub(r"([][{}*?\\])", r"\\\1", listing.uri(one.path)) for one in files]


def _relative(listing: Listing) -> str:
    """The SQL of a row's file: Spark gives an URI with some characters encoded, and a plus as it is."""
    above = literal(listing.fs.root.path.rstrip("/") + "/")
    place = "url_decode(replace(_metadata.file_path, '+', '%2B'))"
    return f"substring({place}, locate({above}, {place}) + length({above}))"
