"""What every source has to pass that is a class of your own; subclass with a fixture and run it with pytest.

::

    class TestMyOrders(RecordSourceContract):
        @pytest.fixture
        def make(self, tmp_path): return lambda: Orders(...)    # a fresh source, of the same five to a thousand records each time
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

import msgspec
import pytest

from medallion.clock import SystemClock
from medallion.source.custom import CheckedPages
from medallion.source.custom_frames import CheckedFrames
from medallion.source.protocol import DONE, Frame, Lane, Page, PageSource, RecordSource, Window
from medallion.source.records import RecordPages

WHOLE_LANE = Lane(name="all", window=Window(start=None, end=None))


class PageSourceContract:
    """The promises of :class:`medallion.source.protocol.PageSource`, one test each. *make* is a fixture: makes the source anew,
    each time of the same content, of at least two pages; *lanes* may be overridden where the source reads windows.
    """

    @pytest.fixture
    def make(self) -> Callable[[], PageSource]:
        """Makes the source under test."""
        raise AssertionError("a subclass of PageSourceContract has to define the fixture make")

    @pytest.fixture
    def lanes(self) -> Sequence[Lane]:
        """What is asked: the whole source, in one lane."""
        return [WHOLE_LANE]

    @pytest.fixture
    def read(self, make: Callable[[], PageSource]) -> Callable[[Sequence[Lane]], list[Page]]:
        """All pages of lanes, of a source that is made for them, as an extraction sees them; those of records as small as can be."""

        def read(lanes: Sequence[Lane]) -> list[Page]:
            return list(_checked(make()).pages(lanes))

        return read

    def test_there_is_something_to_test(self, read: Callable[[Sequence[Lane]], list[Page]], lanes: Sequence[Lane]) -> None:
        """The content that *make* gives has at least two pages with records: the other tests would prove nothing."""
        assert len([page for page in read(lanes) if page.records]) >= 2

    def test_pages_of_a_lane_follow_from_each_other(self, read: Callable[[Sequence[Lane]], list[Page]], lanes: Sequence[Lane]) -> None:
        """Each page begins where the one before it in its lane ended; the last one leads to DONE."""
        pages = read(lanes)
        for lane in lanes:
            chain = [page for page in pages if page.lane == lane.name]
            assert [page.position for page in chain[1:]] == [page.next for page in chain[:-1]]
            assert chain, f"lane {lane.name} has no page: give an empty one that leads to DONE"
            assert chain[-1].next == DONE

    def test_records_are_objects(self, read: Callable[[Sequence[Lane]], list[Page]], lanes: Sequence[Lane]) -> None:
        """Every record reads as one JSON object."""
        for page in read(lanes):
            for record in page.records:
                msgspec.json.decode(record, type=dict[str, Any])

    def test_it_is_the_same_every_time(self, read: Callable[[Sequence[Lane]], list[Page]], lanes: Sequence[Lane]) -> None:
        """Asked twice, the source gives the same records in the same order."""
        assert by_lane(read(lanes)) == by_lane(read(lanes))

    def test_it_resumes_behind_any_page(self, read: Callable[[Sequence[Lane]], list[Page]], lanes: Sequence[Lane]) -> None:
        """From the position behind a page, read back from JSON, come exactly the records behind it: none twice, none left out."""
        pages = read(lanes)
        for lane in lanes:
            chain = [page for page in pages if page.lane == lane.name]
            for number, page in enumerate(chain[:-1], start=1):
                position = msgspec.json.decode(msgspec.json.encode(page.next))
                rest = read([replace(lane, position=position)])
                behind = [record for later in chain[number:] for record in later.records]
                assert by_lane(rest).get(lane.name, []) == behind, f"resumed behind page {number} of lane {lane.name}, at {position}"

    def test_lanes_can_be_read_by_themselves(self, read: Callable[[Sequence[Lane]], list[Page]], lanes: Sequence[Lane]) -> None:
        """A lane gives the same records whatever else is asked."""
        together = by_lane(read(lanes))
        for lane in lanes:
            assert by_lane(read([lane])).get(lane.name, []) == together.get(lane.name, [])

    def test_no_lane_nothing_is_read(self, read: Callable[[Sequence[Lane]], list[Page]]) -> None:
        """Where nothing is asked there is no page."""
        assert read([]) == []

    def test_it_can_be_closed_early(
        self, make: Callable[[], PageSource], read: Callable[[Sequence[Lane]], list[Page]], lanes: Sequence[Lane]
    ) -> None:
        """Closed behind the first page, or before it, the source ends without an error, and gives everything to the next who asks."""
        source = make()
        for pages in (0, 1):
            with closing(_checked(source).pages(lanes)) as given:
                for _ in range(pages):
                    next(given)
        assert by_lane(list(_checked(source).pages(lanes))) == by_lane(read(lanes))


class RecordSourceContract(PageSourceContract):
    """The promises of :class:`medallion.source.protocol.RecordSource`: those of pages, for the smallest pages that can be made of it."""

    @pytest.fixture
    def make(self) -> Callable[[], Any]:
        """Makes the source under test."""
        raise AssertionError("a subclass of RecordSourceContract has to define the fixture make")

    def test_closing_ends_the_records(self, make: Callable[[], Any], lanes: Sequence[Lane]) -> None:
        """What ``records`` returns is an iterator that gives the first record again to the next who asks."""
        source = make()
        firsts = []
        for _ in range(2):
            with _open(source, lanes[0]) as given:
                firsts.append(next(given))
        assert firsts[0] == firsts[1]


class FrameSourceContract:
    """The promises of :class:`medallion.source.protocol.FrameSource`. *make* makes the source anew, each time of the same content with at
    least one row; *session* is a Spark session; *lanes* may be overridden where the source reads windows.
    """

    @pytest.fixture
    def make(self) -> Callable[[], Any]:
        """Makes the source under test."""
        raise AssertionError("a subclass of FrameSourceContract has to define the fixture make")

    @pytest.fixture
    def session(self) -> Any:
        """A Spark session on this machine."""
        from medallion.spark import session

        return session("contract", master="local[1]")

    @pytest.fixture
    def lanes(self) -> Sequence[Lane]:
        """What is asked: the whole source, in one lane."""
        return [WHOLE_LANE]

    def test_frames_follow_each_other_up_to_the_end(self, make: Callable[[], Any], session: Any, lanes: Sequence[Lane]) -> None:
        """There are rows, and in each lane a frame begins where the one before led to; the last one leads to DONE."""
        frames = _frames(make(), session, lanes)
        assert any(rows for _, rows in frames), "the content that make gives has no row: the other tests would prove nothing"
        for lane in lanes:
            chain = [frame for frame, _ in frames if frame.lane == lane.name]
            assert [frame.position for frame in chain[1:]] == [frame.next for frame in chain[:-1]]
            assert not chain or chain[-1].next == DONE

    def test_it_is_the_same_every_time(self, make: Callable[[], Any], session: Any, lanes: Sequence[Lane]) -> None:
        """Asked twice, the source gives the same rows, in whatever order."""
        assert _rows(_frames(make(), session, lanes)) == _rows(_frames(make(), session, lanes))

    def test_it_resumes_behind_any_frame(self, make: Callable[[], Any], session: Any, lanes: Sequence[Lane]) -> None:
        """From the position behind a frame, read back from JSON, come exactly the rows behind it: none twice, none left out."""
        frames = _frames(make(), session, lanes)
        for lane in lanes:
            chain = [one for one in frames if one[0].lane == lane.name]
            for number, (frame, _) in enumerate(chain[:-1], start=1):
                position = msgspec.json.decode(msgspec.json.encode(frame.next))
                rest = _rows(_frames(make(), session, [replace(lane, position=position)]))
                assert rest == _rows(chain[number:]), f"resumed behind frame {number} of lane {lane.name}, at {position}"

    def test_where_it_ends_is_an_instant_or_nothing(self, make: Callable[[], Any], session: Any) -> None:
        """``ceiling``, where there is one, gives an instant with a zone or None."""
        _checked_frames(make()).ceiling(session)


def _frames(source: Any, session: Any, lanes: Sequence[Lane]) -> list[tuple[Frame, list[str]]]:
    """The frames of a source as an extraction sees them, and the rows of each, read before the next is taken."""
    checked = _checked_frames(source)
    return [(frame, sorted(repr(row) for row in frame.rows.collect())) for frame in checked.frames(session, lanes)]


def _rows(frames: Sequence[tuple[Frame, list[str]]]) -> list[str]:
    return sorted(row for _, rows in frames for row in rows)


def _checked_frames(source: Any) -> CheckedFrames:
    return CheckedFrames(called=type(source).__name__, source=source, mask=str)


def by_lane(pages: Sequence[Page]) -> dict[str, list[bytes]]:
    """The records of each lane that has any, in order."""
    found: dict[str, list[bytes]] = {}
    for page in pages:
        if page.records:
            found.setdefault(page.lane, []).extend(page.records)
    return found


@dataclass(frozen=True)
class ListedRecords:
    """A RecordSource of the records it is given, for tests; its position is the number of records before."""

    rows: Sequence[dict[str, Any]]

    def records(self, lane: Lane) -> Iterator[tuple[dict[str, Any], dict[str, int]]]:
        """See RecordSource."""
        start = lane.position["record"] if lane.position is not None else 0
        for number, row in enumerate(self.rows[start:], start=start + 1):
            yield row, {"record": number}


def _checked(source: Any) -> CheckedPages:
    pages = source if callable(getattr(source, "pages", None)) else RecordPages(source=source, clock=SystemClock(), records=1)
    return CheckedPages(called=type(source).__name__, source=cast("PageSource", pages), mask=str)


@contextmanager
def _open(source: RecordSource, lane: Lane) -> Iterator[Iterator[Any]]:
    given = source.records(lane)
    try:
        yield given
    finally:
        if (close := getattr(given, "close", None)) is not None:
            close()
