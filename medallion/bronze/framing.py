"""Frames of Spark become files of a run, one frame after the other, by the table's schema and contract."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from medallion.bronze import executors
from medallion.bronze.entry import Asked, Format
from medallion.bronze.executors import Cursor, Cut, Files
from medallion.bronze.ledger import Ledger
from medallion.bronze.opening import Opened
from medallion.bronze.state import latest
from medallion.bronze.taken import Taken
from medallion.bronze.typed import shape
from medallion.config.platform import Bronze
from medallion.config.source import Source
from medallion.errors import QualityError
from medallion.events import Noticed
from medallion.layout import quoted
from medallion.schema import ROW, Type, landing_name
from medallion.source.protocol import Frame
from medallion.stop import StopFlag
from medallion.storage.filesystem import FileSystem

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True, kw_only=True)
class _Held:
    """A frame whose files are written and whose entry is not."""

    frame: Frame
    files: Files


@dataclass(kw_only=True)
class FrameLanding:
    """Lands the frames of one run, each before the next is taken.

    The last one waits for its entry: a run that repeats the one before keeps none of its files.
    """

    source: Source
    fs: FileSystem
    spark: SparkSession
    bronze: Bronze
    stop: StopFlag
    opened: Opened
    ledger: Ledger
    declared: Mapping[str, Type]
    taken: Taken
    """Files that this run and those before it took."""
    columns: Mapping[str, Type]
    """The table's, which grow as frames and contract say."""
    frames: int = 0
    changed: bool = False
    pending: tuple[str, ...] = ()
    """Changes of the schema that no entry holds yet."""
    held: _Held | None = None
    rescued: int = 0
    unreadable: int = 0
    newest: str | None = None
    contents: list[int] = field(default_factory=list)
    _said: set[str] = field(default_factory=set)

    def say(self, sentence: str) -> None:
        """Tells a person, once."""
        if sentence not in self._said:
            self._said.add(sentence)
            self.ledger.listener(Noticed(subject=self.source.name, sentence=sentence))

    def land(self, frame: Frame) -> None:
        """The frame's files are written and looked at; those of the frame before are committed. Raises QualityError by contract."""
        self.commit()
        contract = self.source.schema_contract
        fields = [(one["name"], one["type"]) for one in frame.rows.schema.jsonValue()["fields"]]
        shaped = shape(fields, self.declared, self.columns, contract, rescued=frame.rescued)
        if shaped.plan.frozen:
            raise QualityError(
                f"the schema contract forbids these rows: {'; '.join(shaped.plan.frozen)}. Nothing of them landed; change schema_contract "
                "or the source"
            )
        for note in shaped.plan.notes:
            self.say(note)
        renamed = frame.rows.toDF(*[f"c{place}" for place in range(len(fields))])
        rows = renamed.selectExpr(*shaped.columns, f"{shaped.rescued} AS _rescued")
        files = self._written(rows, shaped.plan.columns)
        if files.rescued and shaped.parsed and contract.type_changes == "freeze":
            raise QualityError(
                f"{files.rescued} rows hold text that does not fit its column (declared are {', '.join(shaped.parsed)}) or that the source "
                "could not read, and the schema contract forbids that. Nothing of them landed; change schema_contract, schema or the source"
            )
        if frame.check is not None:
            frame.check()
        self.columns = shaped.plan.columns
        self.frames += 1
        self.taken.add(frame.taken)
        self.rescued += files.rescued
        self.unreadable += files.unreadable
        self.contents.append(files.content)
        self.newest = latest(self.newest, files.newest)
        self.changed = self.changed or bool(shaped.plan.changes)
        self.pending += shaped.plan.changes
        self.held = _Held(frame=frame, files=files)

    def commit(self) -> None:
        """The frame that waits is in the log."""
        if self.held is None:
            return
        held, self.held = self.held, None
        if held.files.written and (self.pending or self.ledger.schema_id is None):
            self.ledger.enter_schema(self.columns, self.pending)
            self.pending = ()
        lane = held.frame.lane
        self.ledger.enter(
            [(one.rows, one.files) for one in held.files.written],
            resume={lane: held.frame.next},
            watermark=self.candidate,
            final=False,
            rescued=held.files.rescued,
            asked=Asked(pages=1, first={lane: dict(held.frame.position)}, last={lane: dict(held.frame.position)}),
            taken=held.frame.taken,
        )

    @property
    def candidate(self) -> str | None:
        """The highest cursor value before the run's end, in this attempt and those before."""
        return latest(self.newest, None if self.opened.continued is None else self.opened.continued.candidate)

    def _written(self, rows: DataFrame, columns: Mapping[str, Type]) -> Files:
        cut = Cut(rows=self.bronze.max_rows_per_file, bytes=self.bronze.max_file_size_mb * 1024**2, compression=self.bronze.compression)
        folder, formats = self._folder(), self._formats
        executors.write(rows, self._uri(folder), columns, cut, formats[0])
        while (largest := self._largest(folder, columns, cut)) > cut.bytes and cut.rows > 1:
            cut = Cut(rows=max(1, cut.rows * cut.bytes * 9 // (largest * 10)), bytes=cut.bytes, compression=cut.compression)
            large, folder = folder, self._folder()
            again = executors.landed(self.spark, [self._uri(large)], columns, formats[0]).drop(ROW, executors.FILE)
            executors.write(again, self._uri(folder), columns, cut, formats[0])
            self._delete(large)
            self._delete(executors.beside(large))
        return executors.look(
            self.spark,
            self._uri(folder),
            folder,
            columns,
            formats,
            cursor=self._cursor(columns),
            hashed=self.source.load_pattern == "full",
        )

    def _cursor(self, columns: Mapping[str, Type]) -> Cursor | None:
        """None where the source has none, or no column of the table is called so."""
        incremental = self.source.incremental
        sql = None if incremental is None else _sql_of(incremental.cursor_field, columns)
        if incremental is None or sql is None:
            return None
        return Cursor(sql=sql, by_number=incremental.by_number, end=self.opened.started.end)

    @property
    def _formats(self) -> tuple[Format, ...]:
        """Of a chunk, the one that is read first."""
        return ("parquet", "csv") if len(self.bronze.formats) > 1 else self.bronze.formats

    def _largest(self, folder: str, columns: Mapping[str, Type], cut: Cut) -> int:
        """Bytes of the largest file; files of a second format are made for it, unless the first one is too large already."""
        largest = executors.largest(self.spark, self._uri(folder), self._formats[0])
        if len(self._formats) == 1 or not 0 < largest <= cut.bytes:
            return largest
        there = executors.beside(folder)
        executors.write_beside(self.spark, self._uri(folder), self._uri(there), columns, cut)
        return max(largest, executors.largest(self.spark, self._uri(there), "csv"))

    def _folder(self) -> str:
        return f"{self.ledger.folder}/frame-{self.frames:05d}-{uuid.uuid4().hex}"

    def _uri(self, folder: str) -> str:
        return self.fs.root.child(self.ledger.layout.within(folder)).uri

    def _delete(self, folder: str) -> None:
        for file in list(self.fs.files(self.ledger.layout.within(folder))):
            self.fs.delete(file.path)


def _sql_of(field_: str, columns: Mapping[str, Type]) -> str | None:
    """The SQL of the cursor's value in a landed row; None: no column is called so."""
    column = landing_name(field_, columns)
    if column in columns:
        return quoted(column)
    head, *rest = field_.split(".")
    column = landing_name(head, columns)
    return ".".join(map(quoted, [column, *rest])) if rest and column in columns else None
