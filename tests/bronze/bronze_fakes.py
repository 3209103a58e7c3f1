"""Sources and stores for the tests of Bronze: rows in sight, faults where a test wants them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from medallion.bronze.entry import Chunk, ChunkEntry, RunCompleted
from medallion.bronze.extract import ExtractResult, extract
from medallion.bronze.log import LogReader, Stored
from medallion.bronze.opening import ExtractOptions
from medallion.bronze.state import columns_of
from medallion.bronze.stored import blocks
from medallion.config.platform import Bronze
from medallion.config.source import Source
from medallion.errors import AlreadyExistsError, MedallionError, NotFoundError
from medallion.events import Event
from medallion.layout import BronzeLayout
from medallion.schema import Type
from medallion.source.protocol import DONE, Lane, Page
from medallion.stop import StopFlag
from medallion.storage.filesystem import FileInfo, FileSystem, checked
from medallion.storage.local import LocalFileSystem
from medallion.storage.location import Location
from medallion.testing.clock import FakeClock

LAYOUT = BronzeLayout(system="nyc", table="changes")
DAY = datetime(2013, 1, 1, tzinfo=timezone.utc)


class MemoryFileSystem:
    """A FileSystem in a dictionary."""

    def __init__(self) -> None:
        self.root = Location(scheme="memory", authority="", path="/lake")
        self.data: dict[str, bytes] = {}

    def put_if_absent(self, path: str, data: bytes) -> None:
        if checked(path) in self.data:
            raise AlreadyExistsError(f"{path} is there already")
        self.data[path] = data

    def put(self, path: str, data: bytes) -> None:
        self.data[checked(path)] = data

    def upload(self, local: Path, path: str) -> None:
        self.data[checked(path)] = local.read_bytes()

    def read(self, path: str) -> bytes:
        if path not in self.data:
            raise NotFoundError(f"{path} is not there")
        return self.data[path]

    def exists(self, path: str) -> bool:
        return path in self.data

    def files(self, path: str = "") -> Iterator[FileInfo]:
        for name, data in sorted(self.data.items()):
            if not path or name.startswith(path + "/"):
                yield FileInfo(path=name, size=len(data), modified=DAY)

    def delete(self, path: str) -> None:
        self.data.pop(path, None)


@dataclass
class Rows:
    """A PageSource over rows with an ``id`` and an ``at``; it fails with *error* before page *fail_at* (counted over all lanes)."""

    rows: Sequence[dict[str, Any]]
    size: int = 2
    error: BaseException | None = None
    fail_at: int | None = None
    asked: list[tuple[str, int]] = field(default_factory=list)
    closed: bool = False
    clock: FakeClock | None = None
    seconds: float = 0.0

    def pages(self, lanes: Sequence[Lane]) -> Iterator[Page]:
        try:
            for lane in lanes:
                rows = [row for row in self.rows if _inside(row, lane)]
                start = 0 if lane.position is None else int(lane.position["page"])
                count = max(1, -(-len(rows) // self.size))
                for number in range(start, count):
                    if self.fail_at is not None and len(self.asked) >= self.fail_at:
                        raise self.error or AssertionError("an error is missing")
                    self.asked.append((lane.name, number))
                    if self.clock is not None:
                        self.clock.advance(self.seconds)
                    records = [json.dumps(row).encode() for row in rows[number * self.size : (number + 1) * self.size]]
                    after = DONE if number + 1 == count else {"page": number + 1}
                    yield Page(lane=lane.name, position={"page": number}, next=after, records=records, wire_bytes=10, sha256="")
        finally:
            self.closed = True


def _inside(row: dict[str, Any], lane: Lane) -> bool:
    if lane.window.start is None or "at" not in row:
        return True
    at = datetime.fromisoformat(row["at"].replace("Z", "+00:00"))
    return at >= lane.window.start and (lane.window.end is None or at < lane.window.end)


def row(number: int, *, at: int | None = None, **more: Any) -> dict[str, Any]:
    """Row *number*, changed *at* that many minutes after midnight (default: its number)."""
    moment = DAY + timedelta(minutes=number if at is None else at)
    return {"id": number, "at": moment.isoformat().replace("+00:00", "Z"), **more}


def source(load_pattern: str = "cdc", *, incremental: dict[str, Any] | None = None, endpoint: str = "/changes", **more: Any) -> Source:
    """A source as a configuration has it; *incremental* adds to what a cdc source needs, {} for none of it."""
    api: dict[str, Any] = {"base_url": "http://127.0.0.1:1", "endpoint": endpoint}
    if load_pattern != "full":
        api["incremental"] = {"cursor_field": "at", "initial_value": "2013-01-01", "start_param": "since"} | (incremental or {})
    return Source.model_validate({"name": "changes", "system": "nyc", "table": "changes", "load_pattern": load_pattern, "api": api} | more)


@dataclass
class Lake:
    """A store, a clock and the wish to extract."""

    fs: FileSystem
    spool: Path
    clock: FakeClock = field(default_factory=FakeClock)
    events: list[Event] = field(default_factory=list)
    bronze: Bronze = field(default_factory=lambda: Bronze(max_rows_per_file=4))

    @classmethod
    def on_disk(cls, folder: Path) -> Lake:
        (folder / "spool").mkdir(parents=True, exist_ok=True)
        return cls(LocalFileSystem(Location.parse(str(folder / "lake"))), folder / "spool")

    @classmethod
    def in_memory(cls, spool: Path) -> Lake:
        return cls(MemoryFileSystem(), spool)

    def extract(self, rows: Any, of: Source | None = None, *, stop: StopFlag | None = None, **options: Any) -> ExtractResult:
        return extract(
            source() if of is None else of,
            rows,
            self.fs,
            bronze=self.bronze,
            options=ExtractOptions(**options),
            clock=self.clock,
            listener=self.events.append,
            stop=stop or StopFlag(),
            spool=self.spool,
        )

    def fails(self, rows: Any, of: Source | None = None, **options: Any) -> MedallionError:
        """The error that an extraction ends with."""
        try:
            self.extract(rows, of, **options)
        except MedallionError as error:
            return error
        raise AssertionError("the extraction was to fail")

    def log(self) -> list[Stored]:
        reader = LogReader(self.fs, LAYOUT)
        newest = reader.newest()
        return reader.read(0, newest) if newest >= 0 else []

    def kinds(self) -> list[str]:
        return [type(stored.entry).__name__ for stored in self.log()]

    def chunks(self, run_id: str | None = None) -> list[Chunk]:
        """All chunks that the log lists (of one run), in its order."""
        entries = [stored.entry for stored in self.log()]
        return [chunk for entry in entries if isinstance(entry, ChunkEntry) and run_id in (None, entry.run_id) for chunk in entry.chunks]

    def columns(self, chunk: Chunk) -> Mapping[str, Type]:
        """Those that a chunk was written by."""
        return columns_of(LogReader(self.fs, LAYOUT), chunk.schema_id)

    def rows(self, chunk: Chunk) -> list[dict[str, Any]]:
        """The rows of a chunk, in order, with ``_rescued`` and ``_row``."""
        names = [*self.columns(chunk), "_rescued", "_row"]
        rows = [row for block in blocks(self.fs, LogReader(self.fs, LAYOUT), chunk, names) for row in block.to_pylist()]
        assert len(rows) == chunk.rows
        return rows

    def landed(self, run_id: str | None = None) -> list[dict[str, Any]]:
        """All rows that the log lists (of one run), in its order."""
        return [row for chunk in self.chunks(run_id) for row in self.rows(chunk)]

    def ids(self, run_id: str | None = None) -> list[int]:
        return [one["id"] for one in self.landed(run_id)]

    def completed(self) -> RunCompleted:
        entry = self.log()[-1].entry
        assert isinstance(entry, RunCompleted)
        return entry
