"""Records become pages that can be resumed, whatever positions a source gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion.errors import PageTooLargeError
from medallion.source import records
from medallion.source.protocol import DONE, Lane, Page
from medallion.source.records import RecordPages, as_json
from medallion.testing.clock import FakeClock
from medallion.testing.sources import WHOLE_LANE, ListedRecords


class Scripted:
    """Gives *script*: a record and position, seconds that pass, or an error."""

    def __init__(self, clock: FakeClock, *script: Any) -> None:
        self.clock, self.script, self.closed = clock, script, False

    def records(self, lane: Lane) -> Iterator[Any]:  # noqa: ARG002  it is the Protocol's
        try:
            for step in self.script:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, float):
                    self.clock.advance(step)
                else:
                    yield step
        finally:
            self.closed = True


def paged(*script: Any, **settings: Any) -> Iterator[Page]:
    clock = FakeClock()
    return RecordPages(source=Scripted(clock, *script), clock=clock, **settings).pages([WHOLE_LANE])


def row(number: int, position: bool = True) -> tuple[dict[str, int], dict[str, int] | None]:
    return {"n": number}, {"at": number} if position else None


def shape(pages: Sequence[Page]) -> list[tuple[int, Any]]:
    return [(len(page.records), page.next) for page in pages]


def test_pages_end_at_their_size_or_age() -> None:
    """Whichever comes first: records, bytes, seconds; the last page leads to the end, with or without records."""
    assert shape(list(paged(row(1), row(2), row(3), records=2))) == [(2, {"at": 2}), (1, DONE)]
    assert shape(list(paged(row(1), row(2), records=2))) == [(2, {"at": 2}), (0, DONE)]
    assert shape(list(paged(row(1), row(2), row(3), bytes=8))) == [(2, {"at": 2}), (1, DONE)]
    assert shape(list(paged(row(1), 2.0, row(2), row(3), seconds=1.0))) == [(2, {"at": 2}), (1, DONE)]
    assert shape(list(paged())) == [(0, DONE)]


def test_a_page_never_ends_behind_a_record_without_a_position() -> None:
    """It grows until one can be resumed."""
    assert shape(list(paged(row(1, False), row(2, False), row(3), row(4, False), records=1))) == [(3, {"at": 3}), (1, DONE)]


def test_what_can_be_resumed_comes_before_an_error() -> None:
    """A source that fails in mid-page loses nothing that it could be resumed behind."""
    given = paged(row(1), row(2), row(3, False), OSError("gone"))
    assert shape([next(given)]) == [(2, {"at": 2})]
    with pytest.raises(OSError, match="gone"):
        next(given)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that gives no positions is told so before it fills the memory."""
    monkeypatch.setattr(records, "MOST_BYTES", 20)
    with pytest.raises(PageTooLargeError, match="no position"):
        list(paged(*(row(number, False) for number in range(9))))


def test_closing_closes_the_source() -> None:
    """At once, in mid-lane."""
    clock = FakeClock()
    source = Scripted(clock, row(1), row(2))
    pages = RecordPages(source=source, clock=clock, records=1).pages([WHOLE_LANE])
    next(pages)
    pages.close()  # type: ignore[attr-defined]
    assert source.closed


def test_records_are_written_as_json() -> None:
    """On one line each; what JSON does not know becomes text, exactly."""
    assert as_json({"d": Decimal("1.10"), "b": b"\x00", "t": datetime(2026, 3, 1, tzinfo=timezone.utc), "a": [None, {"x": "é"}]}) == (
        '{"d":"1.10","b":"AA==","t":"2026-03-01T00:00:00Z","a":[null,{"x":"é"}]}'.encode()
    )
    assert as_json(b'{"a": "b\\nc",\n "d": 1}') == b'{"a":"b\\nc","d":1}'
    with pytest.raises(TypeError, match="got list"):
        as_json([1])  # type: ignore[arg-type]


@given(rows=st.integers(0, 40), size=st.integers(1, 9), kills=st.lists(st.integers(0, 5), max_size=8))
def test_resumed_at_any_page_it_gives_every_record_once(rows: int, size: int, kills: list[int]) -> None:
    """Whatever the size of pages and however often it is begun again."""
    source, seen, position = ListedRecords([{"n": number} for number in range(rows)]), [], None
    for kill in [*kills, None]:
        lane = Lane(name="all", window=WHOLE_LANE.window, position=position)
        pages = list(RecordPages(source=source, clock=FakeClock(), records=size).pages([lane]))
        for one in pages[:kill]:
            seen += one.records
            position = one.next
        if position == DONE:
            break
    assert seen == [as_json({"n": number}) for number in range(rows)]
