"""One page: asked, judged, taken apart, and asked again if that may help. Written once, for both transports.

An attempt is a generator that yields what it needs (a wait in seconds, or a request to send) and is sent the answer; two short
drivers do the waiting and sending, one with asyncio and one without.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias, cast

from medallion.clock import Clock
from medallion.errors import MedallionError, SourceError, SourceUnavailable, ThrottledError
from medallion.policy.breaker import Outcome
from medallion.policy.retry import FailedAttempt, RetryPolicy, async_retrying, retrying
from medallion.prefetch.hosts import Host, Retries, judge, outcome_of
from medallion.prefetch.slots import Slot
from medallion.prefetch.transport import BlockingTransport, Transport
from medallion.prefetch.width import RequestWidth
from medallion.source.decode import Decoded
from medallion.source.http import Endpoint
from medallion.source.joined import joined
from medallion.source.protocol import DONE, Position
from medallion.source.request import Answer, Request, origin


class _Arrived:
    """The effect that says: the answer is whole, and good as far as its status says."""


_ARRIVED = _Arrived()
Effects: TypeAlias = Generator[float | Request | _Arrived, Answer | None, "Fetched"]

_NOTHING = Decoded(records=[], found={})


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A page that is good. *next* is None where the position was a guess, so that what follows is not known yet.

    Of *answer* the body is gone: *decoded* holds what was in it.
    """

    request: Request
    answer: Answer
    decoded: Decoded
    next: Position | None
    seconds: float

    @cached_property
    def held(self) -> int:
        """Bytes of memory that its records take, nearly."""
        return len(joined(self.decoded.records))


