"""Chunks become true: uploaded and entered in the log by one worker, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType

from medallion import events
from medallion.bronze.append import LogWriter
from medallion.bronze.chunk import ReadyChunk, Yield
from medallion.bronze.entry import Chunk, ChunkEntry, Marks, RunStarted, SchemaEntry
from medallion.bronze.spool import Spooled
from medallion.bronze.upload import upload
from medallion.config.bound import Bound, show_bound
from medallion.config.values import parse_instant
from medallion.errors import StateError
from medallion.events import Listener
from medallion.failpoint import failpoint
from medallion.layout import BronzeLayout
from medallion.schema import Type
from medallion.storage.filesystem import FileSystem

IN_FLIGHT = 2
"""Chunks that are complete and not yet in the log, at most."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a run's chunks go."""

    fs: FileSystem
    layout: BronzeLayout
    listener: Listener


@dataclass(kw_only=True)
class Landing:
    """Lands the chunks of one run. A context: on leaving it, no work goes on, and nothing that was not committed will be."""

    place: Place
    writer: LogWriter
    started: RunStarted
    started_version: int
    schema_id: int | None
    yields: Yield = field(default_factory=Yield)
    keep: Callable[[Mapping[int, str]], Marks] | None = None
    """Writes candidates of parents down, where these have cursors of their own."""
    on_landed: Callable[[Mapping[int, str]], None] = lambda _: None
    """Hears the candidates that are in the log."""
    rows: int = 0
    """Rows committed by this attempt; like the next ones, final after :meth:`drain`."""
    chunks: int = 0
    bytes: int = 0
    paths: list[str] = field(default_factory=list)
    """Files committed, relative to the table."""
    _queue: deque[Future[None]] = field(default_factory=deque)
    _worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="landing"))
    _failed: bool = False

    def __enter__(self) -> Landing:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._worker.shutdown(wait=True, cancel_futures=True)

    def land(self, ready: ReadyChunk, *, watermark: Bound | None, final: bool) -> None:
        """*ready* will be committed after all chunks before it; *watermark* as in ChunkEntry.

        Raises the error of an earlier chunk, if there was one.
        """
        while len(self._queue) >= IN_FLIGHT:
            self._queue.popleft().result()
        mark = None if watermark is None else show_bound(watermark)
        self._queue.append(self._worker.submit(self._commit, ready, mark, final))

    def drain(self) -> None:
        """Everything landed so far is in the log; raises the first error."""
        while self._queue:
            self._queue.popleft().result()

    def enter_schema(self, columns: Mapping[str, Type], changes: Iterable[str]) -> None:
        """The table has these columns from the next entry on. Nothing may be in flight, but for the worker itself."""
        stored = self.writer.append(
            SchemaEntry(
                **self.writer.stamp(self.started.run_id),
                started=self.started_version,
                columns=[(name, str(kind)) for name, kind in columns.items()],
                changes=list(changes),
            )
        )
        self.schema_id = stored.version
        self.place.listener(events.SchemaChanged(source=self.started.source, version=stored.version, changes=tuple(changes)))

    def _commit(self, ready: ReadyChunk, watermark: str | None, final: bool) -> None:
        if self._failed:  # its resume points would skip the pages of the chunk that did not land
            raise StateError("an earlier chunk did not land, so this one must not; run again")
        self._failed = True
        spooled = ready.files.result()
        if spooled:
            self.yields.learn(ready.json_bytes, sum(file.bytes for file in spooled))
        self._enter(ready, spooled, watermark, final)
        self._failed = False

    def _enter(self, ready: ReadyChunk, spooled: list[Spooled], watermark: str | None, final: bool) -> None:
        folder = self.place.layout.run_folder(parse_instant(self.started.logical_date), self.started.run_id)
        chunks: list[Chunk] = []
        if spooled and (ready.changes or self.schema_id is None):
            self.enter_schema(ready.columns, ready.changes)
        for ordinal, one in enumerate(spooled):
            landed = upload(self.place.fs, self.place.layout, one, folder=folder, number=self.chunks + ordinal)
            assert self.schema_id is not None, "a chunk with rows has a schema"
            chunks.append(Chunk(ordinal=ordinal, rows=one.rows, schema_id=self.schema_id, files=landed))
        if chunks:
            failpoint("chunk.uploaded")
        candidates = self.keep(ready.candidates) if ready.candidates and self.keep is not None else None
        stored = self.writer.append(
            ChunkEntry(
                **self.writer.stamp(self.started.run_id),
                started=self.started_version,
                load_pattern=self.started.load_pattern,
                chunks=chunks,
                resume={lane: dict(position) for lane, position in ready.resume.items()},
                watermark=watermark,
                watermark_final=final,
                asked=ready.asked,
                candidates=candidates,
            )
        )
        self.on_landed(ready.candidates)
        size = sum(chunk.file.bytes for chunk in chunks)
        self.rows += ready.rows
        self.chunks += len(chunks)
        self.bytes += size
        self.paths += [file.path for chunk in chunks for file in chunk.files]
        self.place.listener(events.ChunkCommitted(source=self.started.source, version=stored.version, rows=ready.rows, bytes=size))
