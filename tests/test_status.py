"""Where a table stands, without Spark."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "bronze"))  # the fakes of Bronze serve here as well

from bronze_fakes import LAYOUT, Lake, Rows, row, source

from medallion.errors import SourceUnavailable
from medallion.status import table_status


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.in_memory(tmp_path)


def test_a_table_that_is_not_there_has_no_status(lake: Lake) -> None:
    """Nothing was ever landed: no error, nothing to tell."""
    status = table_status(lake.fs, LAYOUT)
    assert (status.newest, status.watermark, status.last, status.open, status.columns) == (-1, None, None, None, {})


def test_a_completed_table(lake: Lake) -> None:
    """Last run, watermark and schema, in the order of the columns."""
    done = lake.extract(Rows([row(n) for n in range(10)]))
    status = table_status(lake.fs, LAYOUT)
    assert status.last is not None
    assert (status.last.run_id, status.last.state, status.last.rows, status.last.chunks) == (done.run_id, "completed", 10, 3)
    assert (status.watermark, list(status.columns.items())) == ("2013-01-01T00:09:00Z", [("id", "bigint"), ("at", "string")])
    assert status.open is None


def test_an_open_run_stands_beside_the_last_completed_one(lake: Lake) -> None:
    """What is committed of it so far, and who works on it."""
    done = lake.extract(Rows([row(n) for n in range(4)]))
    lake.fails(Rows([row(n) for n in range(3, 12)], error=SourceUnavailable("down"), fail_at=3))
    status = table_status(lake.fs, LAYOUT)
    assert status.last is not None
    assert status.open is not None
    assert status.last.run_id == done.run_id
    assert (status.open.state, status.open.rows, status.open.chunks) == ("open", 6, 2)
    assert status.open.pid is not None
    assert status.watermark == "2013-01-01T00:03:00Z"


def test_what_the_contract_did_is_told(lake: Lake) -> None:
    """How the columns changed last, and how many rows were rescued: of the run as a whole, however often it was resumed."""
    lake.extract(Rows([row(n) for n in range(2)]))
    odd = [row(n, id="x", new=True) if n % 2 else row(n) for n in range(2, 12)]
    lake.fails(Rows(odd, error=SourceUnavailable("down"), fail_at=3))
    open_run = table_status(lake.fs, LAYOUT).open
    assert open_run is not None
    assert (open_run.rows, open_run.rescued) == (6, 3)
    lake.extract(Rows(odd))
    status = table_status(lake.fs, LAYOUT)
    assert status.last is not None
    assert (status.last.rows, status.last.rescued) == (10, 5)
    assert status.changes == ("new boolean: new",)


def test_an_unchanged_snapshot_says_of_which(lake: Lake) -> None:
    """The run is there, its files are those of the other."""
    first = lake.extract(Rows([row(1)]), source("full"))
    lake.extract(Rows([row(1)]), source("full"))
    last = table_status(lake.fs, LAYOUT).last
    assert last is not None
    assert (last.state, last.same_as) == ("unchanged", first.run_id)
