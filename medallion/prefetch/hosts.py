"""What all sources of a run share about each host: one limiter, one breaker; and what a status means."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from medallion.clock import Clock
from medallion.errors import AuthError, BreakerOpenError, SourceError, SourceUnavailable, StoppedEarly, ThrottledError
from medallion.policy.breaker import Breaker, BreakerPolicy, Outcome, after, before, permits, seconds_until_permitted
from medallion.policy.budget import RetryBudget
from medallion.policy.limiter import Limiter, Rate, postpone, reserve, seconds_until_room
from medallion.policy.quota import exhausted_for
from medallion.policy.retry import parse_retry_after, spoken
from medallion.source.request import Answer

_SHOWN_OF_BODY = 160
_FIRST_SILENCE, _LONGEST_SILENCE = timedelta(milliseconds=500), timedelta(seconds=8)


class Host:
    """One host, from all threads. The strictest of what sources say holds: the lowest rate, the fewest failures."""

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self._clock = clock
        self._lock = threading.Lock()
        self._rate: Rate | None = None
        self._policy: BreakerPolicy | None = None
        self._limiter, self._breaker = Limiter(), Breaker()
        self._counted_at: float | None = None
        self._sent: deque[float] = deque(maxlen=1)
        self._new_at = 0.0

    def agree(self, rate: Rate | None, policy: BreakerPolicy) -> None:
        """Takes what one more source says into account."""
        with self._lock:
            if rate is not None and (self._rate is None or rate.rps < self._rate.rps):
                self._rate = rate
                self._sent = deque(self._sent, maxlen=rate.most_in_a_second)
            if self._policy is None or policy.failures < self._policy.failures:
                self._policy = policy

    def reserve(self) -> float:
        """Books the next request; it must wait that many seconds."""
        with self._lock:
            self._limiter, wait = reserve(self._limiter, self._clock.monotonic(), self._rate)
            return wait

    def admit(self) -> float:
        """Lets a request that was booked go now, and gives 0; otherwise how long it waits more, since others went late."""
        with self._lock:
            if self._rate is None:
                return 0.0
            now = self._clock.monotonic()
            wait = seconds_until_room(self._sent, now, self._rate)
            if wait == 0.0:
                self._sent.append(now)
            return wait

    def heed(self, answer: Answer) -> None:
        """Takes what *answer* says of the requests that are left: with none, nothing is sent until there are new ones."""
        if (wait := exhausted_for(answer.headers, self._clock.now())) is not None:
            with self._lock:
                self._new_at = max(self._new_at, self._clock.monotonic() + wait.total_seconds())
                self._limiter = postpone(self._limiter, self._new_at)

    def check(self, cap: timedelta) -> None:
        """StoppedEarly where no request is left for longer than *cap*."""
        with self._lock:
            left = timedelta(seconds=max(0.0, self._new_at - self._clock.monotonic()))
        if left > cap:
            raise StoppedEarly(
                f"{self.name} says that no request is left for {spoken(left)}, which is more than the {spoken(cap)} that retry_after_cap "
                "allows; what was read is committed: run the same command again after that time"
            )

    def silent(self) -> bool:
        """Whether the host has asked for silence that is not over; what was booked before that must be booked again."""
        with self._lock:
            return self._limiter.not_before > self._clock.monotonic()

    def postpone(self, wait: timedelta) -> None:
        """Nothing more is sent for *wait*."""
        with self._lock:
            self._limiter = postpone(self._limiter, self._clock.monotonic() + wait.total_seconds())

    def enter(self) -> float:
        """Starts a call and says when; it must be told to :meth:`leave`. Raises BreakerOpenError while the host is left alone."""
        with self._lock:
            now, policy = self._clock.monotonic(), self._policy or BreakerPolicy()
            if not permits(self._breaker, now, policy):
                wait = seconds_until_permitted(self._breaker, now, policy)
                raise BreakerOpenError(
                    f"{self.name} failed {self._breaker.failures} times in a row and is left alone for {wait:.0f}s more; "
                    "what was read is committed: run the same command again when the host is well"
                )
            self._breaker = before(self._breaker, now, policy)
            return now

    def leave(self, outcome: Outcome, started: float) -> None:
        """Ends a call that :meth:`enter` started.

        Calls that were under way together when one failed say nothing new when they fail as well: a volley counts once. From the
        second failure in a row on, nothing is sent for a while that doubles each time, or many requests at a time would use up in
        a moment the patience that one has for seconds.
        """
        with self._lock:
            now, policy = self._clock.monotonic(), self._policy or BreakerPolicy()
            if outcome == "failed" and self._breaker.opened_at is None:
                if self._counted_at is not None and started <= self._counted_at and self._breaker.failures:
                    return
                self._counted_at = now
                if self._breaker.failures:
                    pause = min(_FIRST_SILENCE * 2 ** (self._breaker.failures - 1), _LONGEST_SILENCE)
                    self._limiter = postpone(self._limiter, now + pause.total_seconds())
            self._breaker = after(self._breaker, outcome, now, policy, started=started)


class Retries:
    """The requests of a run and those of them that were repeated, from all threads."""

    def __init__(self, budget: RetryBudget) -> None:
        self._budget = budget
        self._lock = threading.Lock()
        self._requests = self._retries = 0

    def sent(self) -> None:
        """One more request goes out."""
        with self._lock:
            self._requests += 1

    def spend(self, failed: str) -> None:
        """One more request is to be repeated, since *failed*; StoppedEarly where the budget of the run is used up."""
        with self._lock:
            requests, retries = self._requests, self._retries
            if self._budget.allows(requests=requests, retries=retries):
                self._retries += 1
                return
        raise StoppedEarly(
            f"{retries} of {requests} requests of this run were repeated, and run.retry_budget allows no more (the last: {failed}); "
            "what was read is committed: run the same command again when the source is well"
        )


class Hosts:
    """The hosts of a run; safe to share between threads. *rate* holds for sources that say nothing of their own."""

    def __init__(self, *, clock: Clock, rate: Rate | None = None, budget: RetryBudget | None = None) -> None:
        self._clock = clock
        self._rate = rate
        self.retries = Retries(budget or RetryBudget())
        self._hosts: dict[str, Host] = {}
        self._lock = threading.Lock()

    def host(self, origin: str, *, rate: Rate | None, policy: BreakerPolicy) -> Host:
        """The one Host of *origin*, which takes *rate* and *policy* into account from now on."""
        with self._lock:
            host = self._hosts.setdefault(origin, Host(origin, self._clock))
        host.agree(rate or self._rate, policy)
        return host


def outcome_of(status: int) -> Outcome:
    """What an answer says about the health of its host: 429 is a host that is well and knows its limits."""
    return "failed" if status >= 500 or status == 408 else "ok"


def judge(answer: Answer, *, shown: str, now: datetime, mask: Callable[[str], str], hint: str = "") -> None:
    """Lets an answer pass that holds a page. *shown* names the request, *now* is the wall clock, *hint* ends the sentence.

    Raises AuthError (401, 403), ThrottledError (429; 503 that says when to come back), SourceUnavailable (408, 5xx), and
    SourceError for everything else that is not 2xx.
    """
    status = answer.status
    if 200 <= status < 300:
        return
    said = f"{shown}: status {status}{_body(answer, mask)}"
    if status in (401, 403):
        raise AuthError(f"{said}; check api.auth and what this credential may read")
    retry_after = parse_retry_after(answer.header("retry-after"), now)
    if status == 429 and retry_after is None:
        retry_after = exhausted_for(answer.headers, now)
    if status == 429 or (status == 503 and retry_after is not None):
        raise ThrottledError(f"{said}; lower api.rate_limit or api.concurrency if this happens often", retry_after=retry_after)
    if status >= 500 or status == 408:
        raise SourceUnavailable(said)
    raise SourceError(f"{said}{hint}")


def _body(answer: Answer, mask: Callable[[str], str]) -> str:
    """What the source says about its refusal, if it says it in plain text or JSON; secrets that it repeats are masked."""
    start = answer.body[: _SHOWN_OF_BODY * 4].lstrip()
    if not start or start.startswith(b"<"):
        return ""
    text = " ".join(mask(start.decode("utf-8", "replace")).split())
    return f" ({text[:_SHOWN_OF_BODY]})" if text.isprintable() else ""
