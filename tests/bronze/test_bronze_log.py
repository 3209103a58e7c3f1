"""The log: found without listing, chained, written by one attempt at a time."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import msgspec
import pytest
from bronze_fakes import LAYOUT, MemoryFileSystem
from hypothesis import given, settings
from hypothesis import strategies as st

from medallion.bronze.append import LogWriter, halves
from medallion.bronze.entry import GENESIS, Asked, Chunk, ChunkEntry, ChunkFile, Entry, RunResumed, Writer, encode, seal
from medallion.bronze.log import LogReader, newest
from medallion.errors import AlreadyExistsError, ChainError, FencedError, LogEntryError, StateError, StorageUnavailable
from medallion.testing.clock import FakeClock

ME = Writer(host="here", pid=1, started="1")


def writer(fs: MemoryFileSystem, attempt: str) -> LogWriter:
    """A pen for what stands in the log now."""
    reader = LogReader(fs, LAYOUT)
    last = reader.newest()
    return LogWriter(fs, LAYOUT, attempt=attempt, newest=last, sha256=GENESIS if last < 0 else reader.one(last).sha256, clock=FakeClock())


def entry(of: LogWriter, number: int = 0) -> Entry:
    """A small entry that says *number*."""
    return RunResumed(**of.stamp("run"), started=0, continues_from=number, writer=ME)


@given(last=st.integers(-1, 5000), hint=st.none() | st.integers(-5, 20_000))
@settings(max_examples=200)
def test_the_newest_is_found_from_any_hint(last: int, hint: int | None) -> None:
    """A wrong hint costs probes, in the logarithm of how wrong it is."""
    probes: list[int] = []

    def probe(version: int) -> bool:
        probes.append(version)
        assert version >= 0
        return version <= last

    assert newest(probe, hint) == last
    assert len(probes) <= 3 + 2 * max(abs((hint or 0) - last), 1).bit_length()


def test_entries_are_chained() -> None:
    """What is read is what was written, each entry sealed by the next."""
    fs = MemoryFileSystem()
    pen = writer(fs, "a")
    for number in range(70):
        pen.append(entry(pen, number))
    stored = LogReader(fs, LAYOUT).read(0, 69)
    assert [one.entry.continues_from for one in stored] == list(range(70))  # type: ignore[union-attr]
    assert stored[0].entry.prev_sha256 == ""
    assert all(two.entry.prev_sha256 == one.sha256 for one, two in pairwise(stored))


def _edit(fs: MemoryFileSystem) -> None:
    path = LAYOUT.entry(3)
    fs.data[path] = fs.data[path].replace(b'"continues_from":3', b'"continues_from":9')


def _cut(fs: MemoryFileSystem) -> None:
    del fs.data[LAYOUT.entry(3)]


def _tear(fs: MemoryFileSystem) -> None:
    fs.data[LAYOUT.entry(3)] = fs.data[LAYOUT.entry(3)][:40]


@pytest.mark.parametrize(
    ("harm", "error", "named"),
    [(_edit, ChainError, 4), (_cut, ChainError, 3), (_tear, LogEntryError, 3)],
    ids=["edited", "missing", "torn"],
)
def test_harm_is_found_and_named(harm: Callable[[MemoryFileSystem], None], error: type[Exception], named: int) -> None:
    """An entry that was edited, removed or torn is a typed error that names the file."""
    fs = MemoryFileSystem()
    pen = writer(fs, "a")
    for number in range(6):
        pen.append(entry(pen, number))
    harm(fs)
    with pytest.raises(error, match=f"{named:020d}.json"):
        LogReader(fs, LAYOUT).read(0, 5)


def test_another_beginning_than_the_known_one_is_refused() -> None:
    """A log that was cut and written again does not carry the hash that a reader remembers."""
    fs = MemoryFileSystem()
    pen = writer(fs, "a")
    for number in range(3):
        pen.append(entry(pen, number))
    with pytest.raises(ChainError):
        LogReader(fs, LAYOUT).read(2, 2, prev_sha256="0" * 64)


def test_the_second_attempt_at_a_version_is_fenced() -> None:
    """The loser learns who won, and writes nothing more."""
    fs = MemoryFileSystem()
    slow, quick = writer(fs, "slow"), writer(fs, "quick")
    quick.append(entry(quick))
    with pytest.raises(FencedError, match="attempt quick") as caught:
        slow.append(entry(slow, 1))
    assert caught.value.attempt == "quick"
    with pytest.raises(StateError, match="lost the log"):
        slow.append(entry(slow, 2))
    assert LogReader(fs, LAYOUT).newest() == 0


class Deaf(MemoryFileSystem):
    """A store whose answer to a put is lost; it repeats the put by itself, as a resilient one does."""

    def put_if_absent(self, path: str, data: bytes) -> None:
        super().put_if_absent(path, data)
        raise AlreadyExistsError(path)


def test_a_lost_answer_is_no_fence() -> None:
    """The bytes that stand are ours: the entry is ours, and there is only one."""
    fs = Deaf()
    pen = writer(fs, "a")
    assert pen.append(entry(pen)).version == 0
    assert pen.append(entry(pen, 1)).version == 1


def test_after_an_unknown_outcome_nothing_is_written() -> None:
    """A put that may or may not have landed ends the attempt: a next one could contradict it."""

    class Flaky(MemoryFileSystem):
        def put_if_absent(self, path: str, data: bytes) -> None:
            raise StorageUnavailable(f"503 for {path} ({len(data)} bytes)")

    pen = writer(Flaky(), "a")
    with pytest.raises(StorageUnavailable):
        pen.append(entry(pen))
    with pytest.raises(StateError):
        pen.append(entry(pen))


def test_a_hint_that_cannot_be_written_is_no_failure() -> None:
    """The hint is a courtesy to readers."""

    class NoHint(MemoryFileSystem):
        def put(self, path: str, data: bytes) -> None:
            raise StorageUnavailable(f"503 for {path} ({len(data)} bytes)")

    fs = NoHint()
    pen = writer(fs, "a")
    pen.append(entry(pen))
    assert LogReader(fs, LAYOUT).newest() == 0


@pytest.mark.parametrize("hint", [b"", b"x", b"999999", b"-3", b"0\n", b"9" * 40])
def test_a_wrong_hint_does_not_mislead(hint: bytes) -> None:
    """Whatever stands in the hint, the newest entry is found."""
    fs = MemoryFileSystem()
    pen = writer(fs, "a")
    for number in range(5):
        pen.append(entry(pen, number))
    fs.put(LAYOUT.hint, hint)
    assert LogReader(fs, LAYOUT).newest() == 4


def chunks(of: LogWriter, count: int) -> ChunkEntry:
    """An entry with many chunks."""
    file = ChunkFile(format="parquet", path="dt=2013-01-01/run=x/part-0.parquet", bytes=1, sha256="0" * 64)
    return ChunkEntry(
        **of.stamp("run"),
        started=0,
        load_pattern="cdc",
        chunks=[Chunk(ordinal=n, rows=n, schema_id=1, files=[file]) for n in range(count)],
        resume={"all": {"page": 9}},
        watermark="2013-01-01T00:00:00Z",
        watermark_final=False,
        asked=Asked(pages=3, first={}, last={}),
    )


def test_a_list_that_is_too_long_becomes_several_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the last of them moves the resume points; together they hold every chunk once."""
    monkeypatch.setattr("medallion.bronze.append.LARGEST", 1500)
    fs = MemoryFileSystem()
    pen = writer(fs, "a")
    pen.append(chunks(pen, 20))
    entries = [stored.entry for stored in LogReader(fs, LAYOUT).read(0, LogReader(fs, LAYOUT).newest())]
    assert len(entries) > 2
    assert all(isinstance(one, ChunkEntry) for one in entries)
    assert [chunk.rows for one in entries if isinstance(one, ChunkEntry) for chunk in one.chunks] == list(range(20))
    assert [bool(one.resume) for one in entries if isinstance(one, ChunkEntry)] == [False] * (len(entries) - 1) + [True]
    assert all(chunk.ordinal == index for one in entries if isinstance(one, ChunkEntry) for index, chunk in enumerate(one.chunks))


def test_halves_keep_the_seal_of_the_first() -> None:
    """The second half is sealed when the first is stored."""
    pen = writer(MemoryFileSystem(), "a")
    first, second = halves(chunks(pen, 3))
    assert (len(first.chunks), len(second.chunks)) == (1, 2)
    sealed = msgspec.structs.replace(second, prev_sha256=seal(encode(first)))
    assert sealed.watermark == "2013-01-01T00:00:00Z"
