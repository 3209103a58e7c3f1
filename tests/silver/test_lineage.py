"""lineage: the table shows where in Bronze a row's values come from, and a row that did not change is not rewritten for it."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from test_promote import COLUMNS, CURRENT, HISTORY, SNAPSHOT, Lake, row

from medallion.config.silver import LINEAGE
from medallion.errors import ChangedTableError, ConfigError
from medallion.silver.models.tables import EVENT

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.thorough]

EVENTS = (
    {**CURRENT, "lineage": True},
    {**HISTORY, "lineage": True},
    {**CURRENT, "entity": "i", "model": "incremental_merge", "lineage": True},
)
SNAPSHOTS = ({**SNAPSHOT, "lineage": True}, {"entity": "h", "model": "scd_type_2", "keys": ["id"], "lineage": True})
PERIODIC = {"entity": "p", "model": "periodic_snapshot", "lineage": True}


def shown(lake: Lake, told: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The table's open rows: id, v and lineage, which is that of the event."""
    table = lake.spark.read.format("delta").load(str(lake.target(told["entity"])))
    rows = table.where("__END_AT IS NULL").collect() if "__END_AT" in table.columns else table.collect()
    assert all(tuple(found[name] for name in LINEAGE) == (found[EVENT].version, found[EVENT].chunk, found[EVENT].row) for found in rows)
    return sorted((found["id"], found["v"], *(found[name] for name in LINEAGE)) for found in rows)


def test_every_model_shows_the_position_of_its_events(spark: SparkSession, tmp_path: Path) -> None:
    """Of events the newest one's, of unchanged rows of a snapshot that of the snapshot that changed them."""
    lake = Lake(spark, tmp_path / "cdc")
    lake.bronze.run([row(1, "a", 10), row(2, "b", 10)], [row(1, "late", 5)])
    for told in EVENTS:
        lake.promote(told)
        assert shown(lake, told) == [(1, "a", 2, 0, 0), (2, "b", 2, 0, 1)]
    lake.bronze.run([row(2, "c", 20)])
    lake.promote(EVENTS[1])
    assert shown(lake, EVENTS[1]) == [(1, "a", 2, 0, 0), (2, "c", 6, 0, 0)]
    assert lake.audit(EVENTS[1]) == (2, 0)
    with pytest.raises(ChangedTableError):
        lake.promote(HISTORY)

    lake = Lake(spark, tmp_path / "full", "full")
    lake.bronze.run([row(1, "a", 1), row(2, "b", 1)], logical=datetime(2026, 1, 1, tzinfo=timezone.utc))
    lake.bronze.run([row(2, "c", 1), row(1, "a", 1)], logical=datetime(2026, 1, 2, tzinfo=timezone.utc))
    for told in SNAPSHOTS:
        lake.promote(told)
        assert shown(lake, told) == [(1, "a", 2, 0, 0), (2, "c", 5, 0, 0)]
    lake.promote(PERIODIC)
    assert shown(lake, PERIODIC) == [(1, "a", 2, 0, 0), (1, "a", 5, 0, 1), (2, "b", 2, 0, 1), (2, "c", 5, 0, 0)]


def test_a_column_of_that_name_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    """Until it is renamed."""
    lake = Lake(spark, tmp_path)
    lake.bronze.evolve({**COLUMNS, "_bronze_row": "bigint"})
    lake.bronze.run([{**row(1, "a", 10), "_bronze_row": 7}])
    with pytest.raises(ConfigError, match="adds the column _bronze_row"):
        lake.promote(EVENTS[0])
