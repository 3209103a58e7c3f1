"""What an extraction leaves in the log, whatever happens to it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from bronze_fakes import LAYOUT, Lake, Rows, row, source

from medallion import events
from medallion.bronze.entry import ChunkEntry, RunStarted, SchemaEntry
from medallion.config.values import parse_instant
from medallion.errors import ConfigError, QualityError, SourceUnavailable, TerminatedError
from medallion.stop import StopFlag


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.on_disk(tmp_path)


def test_all_rows_land_once_in_order(lake: Lake) -> None:
    """Ten rows in pages of two become chunks of four, numbered from 0 in each file."""
    result = lake.extract(Rows([row(n) for n in range(10)]))
    assert lake.ids() == list(range(10))
    assert [one["_row"] for one in lake.landed()] == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    assert lake.kinds() == ["RunStarted", "SchemaEntry", "ChunkEntry", "ChunkEntry", "ChunkEntry", "RunCompleted"]
    assert (result.rows, result.chunks, result.pages, result.bytes) == (10, 3, 5, 50)
    assert (result.first_version, result.last_version, result.resumed) == (0, 5, False)


def test_nothing_is_left_in_the_spool(lake: Lake) -> None:
    """The local files are gone when the run is."""
    lake.extract(Rows([row(n) for n in range(10)]))
    assert list(lake.spool.iterdir()) == []


def test_the_watermark_is_the_highest_cursor_whatever_the_order(lake: Lake) -> None:
    """Unsorted rows: the watermark moves once, at the end, to the highest value."""
    lake.extract(Rows([row(n) for n in (5, 9, 1, 3, 2)]))
    assert lake.completed().watermark == "2013-01-01T00:09:00Z"
    assert all(not stored.entry.watermark_final for stored in lake.log() if isinstance(stored.entry, ChunkEntry))


def test_the_next_run_starts_at_the_watermark_less_the_lookback(lake: Lake) -> None:
    """The bounds of a run are frozen in its first entry."""
    of = source(incremental={"lookback": "5m"})
    lake.extract(Rows([row(n) for n in range(10)]), of)
    lake.extract(Rows([]), of)
    started = [stored.entry for stored in lake.log() if isinstance(stored.entry, RunStarted)]
    assert [one.start for one in started] == ["2013-01-01T00:00:00Z", "2013-01-01T00:04:00Z"]


def test_an_empty_extraction_is_a_committed_result(lake: Lake) -> None:
    """No row: the run is completed all the same, with the columns that are declared."""
    result = lake.extract(Rows([]), source(schema="id BIGINT, at TIMESTAMP"))
    assert result.rows == 0
    assert lake.kinds() == ["RunStarted", "SchemaEntry", "RunCompleted"]


def test_a_failed_source_leaves_whole_pages_committed_and_the_run_open(lake: Lake) -> None:
    """Pages 0 to 2 came, page 3 did not: three are in the log, and only the others are asked again."""
    failing = Rows([row(n) for n in range(10)], error=SourceUnavailable("down"), fail_at=3)
    assert isinstance(lake.fails(failing), SourceUnavailable)
    assert failing.closed
    assert lake.ids() == [0, 1, 2, 3, 4, 5]
    again = Rows([row(n) for n in range(10)])
    result = lake.extract(again)
    assert again.asked == [("all", 3), ("all", 4)]
    assert lake.ids() == list(range(10))
    assert (result.resumed, result.rows, result.chunks) == (True, 10, 3)


def test_sigterm_commits_what_is_there(lake: Lake) -> None:
    """A stop request ends the run between two pages, resumable."""
    stop = StopFlag()

    class Stopping(Rows):
        def pages(self, lanes):  # type: ignore[no-untyped-def]
            for page in super().pages(lanes):
                if page.position == {"page": 1}:
                    stop.request()
                yield page

    assert isinstance(lake.fails(Stopping([row(n) for n in range(10)]), stop=stop), TerminatedError)
    assert lake.ids() == [0, 1, 2, 3]
    assert lake.extract(Rows([row(n) for n in range(10)])).resumed


def test_a_slow_source_is_committed_by_age(lake: Lake) -> None:
    """Pages that come every 20 s are committed two at a time when commit_every is 30 s."""
    lake.bronze = lake.bronze.model_copy(update={"max_rows_per_file": 1000})
    lake.extract(Rows([row(n) for n in range(8)], clock=lake.clock, seconds=20))
    assert [stored.entry.chunks[0].rows for stored in lake.log() if isinstance(stored.entry, ChunkEntry)] == [6, 2]


def test_a_page_larger_than_a_file_becomes_several_files_of_one_entry(lake: Lake) -> None:
    """An entry is never cut within a page: its resume point is true."""
    lake.extract(Rows([row(n) for n in range(10)], size=10))
    (entry,) = [stored.entry for stored in lake.log() if isinstance(stored.entry, ChunkEntry)]
    assert [(chunk.ordinal, chunk.rows) for chunk in entry.chunks] == [(0, 4), (1, 4), (2, 2)]


def test_a_new_field_cuts_the_chunk_and_widens_the_table(lake: Lake) -> None:
    """Each file has one schema; the entry that brings the new one stands before its first chunk."""
    lake.extract(Rows([row(0), row(1), row(2, more="x"), row(3)]))
    schemas = {stored.version: stored.entry for stored in lake.log() if isinstance(stored.entry, SchemaEntry)}
    assert [[name for name, _ in entry.columns] for entry in schemas.values()] == [["id", "at"], ["id", "at", "more"]]
    chunks = [chunk for stored in lake.log() if isinstance(stored.entry, ChunkEntry) for chunk in stored.entry.chunks]
    assert [chunk.schema_id for chunk in chunks] == list(schemas)
    assert [one.get("more") for one in lake.landed()] == [None, None, "x", None]


def test_a_misfit_is_rescued_and_told(lake: Lake) -> None:
    """1.5 in a bigint column lands in _rescued; the row's other values land as they are."""
    lake.extract(Rows([row(0), row(1.5, at=1), row(2)]), source(schema="id BIGINT"))  # type: ignore[arg-type]
    assert [(one["id"], one["_rescued"]) for one in lake.landed()] == [(0, None), (None, '{"id":1.5}'), (2, None)]
    assert any(isinstance(event, events.Noticed) and "1 rows have values" in event.sentence for event in lake.events)


