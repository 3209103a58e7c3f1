"""The log's versions as a stream: the checkpoint's offset is how far in the log a table goes.

A Python streaming data source runs in a process without the JVM and must read no storage, so the driver plans where
batches end before it starts the query and hands the ends over as an option. A batch that failed is replayed with exactly the range
that the checkpoint recorded, even when the plan has changed since.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pyspark.sql.datasource import DataSource, DataSourceStreamReader, InputPartition
from pyspark.sql.streaming.datasource import SupportsTriggerAvailableNow
from pyspark.sql.types import StructType

from medallion.bronze.entry import ChunkEntry, RunCompleted
from medallion.bronze.log import Stored

NAME = "medallion_log"
START: dict[str, Any] = {"version": -1, "sha256": ""}
"""The offset before the first entry."""
SCHEMA = "first bigint, last bigint, prev_sha256 string"


def ends(entries: Sequence[Stored], *, max_files: int, max_bytes: int) -> list[dict[str, Any]]:
    """The offsets at which micro-batches end that deliver *entries*, the last of them at the newest entry.

    A batch takes at most *max_files* and *max_bytes*, but always one entry; each completed full run has a batch of its own, since
    snapshots are applied one at a time. No end where nothing is delivered.
    """
    planned: list[dict[str, Any]] = []
    files = size = 0
    delivers = False
    for position, stored in enumerate(entries):
        entry = stored.entry
        if isinstance(entry, ChunkEntry) and entry.load_pattern != "full":
            added = len(entry.chunks), sum(chunk.files[0].bytes for chunk in entry.chunks)
            if files and (files + added[0] > max_files or size + added[1] > max_bytes):
                planned.append(_offset(entries[position - 1]))
                files = size = 0
            files, size, delivers = files + added[0], size + added[1], True
        elif isinstance(entry, RunCompleted) and entry.load_pattern == "full" and entry.same_as is None:
            planned.append(_offset(stored))
            files, size, delivers = 0, 0, False
    if delivers:
        planned.append(_offset(entries[-1]))
    return planned


def _offset(stored: Stored) -> dict[str, Any]:
    return {"version": stored.version, "sha256": stored.sha256}


class LogReader(DataSourceStreamReader, SupportsTriggerAvailableNow):
    """Hands out the planned ends; one row a micro-batch: its range of versions."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self._ends: list[dict[str, Any]] = json.loads(options["ends"])

    def initialOffset(self) -> dict[str, Any]:  # noqa: N802
        return START

    def prepareForTriggerAvailableNow(self) -> None:  # noqa: N802
        """Nothing to prepare: the ends are fixed already."""

    def latestOffset(self, start: dict[str, Any], limit: Any) -> dict[str, Any]:  # noqa: N802, ARG002
        return next((end for end in self._ends if end["version"] > start["version"]), start)

    def partitions(self, start: dict[str, Any], end: dict[str, Any]) -> Sequence[InputPartition]:
        return [InputPartition((start["version"] + 1, end["version"], start["sha256"]))]

    def read(self, partition: InputPartition) -> Iterator[tuple[int, int, str]]:
        yield partition.value


class LogSource(DataSource):
    """``spark.readStream.format("medallion_log").option("ends", json)``: see :data:`SCHEMA`."""

    @classmethod
    def name(cls) -> str:
        return NAME

    def schema(self) -> str:
        return SCHEMA

    def streamReader(self, schema: StructType) -> LogReader:  # noqa: N802, ARG002
        return LogReader(self.options)
