"""The contract of sources: those that keep it pass, and each way to break it is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from medallion.source.incremental import lanes as windows
from medallion.source.protocol import DONE, Frame, Lane, Page, Window
from medallion.testing.sources import WHOLE_LANE, FrameSourceContract, ListedRecords, PageSourceContract, RecordSourceContract

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAY = datetime(2026, 3, 1, tzinfo=timezone.utc)


class TestListed(RecordSourceContract):
    """Records with a position each."""

    @pytest.fixture
    def make(self) -> Callable[[], Any]:
        return lambda: ListedRecords([{"n": number} for number in range(7)])


class Ranges:
    """Frames of three numbers each, up to nine, in every lane."""

    def frames(self, spark: Any, lanes: Sequence[Lane]) -> Iterator[Frame]:
        """See FrameSource."""
        for lane in lanes:
            for start in range((lane.position or {"after": 0})["after"], 9, 3):
                after = DONE if start == 6 else {"after": start + 3}
                yield Frame(lane=lane.name, position={"after": start}, next=after, rows=spark.range(start, start + 3))


@pytest.mark.spark
class TestRanges(FrameSourceContract):
    """Frames with a position each; where they end is not said."""

    @pytest.fixture
    def make(self) -> Callable[[], Any]:
        return Ranges

    @pytest.fixture
    def session(self, spark: SparkSession) -> SparkSession:
        return spark


class Days:
    """Three pages for each day of a window, the lanes side by side."""

    def pages(self, lanes: Sequence[Lane]) -> Iterator[Page]:
        """See PageSource."""
        for number in range(3):
            for lane in lanes:
                if number >= (lane.position or {"page": 0})["page"]:
                    following = DONE if number == 2 else {"page": number + 1}
                    record = f'{{"day":"{lane.name}","page":{number}}}'.encode()
                    yield Page(lane=lane.name, position={"page": number}, next=following, records=[record], wire_bytes=len(record))


class TestDays(PageSourceContract):
    """Pages of several lanes, interleaved."""

    @pytest.fixture
    def make(self) -> Callable[[], Any]:
        return Days

    @pytest.fixture
    def lanes(self) -> Sequence[Lane]:
        return windows(Window(start=DAY, end=DAY + timedelta(days=3)), timedelta(days=1))


class Forgetful(Days):
    """Begins at the beginning, wherever it shall go on."""

    def pages(self, lanes: Sequence[Lane]) -> Iterator[Page]:
        return super().pages([replace(lane, position=None) for lane in lanes])


class Skipping(Days):
    """Goes on one page too far."""

    def pages(self, lanes: Sequence[Lane]) -> Iterator[Page]:
        return super().pages([replace(lane, position={"page": lane.position["page"] + 1}) if lane.position else lane for lane in lanes])


class Endless(Days):
    """Never says that it is done."""

    def pages(self, lanes: Sequence[Lane]) -> Iterator[Page]:
        return (replace(page, next={"page": 3}) if page.next == DONE else page for page in super().pages(lanes))


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (Forgetful, "test_it_resumes_behind_any_page"),
        (Skipping, "test_it_resumes_behind_any_page"),
        (Endless, "test_pages_of_a_lane_follow_from_each_other"),
    ],
)
def test_a_broken_source_is_caught(broken: type[Days], test: str) -> None:
    """By the test that is about it."""
    contract = PageSourceContract()
    read = PageSourceContract.read.__wrapped__(contract, broken)  # type: ignore[attr-defined]
    with pytest.raises(AssertionError):
        getattr(contract, test)(read, [WHOLE_LANE])
