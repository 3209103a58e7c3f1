"""A completed run told for people and other tools, beside its files; nothing of ours reads it."""

from __future__ import annotations

import json
from typing import Any

from medallion.bronze.entry import ChunkEntry, RunCompleted, RunStarted, SchemaEntry
from medallion.bronze.log import LogReader
from medallion.config.values import parse_instant
from medallion.layout import BronzeLayout
from medallion.storage.filesystem import FileSystem


def write_metadata(fs: FileSystem, layout: BronzeLayout, completed: RunCompleted, version: int) -> None:
    """``_metadata.json`` and ``_checksums.json`` of the run that *version* completed stand in its folder; none if it kept no file.

    Raises StorageError; the run is complete all the same.
    """
    if completed.same_as is not None or completed.chunks == 0:
        return
    reader = LogReader(fs, layout)
    entries = [stored.entry for stored in reader.read(completed.first_version, version)]
    started = entries[0]
    assert isinstance(started, RunStarted), "a run begins with its run_started"
    columns = next((entry.columns for entry in reversed(entries) if isinstance(entry, SchemaEntry)), None)
    if columns is None and completed.schema_id is not None:
        schema = reader.one(completed.schema_id).entry
        columns = schema.columns if isinstance(schema, SchemaEntry) else None
    chunks = [chunk for entry in entries if isinstance(entry, ChunkEntry) for chunk in entry.chunks]
    folder = layout.run_folder(parse_instant(completed.logical_date), completed.run_id)
    files = [file for chunk in chunks for file in chunk.files]
    metadata: dict[str, Any] = {
        "system": layout.system,
        "table": layout.table,
        "source": started.source,
        "run_id": completed.run_id,
        "load_pattern": completed.load_pattern,
        "logical_date": completed.logical_date,
        "started_at": started.at,
        "completed_at": completed.at,
        "start": started.start,
        "end": completed.end,
        "backfill": completed.backfill,
        "watermark": completed.watermark,
        "rows": completed.rows,
        "chunks": completed.chunks,
        "pages": sum(entry.asked.pages for entry in entries if isinstance(entry, ChunkEntry)),
        "bytes": sum(file.bytes for file in files),
        "columns": dict(columns or []),
        "log_versions": [completed.first_version, version],
    }
    checksums = {
        "algorithm": "sha256",
        "files": [
            {"path": file.path.rsplit("/", 1)[-1], "bytes": file.bytes, "sha256": file.sha256, "rows": chunk.rows}
            for chunk in chunks
            for file in chunk.files
        ],
    }
    for name, content in (("_metadata.json", metadata), ("_checksums.json", checksums)):
        fs.put(layout.within(f"{folder}/{name}"), json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n")
