"""Chunks become true: uploaded and entered in the log by one worker, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType

from medallion.bronze.chunk import ReadyChunk, Yield
from medallion.bronze.entry import ChunkFile, Marks
from medallion.bronze.ledger import Ledger
from medallion.bronze.spool import Spooled
from medallion.bronze.upload import upload
from medallion.config.bound import Bound, show_bound
from medallion.errors import StateError
from medallion.schema import Type
from medallion.storage.filesystem import FileSystem

IN_FLIGHT = 2
"""Chunks that are complete and not yet in the log, at most."""


@dataclass(kw_only=True)
class Landing:
    """Lands the chunks of one run. A context: on leaving it, no work goes on, and nothing that was not committed will be.

    What is in *ledger* is final after :meth:`drain`.
    """

    fs: FileSystem
    ledger: Ledger
    yields: Yield = field(default_factory=Yield)
    keep: Callable[[Mapping[int, str]], Marks] | None = None
    """Writes candidates of parents down, where these have cursors of their own."""
    on_landed: Callable[[Mapping[int, str]], None] = lambda _: None
    """Hears the candidates that are in the log."""
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
        """See Ledger. Nothing may be in flight, but for the worker itself."""
        self.ledger.enter_schema(columns, changes)

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
        ledger = self.ledger
        if spooled and (ready.changes or ledger.schema_id is None):
            ledger.enter_schema(ready.columns, ready.changes)
        files: list[tuple[int, list[ChunkFile]]] = []
        for place, one in enumerate(spooled):
            files.append((one.rows, upload(self.fs, ledger.layout, one, folder=ledger.folder, number=ledger.chunks + place)))
        candidates = self.keep(ready.candidates) if ready.candidates and self.keep is not None else None
        ledger.enter(
            files,
            resume=ready.resume,
            watermark=watermark,
            final=final,
            asked=ready.asked,
            candidates=candidates,
            rescued=ready.rescued,
        )
        self.on_landed(ready.candidates)
