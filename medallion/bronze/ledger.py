"""What one attempt enters in the log of its table: schemas, and chunks that are there already; and how much that was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from medallion import events
from medallion.bronze.append import LogWriter
from medallion.bronze.entry import Asked, Chunk, ChunkEntry, ChunkFile, FilesEntry, Marks, RunStarted, SchemaEntry
from medallion.config.values import parse_instant
from medallion.events import Listener
from medallion.failpoint import failpoint
from medallion.layout import BronzeLayout
from medallion.schema import Type
from medallion.source.protocol import FileVersion, Position

Keys: TypeAlias = bytes
"""See :class:`medallion.bronze.entry.FilesEntry`."""


@dataclass(kw_only=True)
class Ledger:
    """The run that *started* opened, at version *started_version*."""

    writer: LogWriter
    layout: BronzeLayout
    listener: Listener
    started: RunStarted
    started_version: int
    schema_id: int | None
    """In force: files are written by it."""
    rows: int = 0
    """Rows that this attempt entered."""
    rescued: int = 0
    """Those of them with a value in ``_rescued``."""
    chunks: int = 0
    bytes: int = 0
    paths: list[str] = field(default_factory=list)
    """Files that it entered, relative to the table."""

    @property
    def folder(self) -> str:
        """The run's folder, relative to the table."""
        return self.layout.run_folder(parse_instant(self.started.logical_date), self.started.run_id)

    def enter_schema(self, columns: Mapping[str, Type], changes: Iterable[str]) -> None:
        """The table has these columns from the next entry on."""
        stored = self.writer.append(
            SchemaEntry(
                **self.writer.stamp(self.started.run_id),
                started=self.started_version,
                columns=[(name, str(kind)) for name, kind in columns.items()],
                changes=list(changes),
            )
        )
        self.schema_id = stored.version
        self.listener(events.SchemaChanged(source=self.started.source, version=stored.version, changes=tuple(changes)))

    def enter_files(self, keys: Keys) -> int:
        """Files with these *keys* are taken once the run is complete; gives the entry's version."""
        return self.writer.append(FilesEntry(**self.writer.stamp(self.started.run_id), started=self.started_version, keys=keys)).version

    def enter(
        self,
        files: Sequence[tuple[int, Sequence[ChunkFile]]],
        *,
        resume: Mapping[str, Position],
        watermark: str | None,
        final: bool,
        asked: Asked,
        taken: Sequence[FileVersion] = (),
        candidates: Marks | None = None,
        rescued: int = 0,
    ) -> None:
        """*files*, the rows of each chunk and its files, are chunks of the schema in force; the rest as in ChunkEntry."""
        chunks: list[Chunk] = []
        for ordinal, (rows, formats) in enumerate(files):
            assert self.schema_id is not None, "a chunk with rows has a schema"
            chunks.append(Chunk(ordinal=ordinal, rows=rows, schema_id=self.schema_id, files=list(formats)))
        if chunks:
            failpoint("chunk.uploaded")
        stored = self.writer.append(
            ChunkEntry(
                **self.writer.stamp(self.started.run_id),
                started=self.started_version,
                load_pattern=self.started.load_pattern,
                chunks=chunks,
                resume={lane: dict(position) for lane, position in resume.items()},
                watermark=watermark,
                watermark_final=final,
                asked=asked,
                taken=list(taken),
                candidates=candidates,
                rescued=rescued,
            )
        )
        rows = sum(chunk.rows for chunk in chunks)
        size = sum(chunk.file.bytes for chunk in chunks)
        self.rows += rows
        self.rescued += rescued
        self.chunks += len(chunks)
        self.bytes += size
        self.paths += [file.path for chunk in chunks for file in chunk.files]
        self.listener(events.ChunkCommitted(source=self.started.source, version=stored.version, rows=rows, bytes=size))
