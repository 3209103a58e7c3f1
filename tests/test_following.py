"""processing_time: promotions are started again at each interval; what ends them, and with which exit status."""

from __future__ import annotations

from typing import Any

import pytest

from medallion import follow as following
from medallion.bronze.opening import ExtractOptions
from medallion.config.pipeline import Pipeline
from medallion.config.secret import Secrets
from medallion.errors import SnapshotError, TerminatedError
from medallion.events import nobody
from medallion.flow import Flow
from medallion.outcome import EntityOutcome, Outcome
from medallion.pipeline import Selection
from medallion.stop import StopFlag
from medallion.testing.clock import FakeClock

ENTITY = {
    "entity": "e",
    "bronze": {"system": "s", "table": "t", "load_pattern": "cdc"},
    "model": "scd_type_1",
    "keys": ["id"],
    "sequence_by": ["at"],
}


class StopsAt(StopFlag):
    """A stop flag that is set from an instant of a clock on."""

    def __init__(self, clock: FakeClock, seconds: float) -> None:
        super().__init__()
        self.clock, self.at = clock, clock.monotonic() + seconds

    @property
    def requested(self) -> bool:
        return self.clock.monotonic() >= self.at


class Rounds:
    """What stands for the flow: takes three seconds a round, and ends each with the outcome that is its turn."""

    def __init__(self, clock: FakeClock, outcomes: list[EntityOutcome]) -> None:
        self.clock, self.outcomes = clock, outcomes
        self.asked: list[tuple[int, bool]] = []
        self.began: list[float] = []
        self.start = clock.monotonic()

    def __call__(
        self,
        _flow: Flow,
        selection: Selection,
        _options: Any,
        *,
        replay: bool = False,
        accept_quarantine: bool = False,
        rebuild: bool = False,
    ) -> Outcome:
        assert accept_quarantine == rebuild == replay, "all are meant for the first round alone"
        self.asked.append((len(selection.sources), replay))
        self.began.append(self.clock.monotonic() - self.start)
        self.clock.advance(3)
        return Outcome(pipeline="p", entities=(self.outcomes[min(len(self.asked), len(self.outcomes)) - 1],))


def flow(clock: FakeClock, stop: StopFlag, trigger: dict[str, str]) -> Flow:
    pipeline = Pipeline.model_validate({"config_version": 1, "pipeline": "p", "silver": [ENTITY], "run": {"promote": trigger}})

    def none(_name: str) -> Any:
        raise AssertionError("no Spark here")

    return Flow(pipeline=pipeline, resolver=Secrets(environ={}), clock=clock, listener=nobody, stop=stop, start_spark=none)


def followed(monkeypatch: pytest.MonkeyPatch, outcomes: list[EntityOutcome], *, stop_at: float, **trigger: str) -> tuple[Outcome, Rounds]:
    clock = FakeClock()
    stop, rounds = StopsAt(clock, stop_at), Rounds(clock, outcomes)
    monkeypatch.setattr(following, "run", rounds)
    made = flow(clock, stop, trigger)
    outcome = following.follow(
        made, Selection(sources=(), entities=made.pipeline.silver), ExtractOptions(), replay=True, accept_quarantine=True, rebuild=True
    )
    return outcome, rounds


def entity(status: Any, *, error: Any = None, **done: int) -> EntityOutcome:
    from medallion.silver.promoted import Promoted

    return EntityOutcome(entity="e", status=status, promoted=None if error else Promoted(entity="e", **done), error=error)


PROCESSING = {"trigger": "processing_time", "interval": "10s"}


def test_available_now_is_one_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for."""
    _, rounds = followed(monkeypatch, [entity("done")], stop_at=100, trigger="available_now")
    assert (rounds.asked, rounds.clock.monotonic() - rounds.start) == ([(0, True)], 3)


def test_rounds_begin_at_each_interval_until_stopped_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds from start to start; a replay is done once; SIGTERM while it waits is a good end, with the sum of all rounds."""
    first, last = entity("done", rows=5, batches=1, last_version=3), entity("done", rows=2, last_version=9)
    outcome, rounds = followed(monkeypatch, [first, entity("unchanged", last_version=-1), last], stop_at=25.5, **PROCESSING)
    assert (rounds.asked, rounds.began) == ([(0, True), (0, False), (0, False)], [0, 10, 20])
    assert rounds.clock.monotonic() - rounds.start < 27
    assert outcome.exit_status == 0
    promoted = outcome.entities[0].promoted
    assert promoted is not None
    assert (outcome.entities[0].status, promoted.rows, promoted.batches, promoted.last_version) == ("done", 7, 1, 9)


@pytest.mark.parametrize(("error", "status"), [(TerminatedError("stopped"), 3), (SnapshotError("empty"), 6)])
def test_a_round_that_fails_ends_it(monkeypatch: pytest.MonkeyPatch, error: Any, status: int) -> None:
    """SIGTERM within a round is an early end, a failure a failure: whoever started it starts it again."""
    outcome, rounds = followed(monkeypatch, [entity("done"), entity("failed", error=error)], stop_at=100, **PROCESSING)
    assert (len(rounds.asked), outcome.exit_status) == (2, status)


def test_a_round_that_is_late_is_followed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interval shorter than a round: no wait, and no debt that grows."""
    _, rounds = followed(monkeypatch, [entity("unchanged")], stop_at=8, trigger="processing_time", interval="1s")
    assert rounds.began == [0, 3, 6]