def test_a_frozen_contract_stops_before_the_page_that_breaks_it(lake: Lake) -> None:
    """The pages before it are committed; the error says what is not in the table."""
    of = source(schema="id BIGINT, at STRING", schema_contract={"new_columns": "freeze"})
    error = lake.fails(Rows([row(0), row(1), row(2, more="x"), row(3)]), of)
    assert isinstance(error, QualityError)
    assert "'more'" in str(error)
    assert lake.ids() == [0, 1]


def test_changed_settings_abandon_an_open_run_and_say_so(lake: Lake) -> None:
    """Another endpoint is another question: the open run is closed, a new one starts from the watermark."""
    lake.fails(Rows([row(n) for n in range(10)], error=SourceUnavailable("down"), fail_at=3))
    result = lake.extract(Rows([row(n) for n in range(10)]), source(endpoint="/v2/changes"))
    assert result.abandoned is not None
    assert "what is asked has changed" in result.abandoned
    assert lake.kinds().count("RunAbandoned") == 1
    assert lake.ids(result.run_id) == list(range(10))


def test_a_resumed_run_keeps_its_logical_date(lake: Lake) -> None:
    """Resumed after midnight, its files still lie under the day it began."""
    lake.fails(Rows([row(n) for n in range(10)], error=SourceUnavailable("down"), fail_at=3))
    lake.clock.advance(20 * 3600)
    lake.extract(Rows([row(n) for n in range(10)]))
    paths = [
        file.path for stored in lake.log() if isinstance(stored.entry, ChunkEntry) for chunk in stored.entry.chunks for file in chunk.files
    ]
    assert {path.split("/")[0] for path in paths} == {"dt=2026-11-23"}
    assert lake.completed().logical_date == "2026-11-23T08:00:00Z"


def test_a_clock_that_goes_back_does_not_take_the_logical_date_along(lake: Lake) -> None:
    """Two snapshots with the clock set back between them: the later one is later."""
    lake.extract(Rows([row(1)]), source("full"))
    lake.clock.shift(timedelta(hours=-1))
    lake.extract(Rows([row(2)]), source("full"))
    dates = [stored.entry.logical_date for stored in lake.log() if isinstance(stored.entry, RunStarted)]
    assert dates == ["2026-11-23T08:00:00Z", "2026-11-23T08:00:01Z"]


