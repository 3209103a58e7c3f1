"""A store's bad moments are waited for, a lost answer is recognised, and a store that is down is left alone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from medallion.errors import AlreadyExistsError, NotFoundError, StorageUnavailable
from medallion.events import Event, RequestRetried
from medallion.policy.breaker import BreakerPolicy
from medallion.policy.retry import RetryPolicy
from medallion.storage.local import LocalFileSystem
from medallion.storage.location import Location
from medallion.storage.resilient import ResilientFileSystem
from medallion.testing.clock import FakeClock
from medallion.testing.stores import Fault, FlakyFileSystem, MemoryFileSystem


class Setting:
    """A memory store, scripted faults before it, patience before those."""

    def __init__(self, *faults: Fault, attempts: int = 5, breaker: BreakerPolicy | None = None) -> None:
        self.store = MemoryFileSystem()
        self.flaky = FlakyFileSystem(self.store, faults)
        self.clock = FakeClock()
        self.heard: list[Event] = []
        self.fs = ResilientFileSystem(
            self.flaky,
            name="memory",
            retry=RetryPolicy(attempts=attempts),
            clock=self.clock,
            breaker=breaker or BreakerPolicy(failures=100),
            listener=self.heard.append,
        )


def test_a_refused_call_is_made_again_and_told() -> None:
    """Two refusals cost two waits and two events, and the file is there."""
    setting = Setting("refused", "refused")
    setting.fs.put("a", b"x")
    assert setting.fs.read("a") == b"x"
    assert [(event.source, event.attempt) for event in setting.heard if isinstance(event, RequestRetried)] == [
        ("storage memory", 1),
        ("storage memory", 2),
    ]
    assert len(setting.clock.sleeps) == 2


def test_a_store_that_stays_down_is_a_typed_error() -> None:
    """After all attempts the last error is raised; it has asked as often as the policy says."""
    setting = Setting(*["refused"] * 10, attempts=4)
    with pytest.raises(StorageUnavailable, match="503"):
        setting.fs.put_if_absent("a", b"x")
    assert len(setting.flaky.calls) == 4


def test_a_final_answer_is_not_asked_for_again() -> None:
    """A missing file is missing at once."""
    setting = Setting()
    with pytest.raises(NotFoundError):
        setting.fs.read("a")
    assert setting.flaky.calls == [("read", "a")]


def test_a_lost_answer_is_recognised() -> None:
    """The file that a lost answer left is ours, so the call succeeds and the file is there once."""
    setting = Setting("lost")
    setting.fs.put_if_absent("log/0", b"ours")
    assert setting.store.contents == {"log/0": b"ours"}
    assert setting.flaky.calls == [("put_if_absent", "log/0"), ("put_if_absent", "log/0"), ("read", "log/0")]


def test_a_lost_answer_is_recognised_though_reading_fails_too() -> None:
    """Reading back may fail for a moment as well, and further answers may be lost."""
    setting = Setting("lost", "ok", "refused", "refused", "ok", "lost", "ok", "ok", attempts=8)
    setting.fs.put_if_absent("log/0", b"ours")
    assert setting.store.contents == {"log/0": b"ours"}


def test_a_file_of_another_is_not_ours_after_a_failure() -> None:
    """After a refusal the name was taken by somebody else: refused."""
    setting = Setting("refused")
    setting.store.contents["log/0"] = b"theirs"
    with pytest.raises(AlreadyExistsError):
        setting.fs.put_if_absent("log/0", b"ours")
    assert setting.store.contents == {"log/0": b"theirs"}


def test_equal_bytes_are_not_ours_without_a_failure() -> None:
    """If the first attempt finds the file, it is somebody else's whatever it holds."""
    setting = Setting()
    setting.store.contents["log/0"] = b"same"
    with pytest.raises(AlreadyExistsError):
        setting.fs.put_if_absent("log/0", b"same")
    assert setting.flaky.calls == [("put_if_absent", "log/0")]


def test_a_failure_of_an_earlier_call_proves_nothing() -> None:
    """Only an attempt of the same call can have left the file."""
    setting = Setting("refused", attempts=1)
    with pytest.raises(StorageUnavailable):
        setting.fs.put_if_absent("log/0", b"same")
    setting.store.contents["log/0"] = b"same"
    with pytest.raises(AlreadyExistsError):
        setting.fs.put_if_absent("log/0", b"same")


def test_a_moved_upload_whose_answer_was_lost_is_done(tmp_path: Path) -> None:
    """A local file that an attempt moved away is not missed by the next one."""
    local = tmp_path / "spooled"
    local.write_bytes(b"chunk")
    inner = FlakyFileSystem(LocalFileSystem(Location.parse(str(tmp_path / "lake"))), ["lost"])
    fs = ResilientFileSystem(inner, name="local", retry=RetryPolicy(), clock=FakeClock())
    fs.upload(local, "part")
    assert fs.read("part") == b"chunk"


def test_a_listing_is_asked_for_again_as_a_whole() -> None:
    """No file is given twice or left out because the listing failed."""
    setting = Setting("ok", "ok", "lost")
    setting.fs.put("a", b"x")
    setting.fs.put("b", b"x")
    assert [file.path for file in setting.fs.files()] == ["a", "b"]


def test_a_store_that_is_down_is_left_alone() -> None:
    """Once open, the breaker lets one call through for each cooldown, however many are wanted."""
    setting = Setting(*["refused"] * 50, attempts=4, breaker=BreakerPolicy(failures=2, cooldown=timedelta(minutes=1)))
    with pytest.raises(StorageUnavailable):
        setting.fs.put("a", b"x")
    assert len(setting.flaky.calls) == 4
    assert setting.clock.monotonic() >= 120  # two probes, each after a cooldown


def test_a_store_that_comes_back_is_used_again() -> None:
    """The probe succeeds, and calls go as before."""
    setting = Setting(*["refused"] * 3, breaker=BreakerPolicy(failures=2, cooldown=timedelta(minutes=1)))
    setting.fs.put("a", b"x")
    before = setting.clock.monotonic()
    setting.fs.put("b", b"x")
    assert setting.clock.monotonic() == before


def test_refusals_do_not_open_the_breaker() -> None:
    """A store that says no is not down."""
    setting = Setting(breaker=BreakerPolicy(failures=1))
    for _ in range(5):
        with pytest.raises(NotFoundError):
            setting.fs.read("missing")
    setting.fs.put("a", b"x")
    assert setting.clock.sleeps == []


def test_a_call_during_a_probe_is_given_up_with_a_sentence() -> None:
    """While another thread's probe is under way, a call that has waited says that the store is left alone."""
    setting = Setting("refused", attempts=1, breaker=BreakerPolicy(failures=1, cooldown=timedelta(seconds=5)))
    with pytest.raises(StorageUnavailable, match="503"):
        setting.fs.put("a", b"x")
    sleep = setting.clock.sleep

    def somebody_probes(seconds: float) -> None:
        sleep(seconds)
        setting.fs._admit()

    setting.clock.sleep = somebody_probes  # type: ignore[method-assign]
    with pytest.raises(StorageUnavailable, match="left alone"):
        setting.fs.put("a", b"x")
    assert len(setting.flaky.calls) == 1
