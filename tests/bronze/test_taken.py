"""What was taken is kept in few parts of the log, and found in them, however many runs there were."""

from __future__ import annotations

from pathlib import Path

from bronze_fakes import LAYOUT, Lake, MemoryFileSystem, source
from hypothesis import given, settings
from hypothesis import strategies as st

from medallion.bronze import taken as register
from medallion.bronze.closing import close
from medallion.bronze.ledger import Ledger
from medallion.bronze.log import LogReader
from medallion.bronze.opening import ExtractOptions, open_run
from medallion.bronze.taken import KEY, Taken, key, nothing_new
from medallion.source.protocol import FileVersion


def file(number: int) -> FileVersion:
    """A file among many."""
    return FileVersion(path=f"dt=2026-01-01/part-{number:06d}.csv", size=number, modified="2026-01-01T00:00:00Z")


class Log:
    """The parts that runs wrote, by version."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, keys: bytes) -> int:
        self.parts.append(keys)
        return len(self.parts) - 1

    def open(self, versions: list[int]) -> Taken:
        split = [
            (version, frozenset(self.parts[version][at : at + KEY] for at in range(0, len(self.parts[version]), KEY)))
            for version in versions
        ]
        return Taken(parts=split)


@given(sizes=st.lists(st.integers(0, 40), max_size=40), most=st.sampled_from([30, 400_000]))
@settings(max_examples=min(40, settings().max_examples))
def test_everything_that_was_taken_stays_taken(sizes: list[int], most: int) -> None:
    """Run after run: nothing is forgotten, nothing else is in it; parts are few, and no part is larger than an entry may be."""
    log, versions, first = Log(), [], 0
    before, register.MOST = register.MOST, most
    try:
        for size in sizes:
            taken = log.open(versions)
            new = [file(number) for number in range(first, first + size)]
            assert not any(one in taken for one in new)
            taken.add(new)
            versions, first = taken.settled(log.write), first + size
    finally:
        register.MOST = before
    after = log.open(versions)
    assert all(file(number) in after for number in range(first))
    assert file(first) not in after
    assert sum(len(keys) for _, keys in after.parts) == first
    assert all(len(part) <= most * KEY for part in log.parts)
    if most > 30:
        assert len(versions) <= first.bit_length()


def test_years_of_small_runs_cost_little() -> None:
    """Twenty thousand files in four hundred runs: each file was written a few times, and a run reads a few parts."""
    log, versions, most = Log(), list[int](), 0
    for run in range(400):
        taken = log.open(versions)
        taken.add(file(number) for number in range(50 * run, 50 * run + 50))
        versions = taken.settled(log.write)
        most = max(most, len(versions))
    assert most <= 6
    assert sum(map(len, log.parts)) <= 9 * 20_000 * KEY


def test_nothing_is_new_once_a_complete_run_took_every_file(tmp_path: Path) -> None:
    """Not before the run is complete; one more file, or one that changed, is new."""
    lake, reader = Lake.in_memory(tmp_path), LogReader(lake_fs := MemoryFileSystem(), LAYOUT)
    assert not nothing_new(reader, [])
    opened = open_run(
        source("cdc"), lake_fs, LAYOUT, bronze=lake.bronze, options=ExtractOptions(), clock=lake.clock, attempt="a", ceiling=lambda: None
    )
    assert opened is not None
    ledger = Ledger(
        writer=opened.writer,
        layout=LAYOUT,
        listener=lake.events.append,
        started=opened.started,
        started_version=opened.version,
        schema_id=None,
    )
    taken = Taken(parts=[])
    taken.add([file(1), file(2)])
    parts = taken.settled(ledger.enter_files)
    assert not nothing_new(reader, [file(1)])
    close(opened, rows=0, chunks=0, schema_id=None, candidate=None, content=None, same_as=None, taken=parts)
    assert nothing_new(reader, [file(1), file(2)])
    assert not nothing_new(reader, [file(1), file(3)])
    assert not nothing_new(reader, [file(1)._replace(size=7)])


def test_a_changed_file_is_another_one() -> None:
    """Size, time and path all count; nothing runs together."""
    one = FileVersion(path="a.csv", size=11, modified="2026-01-01T00:00:00Z")
    others = [one._replace(path="b.csv"), one._replace(size=1), one._replace(modified="2026-01-01T00:00:01Z")]
    taken = Taken(parts=[])
    taken.add([one])
    assert one in taken
    assert not any(other in taken for other in others)
    assert len({key(other) for other in [one, *others]}) == 4
