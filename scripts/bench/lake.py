"""A Bronze table and a table made of it, as benchmarks of promotions have them."""

from __future__ import annotations

import copy
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from medallion.clock import Clock
from medallion.config.pipeline import Pipeline
from medallion.errors import MedallionError
from medallion.events import nobody
from medallion.silver.promoted import Promoted
from medallion.silver.receipt import NAME, Receipt, Shelf
from medallion.stop import StopFlag
from medallion.storage.registry import open_filesystem
from medallion.testing.lake import BronzeTable
from scripts.bench.measure import seconds

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

KEY, SEQUENCE = "id", "updated_at"


def pipeline_of(bronze: BronzeTable, folder: Path, model: str, **options: Any) -> Pipeline:
    """A pipeline that promotes a Bronze table of events or snapshots to a table of that model below *folder*."""
    sequenced = {} if bronze.load_pattern == "full" else {"sequence_by": [SEQUENCE]}
    return Pipeline.model_validate(
        {
            "config_version": 1,
            "pipeline": "bench",
            "platform": {
                "bronze": {"root": str(bronze.root)},
                "silver": {"root": str(folder / "silver")},
                "state": {"root": str(folder / "state")},
            },
            "sources": [
                {
                    "name": "events",
                    "system": bronze.system,
                    "table": bronze.table,
                    "load_pattern": bronze.load_pattern,
                    "api": {"base_url": "http://127.0.0.1:1", "endpoint": "/"},
                }
            ],
            "silver": [{"entity": "events", "model": model, "keys": [KEY], **sequenced, **options}],
        }
    )


@dataclass(frozen=True, kw_only=True)
class Lake:
    """A Bronze table, and one table that is made of it below *folder*."""

    spark: SparkSession
    clock: Clock
    bronze: BronzeTable
    folder: Path
    model: str
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def pipeline(self) -> Pipeline:
        """What says how the table is made."""
        return pipeline_of(self.bronze, self.folder, self.model, **dict(self.options))

    def shelf(self) -> Shelf:
        """Where the table's receipt lies."""
        bronze, silver, state = (
            open_filesystem(root, clock=self.clock)
            for root in (str(self.bronze.root), str(self.folder / "silver"), str(self.folder / "state"))
        )
        pipeline = self.pipeline
        return Shelf(pipeline=pipeline, entity=pipeline.silver[0], bronze=bronze, silver=silver, state=state)

    def promote(self) -> Promoted:
        """Everything of the log is in the table."""
        from medallion.silver.promote import promote

        shelf = self.shelf()
        return promote(
            self.spark, shelf.pipeline, shelf.entity, shelf.state, shelf=shelf, clock=self.clock, listener=nobody, stop=StopFlag()
        )

    def took(self, rows: int) -> float:
        """Seconds of a promotion that takes so many rows in one batch."""
        done: list[Promoted] = []
        spent = seconds(self.clock, lambda: done.append(self.promote()))
        if (done[0].batches, done[0].rows) != (1, rows):
            raise MedallionError(f"{done[0].rows} rows in {done[0].batches} batches were promoted instead of {rows} in one")
        return spent

    def copied(self, folder: Path) -> Lake:
        """The same lake at another place, to be changed there; its receipt, which names places, is of that one."""
        (receipt,) = (self.folder / "state").rglob(NAME)
        told = msgspec.json.decode(receipt.read_bytes(), type=Receipt)
        for name in ("silver", "state"):
            shutil.copytree(self.folder / name, folder / name)
        shutil.copytree(self.bronze.root, folder / "bronze")
        bronze = copy.deepcopy(self.bronze)
        bronze.root = folder / "bronze"
        there = replace(self, bronze=bronze, folder=folder)
        there.shelf().write(told.version, told.sha256, told.rows, table_id=told.table_id, snapshot=told.snapshot)
        return there

    def files(self) -> set[str]:
        """The data files of the table, those included that no version needs any more."""
        return {path.name for path in (self.folder / "silver").rglob("*.parquet") if "_delta_log" not in path.parts}
