"""One source is read into its Bronze table: pages in, committed chunks out, resumable after each of them."""

from __future__ import annotations

import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path

from medallion import events
from medallion.bronze.arrow import RecordReader
from medallion.bronze.children import Children
from medallion.bronze.chunk import GUESSES, ChunkLimits, OpenChunk, ReadyChunk, Yield
from medallion.bronze.closing import close, remarks, repeated, tidy
from medallion.bronze.courtesy import working
from medallion.bronze.cutting import ContentHash, Cutter
from medallion.bronze.entry import RunCompleted
from medallion.bronze.evolve import plan
from medallion.bronze.kin import Kin
from medallion.bronze.landing import Landing
from medallion.bronze.ledger import Ledger
from medallion.bronze.opening import ExtractOptions, Opened, open_run
from medallion.bronze.roster import Roster
from medallion.bronze.spool import OpenFiles
from medallion.bronze.spooler import Spooler
from medallion.bronze.watermark import CursorWatch, Kind, KinWatch
from medallion.bronze.wild import TextPages
from medallion.clock import Clock
from medallion.config.api import ApiIncremental
from medallion.config.bound import Bound, parse_bound
from medallion.config.incremental import Incremental
from medallion.config.platform import Bronze
from medallion.config.source import Source
from medallion.errors import QualityError
from medallion.events import Listener, Noticed
from medallion.layout import BronzeLayout
from medallion.schema import Type
from medallion.source.declared import declared_of
from medallion.source.protocol import PageSource
from medallion.stop import StopFlag
from medallion.storage.filesystem import FileSystem


@dataclass(frozen=True, kw_only=True)
class ExtractResult:
    """A source was read to its end. *rows* and *chunks* are the run's, *pages*, *bytes* (of answers) and *seconds* this attempt's."""

    source: str
    run_id: str | None = None
    rows: int = 0
    chunks: int = 0
    pages: int = 0
    bytes: int = 0
    seconds: float = 0.0
    resumed: bool = False
    same_as: str | None = None
    abandoned: str | None = None
    nothing_to_ask: bool = False
    first_version: int | None = None
    last_version: int | None = None


