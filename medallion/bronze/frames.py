"""A source that Spark reads goes into its Bronze table: executors write chunk files, one log entry a frame makes them true."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from medallion.bronze import executors
from medallion.bronze.closing import close, remarks, repeated, tidy
from medallion.bronze.courtesy import working
from medallion.bronze.entry import RunCompleted
from medallion.bronze.extract import ExtractResult, declared_columns, tell
from medallion.bronze.framing import FrameLanding
from medallion.bronze.ledger import Ledger
from medallion.bronze.log import LogReader
from medallion.bronze.opening import ExtractOptions, Opened, open_run
from medallion.bronze.taken import Taken
from medallion.clock import Clock
from medallion.config.bound import parse_bound
from medallion.config.platform import Bronze
from medallion.config.source import Source
from medallion.errors import MedallionError
from medallion.events import Listener
from medallion.layout import BronzeLayout
from medallion.source.protocol import FrameSource
from medallion.spark import failure, said
from medallion.stop import StopFlag
from medallion.storage.filesystem import FileSystem

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def extract_frames(
    source: Source,
    frames: FrameSource,
    fs: FileSystem,
    spark: SparkSession,
    *,
    bronze: Bronze,
    options: ExtractOptions,
    clock: Clock,
    listener: Listener,
    stop: StopFlag,
) -> ExtractResult:
    """Everything the source has between the run's bounds is in the log of its table, and the run is completed.

    Frames that were landed are committed whatever comes after them; the next call resumes behind them. Files of a frame that
    was not committed are nobody's. Raises as :func:`medallion.bronze.extract.extract` does.
    """
    began = clock.monotonic()
    layout = BronzeLayout(system=source.system, table=source.table)
    declared = declared_columns(source)
    attempt = uuid.uuid4().hex
    with working(attempt), _typed(frames):
        opened = open_run(
            source, fs, layout, bronze=bronze, options=options, clock=clock, attempt=attempt, ceiling=lambda: frames.ceiling(spark)
        )
        if opened is None:
            return ExtractResult(source=source.name, nothing_to_ask=True, seconds=clock.monotonic() - began)
        tell(opened, source, listener)
        ledger = Ledger(
            writer=opened.writer,
            layout=layout,
            listener=listener,
            started=opened.started,
            started_version=opened.version,
            schema_id=opened.state.schema_id,
        )
        landing = FrameLanding(
            source=source,
            fs=fs,
            spark=spark,
            bronze=bronze,
            stop=stop,
            opened=opened,
            ledger=ledger,
            declared=declared,
            taken=_taken(fs, layout, opened),
            columns=opened.state.columns,
        )
        _read(frames, landing)
        completed, version = _complete(landing)
        field = None if source.incremental is None else source.incremental.cursor_field
        for remark in remarks(rescued=landing.rescued, unreadable=landing.unreadable, field=field):
            landing.say(remark)
        tidy(fs, layout, completed, version, source=source.name, paths=ledger.paths, say=landing.say, listener=listener)
    return ExtractResult(
        source=source.name,
        run_id=completed.run_id,
        rows=completed.rows,
        chunks=completed.chunks,
        pages=landing.frames,
        seconds=clock.monotonic() - began,
        resumed=opened.continued is not None,
        same_as=completed.same_as,
        abandoned=opened.abandoned,
        first_version=opened.version,
        last_version=version,
    )


def _read(frames: FrameSource, landing: FrameLanding) -> None:
    """Every frame is landed; all but the last one are committed, the last one too where the source cannot go on."""
    if not landing.opened.lanes:
        return
    asked = frames.frames(landing.spark, [replace(lane, taken=landing.taken) for lane in landing.opened.lanes])
    try:
        while True:
            try:
                landing.stop.check()
                frame = next(asked, None)
                if frame is None:
                    return
                landing.land(frame)
            except BaseException:
                landing.commit()
                raise
    finally:
        if (close_it := getattr(asked, "close", None)) is not None:
            close_it()


def _complete(landing: FrameLanding) -> tuple[RunCompleted, int]:
    """The run is completed: with its last frame, or as the same as the run before, whose files then stay the only ones."""
    opened, ledger, held = landing.opened, landing.ledger, landing.held
    waiting = 0 if held is None else held.files.rows
    content = None
    if opened.started.load_pattern == "full" and not (opened.continued and opened.continued.resume):
        content = executors.digest(ledger.rows + waiting, landing.contents)
    same_as = repeated(opened, content=content, schema_id=ledger.schema_id, changed=landing.changed)
    if same_as is not None and held is not None:
        ledger.paths += [file.path for one in held.files.written for file in one.files]
    elif waiting:
        landing.commit()
    if same_as is None and landing.pending:
        ledger.enter_schema(landing.columns, landing.pending)
    candidate = landing.candidate
    return close(
        opened,
        rows=ledger.rows + (waiting if same_as else 0),
        rescued=ledger.rescued + (held.files.rescued if same_as and held is not None else 0),
        chunks=ledger.chunks,
        schema_id=ledger.schema_id,
        candidate=None if candidate is None else parse_bound(candidate),
        content=content,
        same_as=same_as,
        taken=landing.taken.settled(ledger.enter_files),
    )


def _taken(fs: FileSystem, layout: BronzeLayout, opened: Opened) -> Taken:
    """What a source of files need not read again."""
    taken = Taken.read(LogReader(fs, layout), () if opened.started.full_refresh else opened.started.taken)
    taken.add(() if opened.continued is None else opened.continued.taken)
    return taken


@contextmanager
def _typed(frames: FrameSource) -> Iterator[None]:
    """What Spark raises inside comes out as a typed error: the source's, or one that says that Spark failed."""
    try:
        yield
    except MedallionError:
        raise
    except Exception as error:
        told = said(error)
        raise frames.failure(told) or failure(told, "run the same command again: it resumes after the last entry") from error
