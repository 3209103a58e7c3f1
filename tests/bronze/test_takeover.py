"""Several attempts at one table, in any order of steps, with crashes and lost answers: one winner, and no page is lost."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from bronze_fakes import LAYOUT, Lake, MemoryFileSystem, Rows, row, source
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from medallion.bronze.append import LogWriter
from medallion.bronze.closing import close
from medallion.bronze.courtesy import working
from medallion.bronze.entry import ChunkEntry, RunCompleted, RunStarted, Writer
from medallion.bronze.log import LogReader
from medallion.bronze.opening import ExtractOptions, Opened, open_run
from medallion.bronze.state import open_state
from medallion.bronze.writer import this_process
from medallion.config.platform import Bronze
from medallion.errors import AlreadyExistsError, BusyError, FencedError, MedallionError, SourceUnavailable, StorageUnavailable
from medallion.source.protocol import DONE
from medallion.testing.clock import FakeClock

PAGES = 5


class Store(MemoryFileSystem):
    """A store that may lose an answer, or the request."""

    mood = "good"

    def put_if_absent(self, path: str, data: bytes) -> None:
        mood, self.mood = self.mood, "good"
        if mood == "lost request":
            raise StorageUnavailable("503")
        super().put_if_absent(path, data)
        if mood == "lost answer":
            raise AlreadyExistsError(path)
        if mood == "unknown":
            raise StorageUnavailable("reset")


class Attempt:
    """One driver: it asks page after page and commits each."""

    def __init__(self, opened: Opened) -> None:
        self.opened = opened
        position = opened.lanes[0].position if opened.lanes else DONE
        assert position is None or position == DONE or isinstance(position["page"], int)
        self.page = PAGES if position == DONE else 0 if position is None else int(position["page"])

    def step(self) -> bool:
        """The next page is committed, with the rows that it holds; behind the last one the run is completed: whether it was."""
        page, writer = self.page, self.opened.writer
        if page == PAGES:
            close(self.opened, rows=0, chunks=0, schema_id=None, candidate=None, content=None, same_as=None)
            return True
        entry = ChunkEntry(
            **writer.stamp(self.opened.started.run_id),
            started=self.opened.version,
            load_pattern="cdc",
            chunks=[],
            resume={"all": dict(DONE) if page + 1 == PAGES else {"page": page + 1}},
            watermark=None,
            watermark_final=False,
            asked={"pages": 1, "first": {"all": {"page": page}}, "last": {"all": {"page": page}}},  # type: ignore[arg-type]
        )
        writer.append(entry)
        self.page += 1
        return False


class Log(RuleBasedStateMachine):
    """The protocol of section 2: attempts come, work, stall, crash, wake up."""

    @initialize()
    def empty(self) -> None:
        self.fs = Store()
        self.clock = FakeClock()
        self.attempts: list[Attempt] = []
        self.count = 0

    @rule(
        take_over=st.booleans(),
        mood=st.sampled_from(["good", "good", "lost answer", "lost request", "unknown"]),
        endpoint=st.sampled_from(["/a", "/a", "/a", "/b"]),
    )
    def come(self, take_over: bool, mood: str, endpoint: str) -> None:
        """A newcomer opens or resumes the run, abandons it where something else is asked now, or is told to wait."""
        self.count += 1
        self.fs.mood = mood
        try:
            opened = open_run(
                source(endpoint=endpoint),
                self.fs,
                LAYOUT,
                bronze=Bronze(),
                options=ExtractOptions(take_over=take_over),
                clock=self.clock,
                attempt=f"a{self.count}",
            )
        except (BusyError, StorageUnavailable):
            self.fs.mood = "good"
            return
        assert opened is not None
        self.fs.mood = "good"
        self.attempts.append(Attempt(opened))

    @precondition(lambda self: self.attempts)
    @rule(data=st.data(), mood=st.sampled_from(["good", "good", "good", "lost answer", "lost request", "unknown"]))
    def work(self, data: st.DataObject, mood: str) -> None:
        """Any attempt, however old, tries its next step; who was overtaken learns it by name."""
        attempt = data.draw(st.sampled_from(self.attempts))
        overtaken = LogReader(self.fs, LAYOUT).newest() > attempt.opened.writer.version
        self.fs.mood, failed = mood, None
        try:
            if attempt.step():
                self.attempts.remove(attempt)
        except MedallionError as error:
            self.attempts.remove(attempt)
            failed = error
        finally:
            self.fs.mood = "good"
        if overtaken and mood != "lost request":
            assert isinstance(failed, FencedError)
            assert failed.attempt not in (None, attempt.opened.writer.attempt)
        elif mood in ("good", "lost answer"):
            assert failed is None
        else:
            assert isinstance(failed, StorageUnavailable)

    @precondition(lambda self: self.attempts)
    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        """A driver is gone for good, without a word."""
        self.attempts.remove(data.draw(st.sampled_from(self.attempts)))

    @rule(seconds=st.sampled_from([1.0, 1000.0]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.clock.advance(seconds)

    @invariant()
    def every_page_is_in_one_entry(self) -> None:
        """The log is a chain; the pages of a run follow each other without gap or repetition; resume is true."""
        reader = LogReader(self.fs, LAYOUT)
        newest = reader.newest()
        stored = reader.read(0, newest) if newest >= 0 else []
        pages: list[int] = []
        for one in stored:
            if isinstance(one.entry, RunStarted):
                pages = []
            if isinstance(one.entry, RunCompleted):
                assert pages == list(range(PAGES))
            if isinstance(one.entry, ChunkEntry):
                pages.append(int(one.entry.asked.first["all"]["page"]))
                assert pages == list(range(len(pages)))
        if (run := open_state(reader).open) is not None and pages:
            assert run.resume["all"] == (DONE if len(pages) == PAGES else {"page": len(pages)})


Log.TestCase.settings = settings(stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))
test_attempts_at_one_table = Log.TestCase


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.on_disk(tmp_path)


def broken_off(lake: Lake) -> None:
    """A run is open in the log."""
    lake.fails(Rows([row(n) for n in range(10)], error=SourceUnavailable("down"), fail_at=3))


def as_if_written_by(monkeypatch: pytest.MonkeyPatch, writer: Writer) -> None:
    """What this process writes looks as if *writer* had written it."""
    monkeypatch.setattr("medallion.bronze.opening.this_process", lambda: writer)


def test_a_newcomer_waits_for_an_attempt_elsewhere(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Younger than takeover_after: exit 7 with how long to wait; --take-over does not wait; after that time nobody does."""
    with monkeypatch.context() as patched:
        as_if_written_by(patched, Writer(host="elsewhere", pid=1, started="1"))
        broken_off(lake)
    lake.clock.advance(60)
    error = lake.fails(Rows([]))
    assert isinstance(error, BusyError)
    assert error.exit_status == 7
    assert "wait 14m" in str(error)
    lake.clock.advance(14 * 60)
    assert lake.extract(Rows([row(n) for n in range(10)])).resumed


