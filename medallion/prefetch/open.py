"""From the configuration of a source to the one that gives its pages."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from medallion.clock import Clock
from medallion.config.api import Api
from medallion.config.secret import SecretResolver
from medallion.config.source import Source
from medallion.errors import NotYetError, Problem
from medallion.events import Listener
from medallion.policy.aimd import WidthPolicy
from medallion.policy.breaker import BreakerPolicy
from medallion.policy.limiter import Rate
from medallion.policy.retry import RetryPolicy
from medallion.prefetch.ahead import Ahead
from medallion.prefetch.attempt import Asker
from medallion.prefetch.blocking import RequestsTransport
from medallion.prefetch.hosts import Hosts
from medallion.prefetch.parallel import AiohttpTransport
from medallion.prefetch.prefetcher import Prefetcher
from medallion.prefetch.route import route_of
from medallion.prefetch.sequential import SequentialPrefetcher
from medallion.prefetch.transport import Caps
from medallion.prefetch.width import FixedWidth, FoundWidth
from medallion.source.custom import custom_pages
from medallion.source.http import endpoint
from medallion.source.protocol import LaneSource
from medallion.stop import StopFlag


def open_pages(
    source: Source,
    *,
    resolver: SecretResolver,
    hosts: Hosts,
    clock: Clock,
    listener: Listener,
    stop: StopFlag,
    logical_date: datetime | None = None,
) -> LaneSource:
    """The pages of a source of type ``api`` or ``custom``; nothing is asked before they are taken. *logical_date* is ``{run.date}``.

    Raises ConfigError for what cannot be asked, NotYetError for what this version does not build.
    """
    if source.type == "custom":
        pages = custom_pages(source, resolver, clock=clock, logical_date=logical_date or clock.now())
        return Ahead(name=source.name, source=pages, clock=clock, listener=listener, stop=stop)
    api = _api(source)
    asker = asker_of(source, resolver=resolver, hosts=hosts, clock=clock, logical_date=logical_date)
    caps, route = caps_of(api), route_of(api, resolver, f"sources.{source.name}.api")
    if not api.async_:
        return SequentialPrefetcher(
            asker=asker, connect=lambda: RequestsTransport(caps=caps, clock=clock, route=route), listener=listener, stop=stop
        )
    return Prefetcher(
        asker=asker,
        connect=lambda: AiohttpTransport(caps=caps, connections=asker.width.most, route=route),
        concurrency=asker.width.most,
        listener=listener,
        stop=stop,
    )


def asker_of(source: Source, *, resolver: SecretResolver, hosts: Hosts, clock: Clock, logical_date: datetime | None = None) -> Asker:
    """How *source* is asked, with the policies that its configuration says. Raises as :func:`open_pages` does."""
    api = _api(source)
    asked = endpoint(source, resolver, clock=clock, logical_date=logical_date)
    rate = None if api.rate_limit is None else Rate(rps=api.rate_limit.rps, burst=api.rate_limit.burst)
    breaker = BreakerPolicy(failures=api.circuit_breaker.failures, cooldown=api.circuit_breaker.cooldown)
    retry = RetryPolicy(attempts=api.retry.attempts, longest_wait=api.retry.longest_wait, retry_after_cap=api.retry.retry_after_cap)
    host = hosts.host(asked.origin, rate=rate, policy=breaker)
    return Asker(
        source=source.name,
        endpoint=asked,
        host=host,
        elsewhere=partial(hosts.host, rate=None, policy=breaker),
        policy=retry,
        retries=hosts.retries,
        width=FoundWidth(WidthPolicy()) if api.concurrency == "auto" else FixedWidth(api.concurrency),
        clock=clock,
    )


def caps_of(api: Api) -> Caps:
    """The caps on one page."""
    return Caps(wire_bytes=api.limits.wire_bytes, decoded_bytes=api.limits.decoded_bytes, page_timeout=api.limits.page_timeout)


def _api(source: Source) -> Api:
    if source.type != "api" or source.api is None:
        raise NotYetError([Problem(path=f"sources.{source.name}", message=f"type {source.type} is not read over HTTP")])
    return source.api
