"""A Bronze table written row by row: small, exact, in any order, for tests of what is made of it."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from medallion.bronze.arrow import arrow_type
from medallion.bronze.entry import (
    GENESIS,
    Asked,
    Chunk,
    ChunkEntry,
    ChunkFile,
    Entry,
    RunCompleted,
    RunStarted,
    SchemaEntry,
    Writer,
    encode,
    seal,
)
from medallion.layout import BronzeLayout
from medallion.schema import parse_type


@dataclass
class BronzeTable:
    """A Bronze table below *root* on the local disk, with columns *columns* (name to landing type).

    Each method appends to the log as an extraction would and returns the version of its last entry.
    """

    root: Path
    columns: dict[str, str]
    load_pattern: Literal["full", "cdc", "current_history"] = "cdc"
    system: str = "s"
    table: str = "t"
    version: int = field(default=-1, init=False)
    _seal: str = field(default=GENESIS, init=False)
    _schema_id: int | None = field(default=None, init=False)
    _completed: int | None = field(default=None, init=False)
    _newest: datetime | None = field(default=None, init=False)
    """The latest logical time of the completed runs."""
    _runs: dict[str, int] = field(default_factory=dict, init=False)
    """The version that completed each run."""

    @property
    def folder(self) -> Path:
        """The table's folder."""
        return self.root / BronzeLayout(system=self.system, table=self.table).folder

    def put(self, entry: Entry) -> int:
        """The entry is the newest of the log."""
        data = encode(entry)
        self.version += 1
        path = self.root / BronzeLayout(system=self.system, table=self.table).entry(self.version)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        (path.parent / "_last").write_text(str(self.version))
        self._seal = seal(data)
        return self.version

    def evolve(self, columns: Mapping[str, str]) -> None:
        """From the next chunk on the table has these columns."""
        self.columns, self._schema_id = dict(columns), None

    def run(
        self,
        *chunks: Sequence[Mapping[str, Any]] | pa.Table,
        logical: datetime | None = None,
        complete: bool = True,
        same_as: str | None = None,
        rows: int = 0,
    ) -> int:
        """A run of these chunks of rows, as dictionaries or as a table; under ``full`` a snapshot, of *rows* more if it is as another."""
        logical = logical or datetime(2026, 1, 1, tzinfo=timezone.utc)
        run_id = f"r{self.version + 1}"
        common: dict[str, Any] = {"run_id": run_id, "attempt": "test", "at": logical.isoformat()}
        started = self.put(
            RunStarted(
                **common,
                prev_sha256=self._seal,
                source="s",
                load_pattern=self.load_pattern,
                logical_date=logical.isoformat(),
                fingerprint="f",
                start=None,
                end=None,
                window_seconds=None,
                backfill=False,
                watermark=None,
                schema_id=self._schema_id,
                last_completed=self._completed,
                writer=Writer(host="test", pid=0, started=""),
            )
        )
        for of_chunk in chunks:
            if self._schema_id is None:
                self._schema_id = self.version + 1
                self.put(SchemaEntry(**common, prev_sha256=self._seal, started=started, columns=list(self.columns.items()), changes=[]))
            self.put(
                ChunkEntry(
                    **common,
                    prev_sha256=self._seal,
                    started=started,
                    load_pattern=self.load_pattern,
                    chunks=[self._chunk(of_chunk, run_id)],
                    resume={},
                    watermark=None,
                    watermark_final=False,
                    asked=Asked(pages=1, first={}, last={}),
                )
            )
        if complete:
            is_older = self._newest is not None and self._newest > logical
            self._newest = self._newest if is_older else logical
            self._completed = self.put(
                RunCompleted(
                    **common,
                    prev_sha256=self._seal,
                    first_version=started,
                    load_pattern=self.load_pattern,
                    logical_date=logical.isoformat(),
                    fingerprint="f",
                    chunks=len(chunks),
                    rows=rows + sum(len(one) for one in chunks),
                    end=None,
                    backfill=False,
                    watermark=None,
                    schema_id=self._schema_id,
                    content_sha256=None,
                    same_as=same_as,
                    same_as_version=self._runs.get(same_as) if same_as else None,
                    newest_logical_date=self._newest.isoformat() if is_older and self._newest else None,
                )
            )
            self._runs[run_id] = self._completed
        return self.version

    def _chunk(self, rows: Sequence[Mapping[str, Any]] | pa.Table, run_id: str) -> Chunk:
        fields = [(name, arrow_type(parse_type(kind))) for name, kind in self.columns.items()]
        schema = pa.schema([*fields, ("_rescued", pa.string()), ("_row", pa.int64())])
        if isinstance(rows, pa.Table):
            table = rows.append_column("_rescued", pa.nulls(len(rows), pa.string())).append_column("_row", pa.array(range(len(rows))))
            table = table.select(schema.names).cast(schema)
        else:
            table = pa.Table.from_pylist([{"_rescued": None, **row, "_row": number} for number, row in enumerate(rows)], schema=schema)
        relative = f"dt=2026-01-01/run={run_id}/part-{uuid.uuid4().hex}.parquet"
        path = self.folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, compression="zstd")
        data = path.read_bytes()
        file = ChunkFile(format="parquet", path=relative, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        assert self._schema_id is not None, "the schema stands before its chunks"
        return Chunk(ordinal=0, rows=len(rows), schema_id=self._schema_id, files=[file])