def test_take_over_does_not_wait(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user says that the other one is gone."""
    with monkeypatch.context() as patched:
        as_if_written_by(patched, Writer(host="elsewhere", pid=1, started="1"))
        broken_off(lake)
    assert lake.extract(Rows([row(n) for n in range(10)]), take_over=True).resumed


def test_a_process_of_this_host_that_is_gone_is_not_waited_for(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its number is free, or belongs to a process that started at another time."""
    me = this_process()
    with monkeypatch.context() as patched:
        as_if_written_by(patched, Writer(host=me.host, pid=me.pid, started="long ago"))
        broken_off(lake)
    assert lake.extract(Rows([row(n) for n in range(10)])).resumed


def test_another_thread_of_this_process_is_waited_for(lake: Lake) -> None:
    """An attempt that is at work here is as busy as one elsewhere."""
    broken_off(lake)
    run = open_state(LogReader(lake.fs, LAYOUT)).open
    assert run is not None
    with working(run.attempt):
        assert isinstance(lake.fails(Rows([])), BusyError)
    assert lake.extract(Rows([row(n) for n in range(10)])).resumed


def test_a_clock_that_went_back_only_makes_newcomers_wait_longer(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Resume points do not depend on the clock."""
    with monkeypatch.context() as patched:
        as_if_written_by(patched, Writer(host="elsewhere", pid=1, started="1"))
        broken_off(lake)
    lake.clock.shift(timedelta(hours=-1))
    assert isinstance(lake.fails(Rows([])), BusyError)
    again = Rows([row(n) for n in range(10)])
    lake.extract(again, take_over=True)
    assert again.asked == [("all", 3), ("all", 4)]


def test_a_slow_driver_that_wakes_up_is_told_who_went_on(lake: Lake) -> None:
    """Another attempt resumes the run in the middle of it: the slow one is fenced, and every row is there once."""
    data = [row(n) for n in range(10)]
    lake.bronze = Bronze()  # nothing is in flight when the other one comes

    class Overtaken(Rows):
        def pages(self, lanes):  # type: ignore[no-untyped-def]
            for page in super().pages(lanes):
                if page.position == {"page": 3}:
                    other = Lake(lake.fs, lake.spool, clock=lake.clock, bronze=lake.bronze)
                    other.extract(Rows(data), take_over=True)
                yield page

    error = lake.fails(Overtaken(data))
    assert isinstance(error, FencedError)
    assert "has taken over" in str(error)
    assert sorted(lake.ids()) == list(range(10))


def test_the_loser_of_the_first_entry_is_fenced(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two attempts that both saw the same newest entry: one of them opens the run."""
    lake.extract(Rows([row(1)]))
    put = LogWriter.append

    def slowly(self: LogWriter, entry):  # type: ignore[no-untyped-def]
        monkeypatch.setattr(LogWriter, "append", put)
        Lake(lake.fs, lake.spool, clock=lake.clock).extract(Rows([row(2)]))
        return put(self, entry)

    monkeypatch.setattr(LogWriter, "append", slowly)
    assert isinstance(lake.fails(Rows([row(2)])), FencedError)
    assert lake.ids() == [1, 2]
