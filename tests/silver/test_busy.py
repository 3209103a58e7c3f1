"""A query whose Python worker was not up in time, or whose store was away, is started again, and no other. Needs no Spark."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from medallion.errors import ChecksumError, MedallionError, StorageUnavailable, TerminatedError
from medallion.silver import promote
from medallion.spark import failure
from medallion.stop import StopFlag
from medallion.testing.clock import FakeClock

LATE = (
    "[STREAM_FAILED] Query terminated with exception: Python worker failed to connect back.",
    "java.net.SocketTimeoutException: Timed out while waiting for the Python worker to connect back",
)


AWAY = (
    "An error occurred while calling o1.start.\n: java.io.IOException: rename from abfs://a/.metadata.tmp to abfs://a/metadata failed.",
    "[STREAM_FAILED] Query terminated with exception: rename from abfs://lake@a/.0.tmp to abfs://lake@a/offsets/0 failed. SQLSTATE: XXKST",
    ": io.delta.exceptions.ProtocolChangedException: [DELTA_PROTOCOL_CHANGED] The protocol was changed by a concurrent update.",
    "pyspark.errors.exceptions.connect.AnalysisException: [TABLE_OR_VIEW_ALREADY_EXISTS] Cannot create table or view `s`.`t`",
    "io.delta.exceptions.ConcurrentAppendException: [DELTA_CONCURRENT_APPEND] Files were added by a concurrent update.",
)


def run(
    monkeypatch: pytest.MonkeyPatch, *ends: MedallionError | None, clock: FakeClock | None = None, stop: StopFlag | None = None
) -> list[Any]:
    """The queries that were started for two planned batches on Spark 4.1, the first of which end so."""
    started: list[Any] = []
    left = list(ends)

    def query(_spark: Any, _batch: Any, planned: Any, **_: Any) -> None:
        started.append(planned)
        error = left.pop(0) if left else None
        if error is not None:
            raise error

    monkeypatch.setattr(promote, "_query", query)
    batch: Any = SimpleNamespace(load_pattern="cdc", heard=[], clock=clock or FakeClock())
    session: Any = SimpleNamespace(version="4.1.4")
    promote._run(session, batch, [{"version": 1}, {"version": 2}], checkpoint="", stop=stop or StopFlag())
    return started


def test_a_worker_that_was_late_is_waited_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both spellings of it; the other query follows."""
    first, second = [{"version": 1}], [{"version": 2}]
    assert run(monkeypatch, *[failure(said, "advice") for said in LATE]) == [first, first, first, second]


def test_a_store_that_lost_an_answer_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rename that may be done, and commits that met our own: the batch again finds out."""
    first, second = [{"version": 1}], [{"version": 2}]
    assert run(monkeypatch, *[failure(said, "advice") for said in AWAY]) == [*[first] * 6, second]
    assert [type(failure(said, "advice")) for said in AWAY[:2]] == [StorageUnavailable] * 2
    assert "java.io.IOException: rename from abfs://a/.metadata.tmp" in failure(AWAY[0], "advice").sentence


def test_a_machine_that_stays_busy_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sixth time is the last, and Spark's sentence is what is said."""
    with pytest.raises(MedallionError, match="to connect back"):
        run(monkeypatch, *[failure(LATE[0], "advice")] * 6)


def test_between_two_tries_there_is_a_pause_that_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that is away for some seconds is not asked six times at once; SIGTERM ends it."""
    clock, stop = FakeClock(), StopFlag()
    run(monkeypatch, *[failure(AWAY[0], "advice")] * 5, clock=clock)
    assert [0 <= pause <= longest for pause, longest in zip(clock.sleeps, (0.5, 1, 2, 4, 8), strict=True)] == [True] * 5
    stop.request()
    with pytest.raises(TerminatedError):
        run(monkeypatch, failure(AWAY[0], "advice"), clock=clock, stop=stop)
    assert len(clock.sleeps) == 5


def test_other_errors_are_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong chunk is wrong the second time, too."""
    with pytest.raises(ChecksumError):
        run(monkeypatch, ChecksumError("a chunk is another one"), None)
