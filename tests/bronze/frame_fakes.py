"""Sources of Spark frames for tests, and a lake that they land in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bronze_fakes import Lake

from medallion.bronze.extract import ExtractResult
from medallion.bronze.frames import extract_frames
from medallion.bronze.opening import ExtractOptions
from medallion.config.bound import Bound
from medallion.config.source import Source
from medallion.errors import MedallionError, SourceUnavailable
from medallion.source.protocol import DONE, Frame, Lane
from medallion.stop import StopFlag

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass
class Queries:
    """A FrameSource whose frames are Spark SQL, one query a lane; *error* is raised behind that many frames."""

    queries: Sequence[str]
    top: Bound | None = None
    fail_after: int | None = None
    rescued: str | None = None
    stop: StopFlag | None = None
    """Requested when query *stop_at* is given."""
    stop_at: int | None = None
    asked: list[str] = field(default_factory=list)

    def ceiling(self, spark: SparkSession) -> Bound | None:  # noqa: ARG002
        return self.top

    def frames(self, spark: SparkSession, lanes: Sequence[Lane]) -> Iterator[Frame]:
        for lane in lanes:
            start = 0 if lane.position is None else int(lane.position["query"])
            for number in range(start, len(self.queries)):
                if self.fail_after is not None and len(self.asked) >= self.fail_after:
                    raise SourceUnavailable("the database went away")
                query = self.queries[number].format(start=lane.window.start, end=lane.window.end)
                self.asked.append(query)
                if self.stop is not None and number == self.stop_at:
                    self.stop.request()
                after = DONE if number + 1 == len(self.queries) else {"query": number + 1}
                yield Frame(lane=lane.name, position={"query": number}, next=after, rows=spark.sql(query), rescued=self.rescued)

    def failure(self, said: str) -> MedallionError | None:
        return SourceUnavailable("the source says no") if "no such source" in said else None


@dataclass
class FrameLake(Lake):
    """A lake on disk that frames land in."""

    spark: Any = None

    @classmethod
    def of(cls, spark: SparkSession, folder: Path) -> FrameLake:
        lake = cls.on_disk(folder)
        lake.spark = spark
        return lake

    def extract(self, rows: Any, of: Source | None = None, *, stop: StopFlag | None = None, **options: Any) -> ExtractResult:
        assert of is not None
        return extract_frames(
            of,
            rows,
            self.fs,
            self.spark,
            bronze=self.bronze,
            options=ExtractOptions(**options),
            clock=self.clock,
            listener=self.events.append,
            stop=stop or StopFlag(),
        )
