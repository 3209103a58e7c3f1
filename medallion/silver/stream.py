"""The Python streaming source that hands out ranges of log versions; it imports next to nothing: Spark starts a process for it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pyspark.sql.datasource import DataSource, DataSourceStreamReader, InputPartition
from pyspark.sql.streaming.datasource import SupportsTriggerAvailableNow
from pyspark.sql.types import StructType

NAME = "medallion_log"
START: dict[str, Any] = {"version": -1, "sha256": ""}
"""The offset before the first entry."""
SCHEMA = "first bigint, last bigint, prev_sha256 string"


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
