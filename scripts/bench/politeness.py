"""Whether a rate is kept, and used: every send of a minute by the client's clock."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field

from medallion.clock import Clock
from medallion.config.secret import Secrets
from medallion.events import nobody
from medallion.prefetch.hosts import Hosts
from medallion.prefetch.open import asker_of, caps_of
from medallion.prefetch.parallel import AiohttpTransport
from medallion.prefetch.prefetcher import Prefetcher
from medallion.source.protocol import Lane, Window
from medallion.source.request import Answer, Request
from medallion.stop import StopFlag
from scripts.bench import server
from scripts.bench.extraction import DEPTH, paged
from scripts.bench.measure import Bar, Benchmark, Measured, Settings

RPS, SECONDS, LATENCY_MS = 20, 60, 50
LANES = 1 + RPS * SECONDS // server.PAGES
"""Each reads all pages of the server once: enough for the whole time."""


@dataclass(kw_only=True)
class Recording:
    """A transport that notes when it is told to send."""

    inner: AiohttpTransport
    clock: Clock
    sent: list[float] = field(default_factory=list)

    async def send(self, request: Request) -> Answer:
        """See Transport."""
        self.sent.append(self.clock.monotonic())
        return await self.inner.send(request)

    async def close(self) -> None:
        """See Transport."""
        await self.inner.close()


def sends(url: str, clock: Clock) -> list[float]:
    """When each request went out, in the seconds that the benchmark takes."""
    source = paged(url, latency_ms=LATENCY_MS)
    assert source.api is not None
    api = source.api.model_validate({**source.api.model_dump(by_alias=True), "rate_limit": {"rps": RPS, "burst": 1}})
    source = source.model_copy(update={"api": api})
    asker = asker_of(source, resolver=Secrets(environ={}), hosts=Hosts(clock=clock), clock=clock)
    made: list[Recording] = []

    def connect() -> Recording:
        made.append(Recording(inner=AiohttpTransport(caps=caps_of(api), connections=DEPTH), clock=clock))
        return made[0]

    lanes = [Lane(name=str(number), window=Window(start=None, end=None)) for number in range(LANES)]
    pages = Prefetcher(asker=asker, connect=connect, concurrency=DEPTH, listener=nobody, stop=StopFlag()).pages(lanes)
    until = clock.monotonic() + SECONDS
    with closing(pages):  # type: ignore[type-var]
        for _ in pages:
            if clock.monotonic() >= until:
                break
    return [moment for moment in made[0].sent if moment < made[0].sent[0] + SECONDS]


def most_in_a_second(sent: Sequence[float]) -> int:
    """The most sends in any half-open second."""
    return max(bisect_left(sent, first + 1.0) - number for number, first in enumerate(sent))


def rate_limit(settings: Settings) -> Sequence[Measured]:
    """A minute at 20 requests a second, burst 1."""
    settings.progress(f"{SECONDS} s")
    with server.started() as url:
        sent = sends(url, settings.clock)
    most, used = most_in_a_second(sent), len(sent) / (RPS * SECONDS)
    says = f"{RPS} rps, burst 1, {SECONDS} s"
    return [
        Measured(
            bar=Bar(name="rate-most", says=f"{says}: most sends in any half-open second, over the rate", limit=1.0), values=(most / RPS,)
        ),
        Measured(
            bar=Bar(name="rate-used", says=f"{says}: share of the budget that is used", limit=0.95, at_least=True),
            values=(used,),
            note=f"{len(sent)} sends",
        ),
    ]


BENCHMARKS = (Benchmark(name="rate-limit", says=f"a minute at {RPS} requests a second, burst 1", measure=rate_limit),)
