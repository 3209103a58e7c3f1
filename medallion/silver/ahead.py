"""What a batch counts of its rows, counted while its stream starts: that takes half a second in which executors have nothing to do."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from medallion.silver.counted import Counted
from medallion.silver.landed import Delivery
from medallion.spark import cancel_jobs, name_jobs

if TYPE_CHECKING:
    from types import TracebackType

    from pyspark.sql import SparkSession

THREAD = "ahead"
"""What the names of its threads begin with."""
_AGAIN = 0.2
"""Seconds after which jobs are ended again: a count that was about to start one when it was told to end."""


class Ahead:
    """A count of the rows of one delivery, in a thread of its own; it is for the first batch that asks, if that has this very delivery.

    It reads and writes nothing. What it raises comes out where it is asked for. It is over when the context is left.
    """

    def __init__(self, spark: SparkSession, count: Callable[[], tuple[Delivery, Counted | None]]) -> None:
        self._spark = spark
        self._group = f"ahead-{uuid.uuid4().hex}"
        self._asked = False
        pool = ThreadPoolExecutor(1, thread_name_prefix=THREAD)
        self._found = pool.submit(self._counted, count)
        pool.shutdown(wait=False)

    def _counted(self, count: Callable[[], tuple[Delivery, Counted | None]]) -> tuple[Delivery, Counted | None]:
        name_jobs(self._spark, self._group)
        return count()

    def of(self, delivery: Delivery) -> Counted | None:
        """What was counted; None where that was another delivery, it had no rows, or somebody asked before. Raises what the count does."""
        if self._asked:
            return None
        self._asked = True
        counted_of, counts = self._found.result()
        return counts if counted_of == delivery else None

    def end(self) -> None:
        """The count is over, found or not."""
        while not self._found.done():
            cancel_jobs(self._spark, self._group)
            wait([self._found], timeout=_AGAIN)

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end()
