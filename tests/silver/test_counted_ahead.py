"""A count that begins before its batch: for the first batch, if it is of the same delivery; over when the promotion is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from crash import crash
from test_promote import CURRENT, Lake, row

from medallion.errors import ChecksumError, TerminatedError
from medallion.silver import batch, intake
from medallion.silver.ahead import THREAD, Ahead
from medallion.silver.counted import Counted
from medallion.silver.landed import Delivery
from medallion.silver.span import ANYTHING
from medallion.stop import StopFlag

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.jvm]

THIS, OTHER = (Delivery(first_version=0, last_version=last, sha256="", chunks=()) for last in (1, 2))
COUNTED = Counted(rows=1, quarantined=0, dropped=0, unmet={}, first_quarantined=None, first_unmet={}, span=ANYTHING, ties=0, deletes=0)


def test_the_first_that_asks_gets_it_if_it_has_this_delivery(spark: SparkSession) -> None:
    """A batch of another range is told nothing, and neither is the second that asks."""
    with Ahead(spark, lambda: (THIS, COUNTED)) as ahead:
        assert [ahead.of(THIS), ahead.of(THIS)] == [COUNTED, None]
    with Ahead(spark, lambda: (THIS, COUNTED)) as ahead:
        assert [ahead.of(OTHER), ahead.of(THIS)] == [None, None]


def test_what_goes_wrong_is_raised_where_it_is_asked_for_and_only_there(spark: SparkSession) -> None:
    """Who never asks hears nothing; the second that asks counts for itself."""

    def broken() -> tuple[Delivery, Counted]:
        raise ChecksumError("broken")

    with Ahead(spark, broken):
        pass
    with Ahead(spark, broken) as ahead:
        with pytest.raises(ChecksumError, match="broken"):
            ahead.of(THIS)
        assert ahead.of(THIS) is None


def endless(spark: SparkSession, begins: Callable[[], object]) -> None:
    """Rows that nobody will ever have counted."""
    begins()
    spark.range(1 << 60).selectExpr("sum(id % 7)").collect()


def test_leaving_the_context_ends_a_count_that_runs(spark: SparkSession) -> None:
    """Whoever still waits for it gets Spark's error."""
    begun = threading.Event()

    def count() -> tuple[Delivery, Counted]:
        endless(spark, begun.set)
        return THIS, COUNTED

    with Ahead(spark, count) as ahead:
        begun.wait()
    with pytest.raises(Exception, match="cancelled"):
        ahead.of(THIS)


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each count: whether it was ahead of its batch."""
    seen: list[bool] = []
    real = intake.counted

    def counted(*args: Any, **options: Any) -> Counted:
        seen.append(threading.current_thread().name.startswith(THREAD))
        return real(*args, **options)

    monkeypatch.setattr(intake, "counted", counted)
    return seen


def test_the_first_batch_of_a_promotion_is_counted_ahead_the_others_are_not(
    spark: SparkSession, tmp_path: Path, counting: list[bool]
) -> None:
    """Each batch is counted once."""
    lake = Lake(spark, tmp_path)
    lake.bronze.run([row(1, "a", 10)], [row(1, "b", 20), row(2, "c", None)], [row(1, None, 30, "D"), row(3, "d", 30)])
    done = lake.promote(CURRENT, run={"batch": {"max_files": 1}})
    assert counting == [True, False, False]
    assert (done.rows, done.quarantined, lake.rows(CURRENT)) == (5, 1, [(3, "d", 30)])
    lake.bronze.run([row(4, "e", 40)])
    lake.promote(CURRENT)
    assert counting == [True, False, False, True]
    assert lake.audit(CURRENT) == (3, 0)


def test_where_the_log_would_be_read_once_more_for_it_nothing_is_counted_ahead(
    spark: SparkSession, tmp_path: Path, counting: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log that is too long to be handed on is read by the batch."""
    monkeypatch.setattr("medallion.silver.promote._HANDED_ON", 1)
    lake = Lake(spark, tmp_path)
    lake.bronze.run([row(1, "a", 10)])
    lake.promote(CURRENT)
    assert (counting, lake.rows(CURRENT)) == ([False], [(1, "a", 10)])


def test_a_batch_that_a_checkpoint_hands_out_again_is_not_taken_for_the_one_that_was_counted(
    spark: SparkSession, tmp_path: Path, counting: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recorded range is shorter than what is planned after the crash: both batches are right."""
    lake = Lake(spark, tmp_path)
    lake.bronze.run([row(1, "a", 10)])
    with crash(monkeypatch, "batch.before", batch):
        lake.promote(CURRENT)
    lake.bronze.run([row(1, "b", 5), row(2, None, 10, "D"), row(3, "c", 10)])
    del counting[:]
    assert lake.promote(CURRENT).batches == 2
    assert counting == [True, False, False]
    assert lake.rows(CURRENT) == [(1, "a", 10), (3, "c", 10)]
    assert lake.audit(CURRENT) == (3, 0)


def test_a_file_that_is_not_the_one_that_was_landed_is_named_though_it_cannot_be_counted(spark: SparkSession, tmp_path: Path) -> None:
    """The gate speaks before the count is asked for."""
    lake = Lake(spark, tmp_path)
    lake.bronze.run([row(1, "a", 10)])
    (file,) = lake.chunk_files()
    file.write_bytes(file.read_bytes()[:-20] + b"x" * 20)
    with pytest.raises(ChecksumError, match=file.name):
        lake.promote(CURRENT)
    assert not lake.target("c").exists()


def test_sigterm_ends_a_promotion_whose_rows_are_being_counted(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch waits for a count that would take for ever; nothing was published, and the next promotion goes on."""
    lake, stop = Lake(spark, tmp_path), StopFlag()
    lake.bronze.run([row(1, "a", 10)])
    with monkeypatch.context() as patched:
        patched.setattr(intake, "counted", lambda *_, **__: endless(spark, stop.request))
        with pytest.raises(TerminatedError):
            lake.promote(CURRENT, stop=stop)
    assert not lake.target("c").exists()
    assert lake.promote(CURRENT).rows == 1