def test_an_old_snapshot_is_not_continued(lake: Lake) -> None:
    """A full run is resumed within resume_within only; half of it would be of another time."""
    lake.fails(Rows([row(n) for n in range(10)], error=SourceUnavailable("down"), fail_at=3), source("full"))
    lake.clock.advance(25 * 3600)
    result = lake.extract(Rows([row(n) for n in range(10)]), source("full"))
    assert result.abandoned is not None
    assert "resume_within" in result.abandoned
    assert lake.ids(result.run_id) == list(range(10))


def test_an_unchanged_snapshot_keeps_no_files(lake: Lake) -> None:
    """The same content again, cut otherwise: the run is the same as the one before, and its chunks are gone."""
    first = lake.extract(Rows([row(n) for n in range(10)]), source("full"))
    files = {info.path for info in lake.fs.files() if info.path.endswith(".parquet")}
    second = lake.extract(Rows([row(n) for n in range(10)], size=3), source("full"))
    assert (second.same_as, second.rows, second.chunks) == (first.run_id, 10, 0)
    assert {info.path for info in lake.fs.files() if info.path.endswith(".parquet")} == files
    third = lake.extract(Rows([row(n) for n in range(10)]), source("full"))
    assert third.same_as == first.run_id


def test_a_snapshot_of_an_earlier_date_repeats_nothing_and_nothing_repeats_it(lake: Lake) -> None:
    """Between two snapshots of one content there may be another in logical time, wherever it stands in the log."""
    days = {day: f"2026-11-{day}T00:00:00Z" for day in (20, 21, 22, 23, 24)}
    told, runs = [], []
    for day in (22, 20, 21, 22, 23, 24):
        done = lake.extract(Rows([row(1)]), source("full"), run_date=parse_instant(days[day]))
        runs.append(done.run_id)
        told.append((day, done.same_as, lake.completed().newest_logical_date))
    assert told == [
        (22, None, None),
        (20, None, days[22]),
        (21, None, days[22]),
        (22, None, None),
        (23, runs[3], None),
        (24, runs[3], None),
    ]


def test_a_small_unchanged_snapshot_is_never_uploaded(lake: Lake) -> None:
    """What fits into the open chunk is compared before anything is written."""
    lake.extract(Rows([row(1)]), source("full"))
    before = len(lake.log())
    lake.extract(Rows([row(1)]), source("full"))
    assert lake.kinds()[before:] == ["RunStarted", "RunCompleted"]


def test_a_changed_snapshot_lands(lake: Lake) -> None:
    """One value differs: everything is landed again."""
    lake.extract(Rows([row(1)]), source("full"))
    result = lake.extract(Rows([row(1, at=2)]), source("full"))
    assert (result.same_as, result.chunks) == (None, 1)


def test_a_backfill_leaves_the_watermark_alone(lake: Lake) -> None:
    """Rows of a range land as a run of their own."""
    of = source(incremental={"end_param": "until"})
    lake.extract(Rows([row(n) for n in range(10)]), of)
    start, end = lake.clock.now().replace(year=2013, month=1, day=1, hour=0, minute=3), lake.clock.now().replace(2013, 1, 1, 0, 5)
    result = lake.extract(Rows([row(n) for n in range(20)]), of, from_=start, to=end)
    assert lake.ids(result.run_id) == [3, 4]
    assert lake.completed().watermark == "2013-01-01T00:09:00Z"


def test_a_range_needs_something_to_ask_it_with(lake: Lake) -> None:
    """--to without end_param, or any range without incremental:, is a configuration error."""
    now = lake.clock.now()
    assert isinstance(lake.fails(Rows([]), to=now), ConfigError)
    assert isinstance(lake.fails(Rows([]), source("full"), from_=now), ConfigError)
    assert lake.log() == []


def test_full_refresh_starts_again_and_keeps_the_watermark(lake: Lake) -> None:
    """From the initial value again; the watermark does not go back."""
    lake.extract(Rows([row(n) for n in range(10)]))
    result = lake.extract(Rows([row(n) for n in range(5)]), full_refresh=True)
    assert lake.ids(result.run_id) == [0, 1, 2, 3, 4]
    assert lake.completed().watermark == "2013-01-01T00:09:00Z"


def test_a_source_that_has_ended_is_not_asked_again(lake: Lake) -> None:
    """Once a run has reached end_value there is nothing to ask, and nothing is written."""
    of = source(incremental={"end_param": "until", "end_value": "2013-01-02"})
    lake.extract(Rows([row(n) for n in range(10)]), of)
    before = len(lake.log())
    result = lake.extract(Rows([row(n) for n in range(10)]), of)
    assert result.nothing_to_ask
    assert len(lake.log()) == before


