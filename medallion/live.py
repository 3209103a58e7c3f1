"""What the next run of each source would do as things stand: its log is read, its source is asked for one page, nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from medallion.bronze.log import LogReader
from medallion.bronze.state import TableState, open_state
from medallion.clock import Clock
from medallion.config.bound import moved, parse_bound, show_bound, show_span
from medallion.config.pipeline import Pipeline
from medallion.config.secret import SecretResolver
from medallion.config.source import Source
from medallion.errors import MedallionError, NotYetError, worst
from medallion.layout import BronzeLayout
from medallion.preview import FirstPage, first_page
from medallion.source.declared import declared_of
from medallion.source.incremental import WHOLE, first_lane
from medallion.source.listing import Listing
from medallion.source.protocol import Lane, Window
from medallion.storage.roots import Roots

_ROWS = 1000
"""Records that a class of somebody else's is asked for."""


@dataclass(frozen=True, kw_only=True)
class LiveSource:
    """A source as it is now."""

    name: str
    begins: str
    """Where its next run begins, by the log of its table."""
    answers: str | None
    """What it gave; None: it was not asked, or it failed."""
    changes: tuple[str, ...] = ()
    """What that page would make of the table's columns, by contract."""
    code: str | None = None
    problem: str | None = None
    """Why the next run would fail, as far as one page tells."""
    exit_status: int = 0


def look(pipeline: Pipeline, *, resolver: SecretResolver, clock: Clock) -> tuple[LiveSource, ...]:
    """Each source in the order of the configuration. What fails is said of its source, and the others are looked at."""
    roots = Roots(platform=pipeline.platform, resolver=resolver, clock=clock)
    return tuple(_look(source, roots, resolver=resolver, clock=clock) for source in pipeline.sources)


def exit_status(found: Sequence[LiveSource]) -> int:
    """The worst of all; 0 where nothing is wrong."""
    return worst(source.exit_status for source in found)


def _look(source: Source, roots: Roots, *, resolver: SecretResolver, clock: Clock) -> LiveSource:
    begins = "its log cannot be read"
    try:
        fs = roots.open(roots.platform.bronze.root)
        state = open_state(LogReader(fs, BronzeLayout(system=source.system, table=source.table)))
        begins = _begins(source, state)
        answers, page = _asked(source, state, roots, resolver=resolver, clock=clock)
        changes = () if page is None or not page.records else _changes(source, state, page)
    except MedallionError as error:
        return LiveSource(
            name=source.name, begins=begins, answers=None, code=error.code, problem=error.sentence, exit_status=error.exit_status
        )
    return LiveSource(name=source.name, begins=begins, answers=answers, changes=changes)


def _begins(source: Source, state: TableState) -> str:
    if state.open is not None:
        run, landed = state.open.started, state.open.rows
        return f"goes on with run {run.run_id} of {run.at}, {landed:,} rows of which are landed, unless what is asked has changed"
    if state.last_completed is None:
        return "the first run of its table"
    incremental = source.incremental
    if incremental is None or source.load_pattern == "full":
        return f"the whole again, after {state.last_completed.rows:,} rows of {state.last_completed.logical_date}"
    if state.watermarks is not None:
        return f"each of {state.watermarks.parents:,} parents at a watermark of its own, others at {show_bound(incremental.initial)}"
    if state.watermark is None:
        return f"at {show_bound(incremental.initial)}: no row has moved the watermark yet"
    less = f", less {show_span(incremental.overlap)}" if incremental.overlap else ""
    return f"at the watermark, {state.watermark}{less}"


def _asked(
    source: Source, state: TableState, roots: Roots, *, resolver: SecretResolver, clock: Clock
) -> tuple[str | None, FirstPage | None]:
    """What it gave, in words and, where it gives pages, as it came."""
    if source.type == "file" and source.file is not None:
        there = list(Listing.of(source.file, roots.open).now())
        return f"{len(there):,} files, {sum(one.size for one in there):,} bytes", None
    try:
        page = first_page(source, _lane(source, state, clock), resolver=resolver, clock=clock, rows=_ROWS)
    except NotYetError:  # Spark asks it, or the records of another source do
        return None, None
    more = "there is more" if page.more else "that is all"
    return f"{page.request}: {len(page.records):,} records, {page.bytes:,} bytes in {page.seconds:.2f} s; {more}", page


def _lane(source: Source, state: TableState, clock: Clock) -> Lane:
    incremental = source.incremental
    if incremental is None or state.watermark is None or source.parent is not None:
        return first_lane(incremental, clock.now())
    start = moved(parse_bound(state.watermark), incremental.overlap, back=True)
    last = incremental.last or (None if incremental.by_number else clock.now())
    return Lane(name=WHOLE, window=Window(start=start, end=last))


def _changes(source: Source, state: TableState, page: FirstPage) -> tuple[str, ...]:
    """A sentence for each change of the columns, and for what would go to ``_rescued``. Raises QualityError where a contract is frozen."""
    from medallion.bronze.arrow import RecordReader  # with pyarrow, which nothing else here needs
    from medallion.bronze.evolve import plan

    declared = plan(declared_of(source), state.columns, {}, source.schema_contract)
    reader = RecordReader(contract=source.schema_contract, timestamps=source.infer_timestamps, columns=declared.columns)
    parsed = reader.read(page.records)
    found = [*declared.changes, *declared.notes]
    if parsed.plan is not None:
        found += [*parsed.plan.changes, *parsed.plan.notes]
    if parsed.rescued:
        found.append(f"{parsed.rescued:,} of these records have values that fit no column: they would go to _rescued")
    return tuple(found)
