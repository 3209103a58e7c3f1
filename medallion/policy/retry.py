"""When a failed attempt is repeated, and how long it waits before that; tenacity does the repeating."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import TypeAlias

import tenacity

from medallion.errors import MedallionError, StoppedEarly, ThrottledError

SMALLEST_WAIT = timedelta(milliseconds=250)
"""What a throttled request waits at least, whatever the host says: a host that asks for no wait gets no hot loop."""

FIRST_WINDOW = timedelta(milliseconds=500)
"""The first wait is anywhere between zero and this; the window doubles with each attempt, up to ``longest_wait``."""


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How often a call is tried in all, and how long it waits in between."""

    attempts: int = 5
    longest_wait: timedelta = timedelta(seconds=8)
    """Of our own waits; a host may ask for longer ones."""
    retry_after_cap: timedelta = timedelta(minutes=5)
    """The longest wait a host may ask for; beyond it the run stops, resumable."""

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.longest_wait < timedelta(0) or self.retry_after_cap < timedelta(0):
            raise ValueError(f"attempts must be 1 or more and waits must not be negative: {self}")


@dataclass(frozen=True, kw_only=True)
class FailedAttempt:
    """Attempt *number* (from 1) ended with *error*; the next one starts in *wait* seconds."""

    number: int
    error: MedallionError
    wait: float


OnRetry: TypeAlias = Callable[[FailedAttempt], None]


def is_retryable(error: BaseException) -> bool:
    """Whether the same call may go well a little later."""
    return isinstance(error, MedallionError) and error.retryable


def retrying(
    policy: RetryPolicy,
    *,
    sleep: Callable[[float], None],
    on_retry: OnRetry,
    passes: Callable[[BaseException], bool] = is_retryable,
) -> tenacity.Retrying:
    """Calls a function until it returns, its error is none that *passes*, or *policy* ends: ``retrying(…)(function, *args)``.

    Raises the last error itself; StoppedEarly where a host asks for more patience than ``retry_after_cap``.
    Holds no state between calls of different threads.
    """
    return tenacity.Retrying(
        sleep=sleep,
        stop=tenacity.stop_after_attempt(policy.attempts),
        wait=_Wait(policy),
        retry=tenacity.retry_if_exception(passes),
        before_sleep=_telling(on_retry),
        reraise=True,
    )


def async_retrying(policy: RetryPolicy, *, sleep: Callable[[float], Awaitable[None]], on_retry: OnRetry) -> tenacity.AsyncRetrying:
    """:func:`retrying` for coroutine functions: ``await async_retrying(…)(function, *args)``.

    Tasks that run side by side need one object each: tenacity keeps the state of an iteration by thread.
    """
    return tenacity.AsyncRetrying(
        sleep=sleep,
        stop=tenacity.stop_after_attempt(policy.attempts),
        wait=_Wait(policy),
        retry=tenacity.retry_if_exception(is_retryable),
        before_sleep=_telling(on_retry),
        reraise=True,
    )


def parse_retry_after(value: str | None, now: datetime) -> timedelta | None:
    """How long a ``Retry-After`` header asks to wait from *now* on: seconds or an HTTP date; None where it says nothing readable.

    Never below :data:`SMALLEST_WAIT`, so neither zero nor a date in the past makes a hot loop.
    """
    text = (value or "").strip()
    try:
        if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", text):
            asked = timedelta(seconds=float(text))
        else:
            moment = parsedate_to_datetime(text)
            asked = (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)) - now
    except OverflowError:
        asked = timedelta(0) if text.startswith("-") else timedelta.max
    except (ValueError, TypeError, IndexError):
        return None
    return max(asked, SMALLEST_WAIT)


class _Wait(tenacity.wait.wait_base):
    """Full jitter, but at least as long as the host asked for."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._cap = policy.retry_after_cap
        self._jitter = tenacity.wait_random_exponential(multiplier=FIRST_WINDOW.total_seconds(), max=policy.longest_wait)

    def __call__(self, retry_state: tenacity.RetryCallState) -> float:
        error = _error(retry_state)
        wait = self._jitter(retry_state)
        if not isinstance(error, ThrottledError):
            return wait
        if error.retry_after is not None and error.retry_after > self._cap:
            raise StoppedEarly(
                f"the host asked to wait for {spoken(error.retry_after)}, which is more than the {spoken(self._cap)} that "
                f"retry_after_cap allows ({error.sentence}); what was read is committed: run the same command again after that time"
            ) from error
        return max(wait, (error.retry_after or SMALLEST_WAIT).total_seconds(), SMALLEST_WAIT.total_seconds())


def _telling(on_retry: OnRetry) -> Callable[[tenacity.RetryCallState], None]:
    def before_sleep(state: tenacity.RetryCallState) -> None:
        on_retry(FailedAttempt(number=state.attempt_number, error=_error(state), wait=state.upcoming_sleep))

    return before_sleep


def _error(state: tenacity.RetryCallState) -> MedallionError:
    error = state.outcome.exception() if state.outcome is not None else None
    if not isinstance(error, MedallionError):
        raise TypeError(f"only a MedallionError is waited for, got {error!r}")
    return error


def spoken(duration: timedelta) -> str:
    """A duration for people, in whole seconds."""
    return str(timedelta(seconds=round(duration.total_seconds()))) if duration < timedelta(days=999999) else "for ever"