def test_windows_resume_where_each_of_them_stood(lake: Lake) -> None:
    """Lanes that are done are not asked again; rows past the end do not move the watermark past it."""
    of = source(incremental={"end_param": "until", "end_value": "2013-01-01T00:20:00Z", "window": "10m"})
    rows = [row(n) for n in range(30)]
    lake.fails(Rows(rows, error=SourceUnavailable("down"), fail_at=7), of)
    again = Rows(rows)
    lake.extract(again, of)
    assert [number for _, number in again.asked] == [2, 3, 4]
    assert sorted(lake.ids()) == list(range(20))
    assert lake.completed().watermark == "2013-01-01T00:19:00Z"


def test_a_sorted_source_moves_its_watermark_by_chunk(lake: Lake) -> None:
    """Only up to the value before the last: more rows with the last one may follow."""
    of = source(incremental={"sorted": True})
    lake.extract(Rows([row(0), row(1, at=5), row(2, at=5), row(3, at=7), row(4, at=7), row(5, at=8)]), of)
    moved = [(entry.watermark, entry.watermark_final) for stored in lake.log() if isinstance(entry := stored.entry, ChunkEntry)]
    assert moved == [("2013-01-01T00:05:00Z", True), ("2013-01-01T00:07:00Z", True)]
    assert lake.completed().watermark == "2013-01-01T00:08:00Z"


def test_a_source_that_is_not_sorted_after_all_is_found_out(lake: Lake) -> None:
    """From the first row out of order on, chunks move no watermark, and it is said."""
    of = source(incremental={"sorted": True})
    lake.extract(Rows([row(0), row(1), row(2), row(3), row(1), row(9), row(10), row(11)]), of)
    assert [stored.entry.watermark_final for stored in lake.log() if isinstance(stored.entry, ChunkEntry)] == [True, False]
    assert any(isinstance(event, events.Noticed) and "declared sorted" in event.sentence for event in lake.events)


def test_metadata_stands_beside_the_files(lake: Lake) -> None:
    """People find counts and checksums of a completed run in its folder."""
    lake.extract(Rows([row(n) for n in range(10)]))
    names = {info.path.rsplit("/", 1)[-1]: info.path for info in lake.fs.files(f"{LAYOUT.folder}/dt=2026-11-23")}
    metadata = json.loads(lake.fs.read(names["_metadata.json"]))
    checksums = json.loads(lake.fs.read(names["_checksums.json"]))
    assert (metadata["rows"], metadata["pages"], metadata["watermark"]) == (10, 5, "2013-01-01T00:09:00Z")
    assert {file["path"] for file in checksums["files"]} == {name for name in names if name.endswith(".parquet")}


def test_events_tell_the_run(lake: Lake) -> None:
    """Opened, schema, chunks, completed: in that order."""
    lake.extract(Rows([row(n) for n in range(5)]))
    kinds = [type(event).__name__ for event in lake.events]
    assert kinds == ["RunOpened", "SchemaChanged", "ChunkCommitted", "ChunkCommitted", "RunCompleted"]


def test_a_snapshot_that_broke_before_its_first_chunk_is_still_compared(lake: Lake) -> None:
    """Nothing of it was committed, so that the resumed run sees all of it."""
    first = lake.extract(Rows([row(n) for n in range(3)]), source("full"))
    lake.fails(Rows([row(n) for n in range(3)], error=SourceUnavailable("down"), fail_at=0), source("full"))
    result = lake.extract(Rows([row(n) for n in range(3)]), source("full"))
    assert (result.resumed, result.same_as) == (True, first.run_id)


def test_a_run_whose_last_page_is_committed_only_needs_its_end(lake: Lake) -> None:
    """Broken off between the last chunk and run_completed: nothing is asked, the run is completed."""

    class Late(Rows):
        def pages(self, lanes):  # type: ignore[no-untyped-def]
            yield from super().pages(lanes)
            raise SourceUnavailable("down")

    lake.fails(Late([row(n) for n in range(10)]))
    again = Rows([row(n) for n in range(10)])
    result = lake.extract(again)
    assert (again.asked, result.rows, result.resumed) == ([], 10, True)
    assert lake.completed().watermark == "2013-01-01T00:09:00Z"