@dataclass(frozen=True, kw_only=True)
class Asker:
    """All that asking one source needs. *source* names it in events."""

    source: str
    endpoint: Endpoint
    host: Host
    """Of the endpoint."""
    elsewhere: Callable[[str], Host]
    """Of any other origin, such as that of a token server."""
    policy: RetryPolicy
    retries: Retries
    """Of the run."""
    width: RequestWidth
    """How many requests are under way at once."""
    clock: Clock

    def attempt(self, request: Request, position: Callable[[], Position], *, guess: bool) -> Effects:
        """One attempt at the page at *position*, which is asked for when the answer is there: more may be known of it by then.

        *guess* says that nobody knows whether there is such a page.

        Raises SourceError of every kind, and BreakerOpenError.
        """
        since = self.clock.monotonic()
        flow = self.endpoint.exchange(request)
        try:
            step = next(flow)
            while True:
                if isinstance(step, Request):
                    since, answer = yield from self._sent(step)
                    step = flow.send(answer)
                else:
                    yield step
                    step = next(flow)
        except StopIteration as end:
            answer = end.value
        finally:
            flow.close()  # what a flow holds while it asks for a token must not wait for the collector
        seconds = self.clock.monotonic() - since
        if 200 <= answer.status < 300:
            yield _ARRIVED
        return self._page(request, position(), answer, seconds, guess=guess)

    def _sent(self, outgoing: Request) -> Generator[float | Request, Answer | None, tuple[float, Answer]]:
        """When *outgoing* was sent, at its turn at its host, and what came back."""
        host = self.host if outgoing.url.startswith(self.endpoint.root) else self.elsewhere(origin(outgoing.url))
        while True:
            host.check(self.policy.retry_after_cap)
            wait = host.reserve()
            if wait > 0:
                yield wait
            if not host.silent():
                break
        while (wait := host.admit()) > 0:
            yield wait
        started = host.enter()
        self.retries.sent()
        outcome: Outcome = "cancelled"
        try:
            answer = cast(Answer, (yield outgoing))
            outcome = outcome_of(answer.status)
            host.heed(answer)
            if host is self.host:
                self.width.heard(answer.status, started, self.clock.monotonic())
        except SourceError as error:
            outcome = "failed" if isinstance(error, SourceUnavailable) else "ok"
            raise
        finally:
            host.leave(outcome, started)
        return started, answer

    def _page(self, request: Request, position: Position, answer: Answer, seconds: float, *, guess: bool) -> Fetched:
        endpoint, status = self.endpoint, answer.status
        if not 200 <= status < 300:
            if endpoint.paginator.past_end(position, status) or endpoint.is_missing(position, status):
                return Fetched(request=request, answer=answer, decoded=_NOTHING, next=DONE, seconds=seconds)
            try:
                judge(answer, shown=request.shown, now=self.clock.now(), mask=endpoint.mask, hint=endpoint.hint(position, status))
            except ThrottledError as error:
                # Beyond the cap nobody waits: the run stops, and requests that are under way must not be held up by it.
                if error.retry_after is not None and error.retry_after <= self.policy.retry_after_cap:
                    self.host.postpone(error.retry_after)
                raise
        decoded = endpoint.decode(answer, request=request)
        answer = replace(answer, body=b"")
        following = None if guess else endpoint.next_after(request, position, decoded, answer)
        return Fetched(request=request, answer=answer, decoded=decoded, next=following, seconds=seconds)

    async def fetch(
        self,
        transport: Transport,
        request: Request,
        position: Callable[[], Position],
        *,
        guess: bool,
        slot: Slot,
        on_retry: Callable[[FailedAttempt], None],
    ) -> Fetched:
        """The page at *position*, within the retry budget; waits and sends on the running event loop, and only while it holds *slot*."""

        async def once() -> Fetched:
            await slot.hold()
            return await _drive(self.attempt(request, position, guess=guess), transport, self.clock.pause, slot)

        try:
            return await once()
        except MedallionError as error:
            if not error.retryable:
                raise
            first = [error]

        async def again() -> Fetched:
            if first:
                raise first.pop()
            return await once()

        # tenacity costs as much as the request itself on a fast network, so it comes in only when there is something to retry.
        return await async_retrying(self.policy, sleep=self.clock.pause, on_retry=self._spending(on_retry))(again)

    def fetch_blocking(
        self,
        transport: BlockingTransport,
        request: Request,
        position: Position,
        *,
        sleep: Callable[[float], None],
        on_retry: Callable[[FailedAttempt], None],
    ) -> Fetched:
        """:meth:`fetch` on the calling thread; *sleep* may raise to end the waiting."""

        def once() -> Fetched:
            return _drive_blocking(self.attempt(request, lambda: position, guess=False), transport, sleep)

        return retrying(self.policy, sleep=sleep, on_retry=self._spending(on_retry))(once)

    def _spending(self, on_retry: Callable[[FailedAttempt], None]) -> Callable[[FailedAttempt], None]:
        def spend(failed: FailedAttempt) -> None:
            self.retries.spend(failed.error.sentence)
            on_retry(failed)

        return spend


async def _drive(effects: Effects, transport: Transport, pause: Callable[[float], Awaitable[None]], slot: Slot) -> Fetched:
    try:
        step = next(effects)
        while True:
            if isinstance(step, Request):
                try:
                    answer = await transport.send(step)
                except MedallionError as error:
                    step = effects.throw(error)
                else:
                    step = effects.send(answer)
                continue
            if isinstance(step, _Arrived):
                await slot.arrived()
            else:
                await pause(step)
            step = next(effects)
    except StopIteration as end:
        return cast(Fetched, end.value)
    finally:
        effects.close()  # a cancelled request is told to the breaker


def _drive_blocking(effects: Effects, transport: BlockingTransport, sleep: Callable[[float], None]) -> Fetched:
    try:
        step = next(effects)
        while True:
            if isinstance(step, Request):
                try:
                    answer = transport.send(step)
                except MedallionError as error:
                    step = effects.throw(error)
                else:
                    step = effects.send(answer)
                continue
            if not isinstance(step, _Arrived):
                sleep(step)
            step = next(effects)
    except StopIteration as end:
        return cast(Fetched, end.value)
    finally:
        effects.close()