def extract(
    source: Source,
    pages: PageSource | Children,
    fs: FileSystem,
    *,
    bronze: Bronze,
    options: ExtractOptions,
    clock: Clock,
    listener: Listener,
    stop: StopFlag,
    spool: Path,
) -> ExtractResult:
    """Everything the source has between the run's bounds is in the log of its table, and the run is completed.

    Files are made in a folder of their own below *spool*, an existing local folder. After any error what was complete is
    committed, if the store lets us, and the run stays open: the next call resumes it. Raises SourceError or StoppedEarly from
    *pages*, TerminatedError after *stop*, BusyError, FencedError, QualityError, ConfigError, StateError and StorageError.
    """
    began = clock.monotonic()
    layout = BronzeLayout(system=source.system, table=source.table)
    declared = declared_columns(source)
    attempt = uuid.uuid4().hex
    with working(attempt):
        parent = pages.table.cut() if isinstance(pages, Children) else None
        opened = open_run(source, fs, layout, bronze=bronze, options=options, clock=clock, attempt=attempt, parent=parent)
        if opened is None:
            return ExtractResult(source=source.name, nothing_to_ask=True, seconds=clock.monotonic() - began)
        tell(opened, source, listener)
        with tempfile.TemporaryDirectory(prefix="medallion-", dir=spool) as folder, Roster(Path(folder, "parents")) as roster:
            files = OpenFiles(folder=Path(folder), rows=bronze.max_rows_per_file, compression=bronze.compression, formats=bronze.formats)
            spooler = Spooler(files=files)
            ledger = Ledger(
                writer=opened.writer,
                layout=layout,
                listener=listener,
                started=opened.started,
                started_version=opened.version,
                schema_id=opened.state.schema_id,
            )
            landing = Landing(fs=fs, ledger=ledger, yields=Yield(ratio=GUESSES["csv" if "csv" in bronze.formats else "parquet"]))
            kin = None
            if source.parent is not None and source.incremental is not None:
                kin = Kin(fs=fs, layout=layout, source=source, incremental=source.incremental, opened=opened, roster=roster)
                landing.keep, landing.on_landed = kin.keep, kin.landed
            planned = plan(declared, opened.state.columns, {}, source.schema_contract)
            cutter = Cutter(
                reader=RecordReader(contract=source.schema_contract, timestamps=source.infer_timestamps, columns=planned.columns),
                chunk=OpenChunk(limits=_limits(bronze), yields=landing.yields),
                sink=spooler,
                clock=clock,
                watch=None if kin is not None else _watch(opened, source),
                kin=None if kin is None else _kin_watch(opened, kin.incremental),
                content=ContentHash() if _is_comparable(source, opened) else None,
                notice=lambda note: listener(Noticed(subject=source.name, sentence=note)),
                changes=planned.changes,
            )
            for note in planned.notes:
                cutter.say(note)
            with spooler, landing:
                if isinstance(pages, Children):
                    assert opened.started.parent is not None, "the run was opened with it"
                    pages = pages.of(opened.started.parent, roster, cutter.say, None if kin is None else kin.since)
                if kin is not None:
                    kin.recall()
                if source.as_json:
                    pages = TextPages(inner=pages, fields=frozenset(source.as_json))
                _read(pages, opened, cutter, landing, stop)
                completed, version = _complete(opened, cutter, landing, kin)
        _after(fs, completed, version, ledger, cutter)
    return ExtractResult(
        source=source.name,
        run_id=completed.run_id,
        rows=completed.rows,
        chunks=completed.chunks,
        pages=cutter.pages,
        bytes=cutter.wire_bytes,
        seconds=clock.monotonic() - began,
        resumed=opened.continued is not None,
        same_as=completed.same_as,
        abandoned=opened.abandoned,
        first_version=opened.version,
        last_version=version,
    )


def declared_columns(source: Source) -> dict[str, Type]:
    """The columns that the configuration declares. Raises ConfigError where it is no schema."""
    return declared_of(source)


def _is_comparable(source: Source, opened: Opened) -> bool:
    """Whether the run's records come in an order in which they can be compared with those of another one, and all of them here."""
    return source.load_pattern == "full" and source.parent is None and not (opened.continued and opened.continued.resume)


def _limits(bronze: Bronze) -> ChunkLimits:
    return ChunkLimits(rows=bronze.max_rows_per_file, file_bytes=bronze.max_file_size_mb * 1024**2, age=bronze.commit_every)


def _watch(opened: Opened, source: Source) -> CursorWatch | None:
    incremental = source.incremental
    if incremental is None:
        return None
    started = opened.started
    one_lane = len(opened.lanes) <= 1 and started.window_seconds is None and started.window is None
    watch = CursorWatch(
        field=incremental.cursor_field,
        end=_ceiling(opened),
        kind=_kind(incremental),
        in_order=incremental.sorted and not opened.started.backfill and one_lane,
    )
    if opened.continued is not None:
        watch.start(None if opened.continued.candidate is None else parse_bound(opened.continued.candidate))
        watch.in_order = watch.in_order and opened.continued.in_order
    return watch


def _kin_watch(opened: Opened, incremental: Incremental) -> KinWatch:
    return KinWatch(field=incremental.cursor_field, end=_ceiling(opened), kind=_kind(incremental))


def _ceiling(opened: Opened) -> Bound | None:
    """Rows from here on do not move the watermark."""
    end = opened.started.end if opened.started.end is not None else opened.started.ceiling
    return None if end is None else parse_bound(end)


def _kind(incremental: Incremental) -> Kind:
    if incremental.by_number:
        return "number"
    return incremental.field_format if isinstance(incremental, ApiIncremental) else "iso"


