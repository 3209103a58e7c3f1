"""Sources are extracted, one after the other; each ends with a value, not with an exception."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from medallion.bronze.children import Children
from medallion.bronze.dated import DatedPages
from medallion.bronze.extract import ExtractResult, extract
from medallion.bronze.log import LogReader
from medallion.bronze.opening import ExtractOptions
from medallion.bronze.parents import ParentTable
from medallion.bronze.taken import nothing_new
from medallion.config.glob import parted
from medallion.config.pipeline import parents_first
from medallion.config.shape import references
from medallion.config.source import Source
from medallion.config.values import RUN_DATE
from medallion.errors import MedallionError
from medallion.events import Failed, Noticed
from medallion.flow import Flow, must_end, open_root
from medallion.layout import BronzeLayout
from medallion.outcome import SourceOutcome
from medallion.policy.budget import RetryBudget
from medallion.policy.limiter import Rate
from medallion.prefetch.hosts import Hosts
from medallion.prefetch.open import open_pages
from medallion.source.custom_frames import is_frames
from medallion.source.frames import open_frames
from medallion.source.listing import Listing
from medallion.source.protocol import LaneSource
from medallion.storage.roots import provider_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def extract_all(
    flow: Flow, sources: Sequence[Source], options: ExtractOptions, *, session: Callable[[], SparkSession] | None = None
) -> tuple[SourceOutcome, ...]:
    """Each source is read into its Bronze table, one after the other, parents first, all with one limiter and one breaker a host.

    *session* gives the Spark session to a source that needs one; None: it is started then, and no other source needs Java.
    A source that fails says so in its outcome, and those that are made from its records are skipped; the others go on, unless the
    configuration says stop or SIGTERM came.
    """
    rate = flow.pipeline.run.rate_limit_rps
    budget = RetryBudget(**flow.pipeline.run.retry_budget.model_dump())
    hosts = Hosts(clock=flow.clock, rate=None if rate is None else Rate(rps=rate), budget=budget)
    outcomes: list[SourceOutcome] = []
    with tempfile.TemporaryDirectory(prefix="medallion-spool-") as spool:
        for source in parents_first(sources):
            failed = {one.source for one in outcomes if one.result is None}
            if must_end(flow, [one.error for one in outcomes]) or (source.parent is not None and source.parent.source in failed):
                outcomes.append(SourceOutcome(source=source.name, status="skipped"))
                continue
            try:
                flow.stop.check()
                if source.parent is not None and source.parent.source not in {one.source for one in outcomes}:
                    sentence = f"{source.parent.source} is not read now: the records of its last completed run are asked for"
                    flow.listener(Noticed(subject=source.name, sentence=sentence))
                if is_frames(source):
                    result = _extract_frames(flow, source, options, session or partial(flow.start_spark, flow.pipeline.pipeline))
                else:
                    result = _extract(flow, source, hosts, options, Path(spool))
            except MedallionError as error:
                flow.listener(Failed(subject=source.name, code=error.code, sentence=error.sentence))
                outcomes.append(SourceOutcome(source=source.name, status="failed", error=error))
            else:
                idle = result.nothing_to_ask or result.same_as is not None or result.rows == 0
                outcomes.append(SourceOutcome(source=source.name, status="unchanged" if idle else "done", result=result))
    return tuple(outcomes)


def _extract(flow: Flow, source: Source, hosts: Hosts, options: ExtractOptions, spool: Path) -> ExtractResult:
    clock, listener, stop = flow.clock, flow.listener, flow.stop

    def opened(logical_date: datetime) -> LaneSource:
        return open_pages(source, resolver=flow.resolver, hosts=hosts, clock=clock, listener=listener, stop=stop, logical_date=logical_date)

    for reference in references(source):  # what cannot be asked fails here, before anything is written
        flow.resolver.resolve(reference)
    pages: LaneSource = opened(options.run_date or clock.now())
    fs = open_root(flow, flow.pipeline.platform.bronze.root)
    if RUN_DATE in source.model_dump_json():
        pages = DatedPages(fs=fs, layout=BronzeLayout(system=source.system, table=source.table), opened=opened)
    bronze = flow.pipeline.platform.bronze
    above, asked = flow.pipeline.parent_of(source), source.parent
    if above is not None and asked is not None:
        table = ParentTable(fs=fs, layout=BronzeLayout(system=above.system, table=above.table), child=source.name, parent=asked)
        children = Children(inner=pages, table=table)
        return extract(source, children, fs, bronze=bronze, options=options, clock=clock, listener=listener, stop=stop, spool=spool)
    return extract(source, pages, fs, bronze=bronze, options=options, clock=clock, listener=listener, stop=stop, spool=spool)


def _extract_frames(flow: Flow, source: Source, options: ExtractOptions, session: Callable[[], SparkSession]) -> ExtractResult:
    from medallion.bronze.frames import extract_frames

    if _no_new_file(flow, source, options):
        return ExtractResult(source=source.name, nothing_to_ask=True)
    frames = open_frames(  # a missing secret shows before Spark starts
        source, resolver=flow.resolver, listener=flow.listener, open_root=partial(open_root, flow)
    )
    spark = session()
    fs = open_root(flow, flow.pipeline.platform.bronze.root)
    bronze = flow.pipeline.platform.bronze
    return extract_frames(
        source, frames, fs, spark, bronze=bronze, options=options, clock=flow.clock, listener=flow.listener, stop=flow.stop
    )


def _no_new_file(flow: Flow, source: Source, options: ExtractOptions) -> bool:
    """Whether it is known without Spark that each file was taken already."""
    file, platform = source.file, flow.pipeline.platform
    if file is None or file.path is None or source.load_pattern == "full" or options.full_refresh:
        return False
    if any(provider_of(platform, root).needs_jvm for root in (platform.bronze.root, parted(file.path)[0])):
        return False
    reader = LogReader(open_root(flow, platform.bronze.root), BronzeLayout(system=source.system, table=source.table))
    return nothing_new(reader, Listing.of(file, partial(open_root, flow)).now())
