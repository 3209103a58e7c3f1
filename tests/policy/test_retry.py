"""What is tried again, how long it waits, and when it ends."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medallion.errors import AuthError, MedallionError, SourceUnavailable, StoppedEarly, ThrottledError
from medallion.policy.retry import SMALLEST_WAIT, FailedAttempt, RetryPolicy, async_retrying, parse_retry_after, retrying
from medallion.testing.clock import START, FakeClock


class Script:
    """A call that raises each of *errors* once, in order, and then returns "done"."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        """One attempt."""
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"

    async def coroutine(self) -> str:
        """One attempt of a coroutine."""
        return self()


def run(script: Script, policy: RetryPolicy, clock: FakeClock, heard: list[FailedAttempt]) -> str:
    """The script, retried."""
    return retrying(policy, sleep=clock.sleep, on_retry=heard.append)(script)


def run_async(script: Script, policy: RetryPolicy, clock: FakeClock, heard: list[FailedAttempt]) -> str:
    """The script as a coroutine, retried."""
    return asyncio.run(async_retrying(policy, sleep=clock.pause, on_retry=heard.append)(script.coroutine))


both = pytest.mark.parametrize("run", [run, run_async])


@both
def test_retryable_errors_are_tried_again(run) -> None:
    """Two failures and a success are a success, with two waits, both told."""
    clock, heard = FakeClock(), []
    script = Script(SourceUnavailable("503"), ThrottledError("429"))
    assert run(script, RetryPolicy(), clock, heard) == "done"
    assert script.calls == 3
    assert [(failed.number, str(failed.error)) for failed in heard] == [(1, "[EXT002] 503"), (2, "[EXT003] 429")]
    assert [failed.wait for failed in heard] == clock.sleeps


@both
@pytest.mark.parametrize("error", [AuthError("401"), ValueError("bug"), KeyboardInterrupt()])
def test_other_errors_pass_at_once(run, error: BaseException) -> None:
    """What is not ours, or says it is final, is raised by the first attempt."""
    script, clock = Script(error), FakeClock()
    with pytest.raises(type(error)):
        run(script, RetryPolicy(), clock, [])
    assert (script.calls, clock.sleeps) == (1, [])


@both
def test_the_last_error_itself_is_raised(run) -> None:
    """After all attempts the caller gets the typed error of the last one, and no wait comes after it."""
    script, clock = Script(*(SourceUnavailable(f"no. {number}") for number in range(1, 9))), FakeClock()
    with pytest.raises(SourceUnavailable, match=r"no\. 3"):
        run(script, RetryPolicy(attempts=3), clock, [])
    assert (script.calls, len(clock.sleeps)) == (3, 2)


@both
@pytest.mark.parametrize("asked", [timedelta(seconds=20), timedelta(minutes=5)])
def test_a_host_is_given_the_time_it_asks_for(run, asked: timedelta) -> None:
    """A Retry-After within the cap is waited for, though it is longer than our own longest wait."""
    clock = FakeClock()
    run(Script(ThrottledError("429", retry_after=asked)), RetryPolicy(longest_wait=timedelta(seconds=1)), clock, [])
    assert clock.sleeps == [asked.total_seconds()]


@both
@pytest.mark.parametrize(("asked", "spoken"), [(timedelta(minutes=5, seconds=1), "0:05:01"), (timedelta.max, "for ever")])
def test_a_host_that_asks_for_too_much_ends_the_run(run, asked: timedelta, spoken: str) -> None:
    """Above the cap the run stops, resumable, with the time in its sentence, and waits for nothing."""
    script, clock = Script(ThrottledError("429", retry_after=asked)), FakeClock()
    with pytest.raises(StoppedEarly, match=spoken) as raised:
        run(script, RetryPolicy(), clock, [])
    assert (raised.value.code, raised.value.exit_status, script.calls, clock.sleeps) == ("RETRY001", 3, 1, [])
    assert "run the same command again" in raised.value.sentence
    assert isinstance(raised.value.__cause__, ThrottledError)


def test_throttling_without_a_time_is_no_hot_loop() -> None:
    """A host that only says 429, or asks for no wait at all, is still given a moment."""
    for asked in (None, timedelta(0)):
        clock = FakeClock()
        run(Script(*(ThrottledError("429", retry_after=asked) for _ in range(4))), RetryPolicy(), clock, [])
        assert min(clock.sleeps) >= SMALLEST_WAIT.total_seconds()


@settings(max_examples=30)
@given(attempts=st.integers(1, 12), longest=st.floats(0, 60))
def test_own_waits_are_bounded(attempts: int, longest: float) -> None:
    """No wait is longer than the longest, nor longer than its doubling window."""
    clock, policy = FakeClock(), RetryPolicy(attempts=attempts, longest_wait=timedelta(seconds=longest))
    with pytest.raises(SourceUnavailable):
        run(Script(*(SourceUnavailable("503") for _ in range(attempts))), policy, clock, [])
    assert len(clock.sleeps) == attempts - 1
    assert all(0 <= wait <= min(policy.longest_wait.total_seconds(), 0.5 * 2**number) for number, wait in enumerate(clock.sleeps))


@pytest.mark.parametrize("fields", [{"attempts": 0}, {"longest_wait": timedelta(-1)}, {"retry_after_cap": timedelta(-1)}])
def test_a_policy_that_means_nothing_is_refused(fields: dict[str, object]) -> None:
    """Wrong numbers fail where they are written, not in the middle of a run."""
    with pytest.raises(ValueError, match="attempts"):
        RetryPolicy(**fields)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("1.5", 1.5),
        ("Mon, 23 Nov 2026 08:01:30 GMT", 90),
        ("Monday, 23-Nov-26 08:01:30 GMT", 90),
        ("Mon, 23 Nov 2026 09:01:30 +0100", 90),
        ("0", 0.25),
        ("-0", 0.25),
        ("-30", 0.25),
        ("-" + "9" * 400, 0.25),
        ("Mon, 23 Nov 2026 07:00:00 GMT", 0.25),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.25),
    ],
)
def test_retry_after_is_understood(value: str, seconds: float) -> None:
    """Seconds and dates mean a time from now, and never less than a moment."""
    assert parse_retry_after(value, START) == timedelta(seconds=seconds)


def test_a_huge_retry_after_is_the_longest_time() -> None:
    """Digits beyond any duration are not lost: they are above every cap."""
    for value in ("9" * 15, "9" * 5000):
        assert parse_retry_after(value, START) > timedelta(days=10_000_000 if len(value) > 15 else 1)


@pytest.mark.parametrize("value", [None, "", "soon", "12 minutes", "Mon, 99 Foo 2026", "٣", "1e3", "nan", "inf", "0x10", "\0"])
def test_an_unreadable_retry_after_says_nothing(value: str | None) -> None:
    """Garbage is as good as no header."""
    assert parse_retry_after(value, START) is None


@settings(max_examples=200)
@given(value=st.text(max_size=40))
def test_no_retry_after_breaks_the_parser(value: str) -> None:
    """Whatever a host sends is a time of at least a moment, or nothing."""
    asked = parse_retry_after(value, datetime(2026, 1, 1, tzinfo=timezone.utc))
    assert asked is None or asked >= SMALLEST_WAIT


def test_attempts_carry_typed_errors_only() -> None:
    """A listener can rely on every failed attempt being one of ours."""
    heard: list[FailedAttempt] = []
    run(Script(SourceUnavailable("503")), RetryPolicy(), FakeClock(), heard)
    assert all(isinstance(failed.error, MedallionError) for failed in heard)
