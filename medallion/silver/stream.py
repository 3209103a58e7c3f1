"""The Python streaming source that hands out ranges of log versions; it imports next to nothing: Spark starts a process for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pyspark.sql.datasource import DataSource, DataSourceStreamReader, InputPartition
from pyspark.sql.types import StructType

if TYPE_CHECKING or find_spec("pyspark.sql.streaming.datasource") is not None:
    from pyspark.sql.streaming.datasource import SupportsTriggerAvailableNow
else:

    class SupportsTriggerAvailableNow:
        """Spark before 4.2 has none, and asks a source how far it goes once a query."""


NAME = "medallion_log"
START: dict[str, Any] = {"version": -1, "sha256": ""}
"""The offset before the first entry."""
SCHEMA = "first bigint, last bigint, prev_sha256 string"


def queries(ends: Sequence[dict[str, Any]], version: str) -> list[list[dict[str, Any]]]:
    """The ends of each query that this *version* of Spark needs for *ends*: one query for all from 4.2 on, before it one for each.

    Only from 4.2 on a source says where each batch ends; before it a query is one batch up to the newest offset.
    """
    found = re.match(r"(\d+)\.(\d+)", version)
    admits = found is not None and (int(found[1]), int(found[2])) >= (4, 2)
    return [list(ends)] if admits else [[end] for end in ends]


class LogReader(DataSourceStreamReader, SupportsTriggerAvailableNow):
    """Hands out the planned ends; one row a micro-batch: its range of versions.

    Where a query has one end, :meth:`latestOffset` gives that one, whatever was replayed before it: a recorded batch that went further
    leaves nothing to read.
    """

    def __init__(self, options: Mapping[str, str]) -> None:
        self._ends: list[dict[str, Any]] = json.loads(options["ends"])

    def initialOffset(self) -> dict[str, Any]:  # noqa: N802
        return START

    def prepareForTriggerAvailableNow(self) -> None:  # noqa: N802
        """Nothing to prepare: the ends are fixed already."""

    def latestOffset(self, start: dict[str, Any] = START, limit: Any = None) -> dict[str, Any]:  # noqa: N802, ARG002
        return next((end for end in self._ends if end["version"] > start["version"]), start)

    def partitions(self, start: dict[str, Any], end: dict[str, Any]) -> Sequence[InputPartition]:
        return [InputPartition((start["version"] + 1, end["version"], start["sha256"]))]

    def read(self, partition: InputPartition) -> Iterator[tuple[int, int, str]]:
        first, last, _ = partition.value
        if first <= last:
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