def tell(opened: Opened, source: Source, listener: Listener) -> None:
    """*listener* hears which run was opened, and which was abandoned for it."""
    if opened.abandoned is not None and opened.state.open is not None:
        listener(events.RunAbandoned(source=source.name, run_id=opened.state.open.started.run_id, why=opened.abandoned))
    listener(events.RunOpened(source=source.name, run_id=opened.started.run_id, resumed=opened.continued is not None))


def _read(pages: PageSource, opened: Opened, cutter: Cutter, landing: Landing, stop: StopFlag) -> None:
    """All pages are cut and whole chunks landed; the rest stays in *cutter*, or is landed too where the source cannot go on."""
    if not opened.lanes:
        return
    asked = pages.pages(opened.lanes)
    try:
        while True:
            try:
                stop.check()
                page = next(asked, None)
            except BaseException:
                _salvage(cutter, landing)
                raise
            if page is None:
                return
            try:
                for ready in cutter.cut(page):
                    _land(ready, cutter, landing)
            except QualityError:
                _salvage(cutter, landing)
                raise
    finally:
        if (close := getattr(asked, "close", None)) is not None:
            close()


def _salvage(cutter: Cutter, landing: Landing) -> None:
    """The pages that were read whole are committed: they will not be asked again."""
    for ready in cutter.rest():
        _land(ready, cutter, landing)
    landing.drain()


def _land(ready: ReadyChunk, cutter: Cutter, landing: Landing) -> None:
    watch = cutter.watch
    final = watch is not None and watch.in_order
    landing.land(ready, watermark=None if watch is None else watch.settled if final else watch.candidate, final=final)


def _complete(opened: Opened, cutter: Cutter, landing: Landing, kin: Kin | None) -> tuple[RunCompleted, int]:
    """The run is completed: with its last chunk, or as the same as the run before, whose files then stay the only ones."""
    rest: list[ReadyChunk] = []
    try:
        for ready in cutter.rest():
            rest.append(ready)
    except QualityError:
        for ready in rest:
            _land(ready, cutter, landing)
        landing.drain()
        raise
    landing.drain()
    content = cutter.content.hexdigest() if cutter.content is not None else None
    changed = bool(cutter.changes) or any(ready.changes for ready in rest)
    same_as = repeated(opened, content=content, schema_id=landing.ledger.schema_id, changed=changed)
    if same_as is None:
        for ready in rest:
            if ready.rows:
                _land(ready, cutter, landing)
        landing.drain()
        if cutter.changes:  # declared columns of a table that has no row yet
            landing.enter_schema(cutter.reader.columns, cutter.changes)
    ledger = landing.ledger
    return close(
        opened,
        rows=ledger.rows + (sum(ready.rows for ready in rest) if same_as else 0),
        rescued=ledger.rescued + (sum(ready.rescued for ready in rest) if same_as else 0),
        chunks=ledger.chunks,
        schema_id=ledger.schema_id,
        candidate=None if cutter.watch is None else cutter.watch.candidate,
        content=content,
        same_as=same_as,
        watermarks=None if kin is None else kin.completed(),
    )


def _after(fs: FileSystem, completed: RunCompleted, version: int, ledger: Ledger, cutter: Cutter) -> None:
    watch = cutter.watch
    odd = cutter.watch or cutter.kin
    for remark in remarks(rescued=cutter.rescued, unreadable=odd.unreadable if odd else 0, field=odd.field if odd else None):
        cutter.say(remark)
    if watch is not None and watch.out_of_order:
        cutter.say(f"declared sorted, but the rows do not come in the order of {watch.field}: the watermark moves only at the end of a run")
    source, paths = ledger.started.source, ledger.paths
    tidy(fs, ledger.layout, completed, version, source=source, paths=paths, say=cutter.say, listener=ledger.listener)
