"""Every path has one spelling."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from medallion.layout import BronzeLayout, SilverLayout, entry_name
from medallion.storage.filesystem import checked

BRONZE = BronzeLayout(system="nyc", table="flights")
SILVER = SilverLayout(pipeline="nyc", domain="travel", entity="flights", version=2)


def test_entries_sort_as_their_versions_do() -> None:
    """Twenty digits: the order of names is the order of versions, up to the largest."""
    versions = [0, 1, 9, 10, 99, 100, 10**19]
    names = [entry_name(version) for version in versions]
    assert names == sorted(names)
    assert names[1] == "_log/00000000000000000001.json"


def test_bronze_lies_by_system_and_table() -> None:
    """Log, hint and chunk files are below the table's folder."""
    assert BRONZE.folder == "system=nyc/table=flights"
    assert BRONZE.entry(7) == "system=nyc/table=flights/_log/00000000000000000007.json"
    assert BRONZE.hint == "system=nyc/table=flights/_log/_last"
    assert BRONZE.within("dt=2026-11-23/run=r/part.parquet") == "system=nyc/table=flights/dt=2026-11-23/run=r/part.parquet"


def test_a_run_lies_by_its_logical_day() -> None:
    """The folder is named by the day of the logical date in UTC."""
    assert BRONZE.run_folder(datetime(2026, 11, 23, 23, 59, tzinfo=timezone.utc), "r1") == "dt=2026-11-23/run=r1"
    west = timezone(timedelta(hours=-5))
    assert BRONZE.run_folder(datetime(2026, 11, 23, 23, 0, tzinfo=west), "r1") == "dt=2026-11-24/run=r1"


def test_silver_and_its_state_lie_apart() -> None:
    """State is never inside a table, and each part of it has its own folder."""
    assert SILVER.table == "domain=travel/entity=flights/v2"
    assert SILVER.state == "nyc/flights/v2"
    assert SILVER.part("checkpoint") == "nyc/flights/v2/checkpoint"
    assert not SILVER.state.startswith(SILVER.table)


def test_every_path_is_plain() -> None:
    """What the layout spells, every file system takes."""
    for path in (BRONZE.folder, BRONZE.entry(0), BRONZE.hint, SILVER.table, SILVER.part("applied")):
        assert checked(path) == path
