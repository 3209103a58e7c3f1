"""How fast bytes become Arrow: ours, from an answer's body to the table that would be written, against json and from_pylist."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from datetime import timedelta

import pyarrow as pa

from medallion.bronze.arrow import RecordReader
from medallion.bronze.chunk import ChunkLimits, OpenChunk, Yield
from medallion.bronze.cutting import Cutter
from medallion.bronze.spool import Spooled
from medallion.clock import Clock
from medallion.config.source import SchemaContract
from medallion.errors import MedallionError
from medallion.source.decode import PageDecoder
from medallion.source.protocol import DONE, Page
from scripts.baselines import parse_pages
from scripts.bench import server
from scripts.bench.measure import Bar, Benchmark, Measured, Settings, ratios, seconds

TURNS = 7


class _Nowhere:
    """A sink that keeps nothing."""

    def add(self, table: pa.Table) -> None: ...

    def close(self) -> Future[list[Spooled]]:
        done: Future[list[Spooled]] = Future()
        done.set_result([])
        return done


def rows_of(bodies: Sequence[bytes], clock: Clock) -> int:
    """How many rows the chunks hold that the pages become; nothing is declared, so the first page is looked at record by record."""
    decoder = PageDecoder("data", ("next",))
    cutter = Cutter(
        reader=RecordReader(contract=SchemaContract(), columns={}),
        chunk=OpenChunk(limits=ChunkLimits(rows=250_000, file_bytes=32 * 1024**2, age=timedelta(seconds=30)), yields=Yield()),
        clock=clock,
        sink=_Nowhere(),
        watch=None,
        content=None,
        notice=lambda _note: None,
    )
    rows = 0
    for number, body in enumerate(bodies):
        page = Page(
            lane="all",
            position={"page": number},
            next=DONE if number + 1 == len(bodies) else {"page": number + 1},
            records=decoder.decode(body, page=str(number)).records,
            wire_bytes=len(body),
        )
        rows += sum(ready.rows for ready in cutter.cut(page))
    return rows + sum(ready.rows for ready in cutter.rest())


def parse(settings: Settings) -> Sequence[Measured]:
    """The speed of ours over that of the standard library."""
    bodies = [server.body(number) for number in range(1, server.PAGES + 1)]
    expected = server.PAGES * server.ROWS

    def ours() -> None:
        if rows_of(bodies, settings.clock) != expected:
            raise MedallionError("not all rows were parsed")

    def theirs() -> None:
        if len(parse_pages(bodies)) != expected:
            raise MedallionError("not all rows were parsed by the baseline")

    found = settings.in_turn(
        {"ours": lambda: seconds(settings.clock, ours), "json + from_pylist": lambda: seconds(settings.clock, theirs)}, turns=TURNS
    )
    bar = Bar(name="parse", says="speed of parsing to Arrow, against json + pa.Table.from_pylist on the same bytes", limit=5, at_least=True)
    return [Measured(bar=bar, values=ratios(found["json + from_pylist"], found["ours"]), parts=found, note=f"{expected} rows")]


BENCHMARKS = (Benchmark(name="parse", says="bytes to Arrow", measure=parse),)
