"""A receipt stands while nothing has moved; whatever has moved, the promotion looks for itself. The tables are commit files here."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from medallion.clock import SystemClock
from medallion.config.pipeline import Pipeline
from medallion.silver.receipt import Receipt, Shelf
from medallion.storage.filesystem import FileSystem
from medallion.storage.registry import open_filesystem
from medallion.testing.lake import BronzeTable

MONDAY = datetime(2026, 11, 23, 6, tzinfo=timezone.utc)
EVENING = datetime(2026, 11, 23, 23, tzinfo=timezone.utc)
TUESDAY = datetime(2026, 11, 24, tzinfo=timezone.utc)
ROWS = [{"id": 1}, {"id": 2}]
CURRENT = {"model": "scd_type_1", "keys": ["id"], "sequence_by": ["id"]}
SNAPSHOTS = {"model": "full_merge_dedupe", "keys": ["id"]}
PERIODIC = {"model": "periodic_snapshot"}


class Kept:
    """An entity whose tables are a commit file each, and the log that it is made of."""

    def __init__(self, root: Path, load_pattern: Any, **entity: Any) -> None:
        self.root, self.load_pattern, self.entity = root, load_pattern, entity
        self.bronze = BronzeTable(root=root / "bronze", columns={"id": "bigint"}, load_pattern=load_pattern)
        self.target = root / "silver/domain=default/entity=e/v1/_delta_log"
        self.state = root / "state/p/e/v1"

    def shelf(self, **changed: Any) -> Shelf:
        """The entity's, by the configuration with these keys changed."""

        def files(name: str) -> FileSystem:
            return open_filesystem(str(self.root / name), clock=SystemClock())

        platform = {name: {"root": str(self.root / name)} for name in ("bronze", "silver", "state")}
        source = {
            "name": "a",
            "system": "s",
            "table": "t",
            "load_pattern": self.load_pattern,
            "api": {"base_url": "http://127.0.0.1:1", "endpoint": "/"},
        }
        entity = {"entity": "e", "source": "a", **self.entity, **changed}
        described = {"config_version": 1, "pipeline": "p", "platform": platform, "sources": [source], "silver": [entity]}
        pipeline = Pipeline.model_validate(described)
        return Shelf(pipeline=pipeline, entity=pipeline.silver[0], bronze=files("bronze"), silver=files("silver"), state=files("state"))

    def promoted(self) -> Kept:
        """As a promotion leaves it: tables, checkpoint, and a receipt for the newest entry."""
        commit(self.target, 0)
        commit(self.target, 1)
        commit(self.state / "applied/_delta_log", 0)
        (self.state / "checkpoint").mkdir()
        (self.state / "checkpoint/metadata").write_text("{}")
        shelf = self.shelf()
        newest = shelf._log.newest()
        shelf.write(newest, shelf._log.one(newest).sha256, rows=2)
        return self

    def standing(self) -> Receipt | None:
        return self.shelf().standing()


def commit(log: Path, version: int, text: str = '{"txn":{}}') -> None:
    """A Delta table's log has a commit of this version."""
    log.mkdir(parents=True, exist_ok=True)
    (log / f"{version:020d}.json").write_text(f"{text}\n")


def done(operation: str) -> str:
    """What Delta writes of a commit: what it did stands in one of the lines."""
    return json.dumps({"commitInfo": {"operation": operation, "operationMetrics": {}}}) + '\n{"add":{"path":"part-0.parquet"}}'


@pytest.fixture
def events(tmp_path: Path) -> Kept:
    """Current rows of a run of events."""
    kept = Kept(tmp_path, "cdc", **CURRENT)
    kept.bronze.run(ROWS)
    return kept


def test_where_nothing_was_promoted_the_whole_log_is_to_be_taken(events: Kept) -> None:
    """By the first promotion, which need not look with Spark for what is not there."""
    entries = events.shelf().untouched()
    assert entries is not None
    assert [one.version for one in entries] == list(range(events.bronze.version + 1))


@pytest.mark.parametrize(
    "there",
    [
        lambda kept: commit(kept.target, 7),
        lambda kept: commit(kept.state / "applied/_delta_log", 0),
        lambda kept: (kept.state / "checkpoint").mkdir(parents=True) or (kept.state / "checkpoint/metadata").write_text("{}"),
        lambda kept: other(kept.bronze.folder / f"_log/{kept.bronze.version:020d}.json"),
    ],
    ids=["a table", "a batch", "a stream that began", "log edited"],
)
def test_where_a_promotion_began_it_is_looked_at(events: Kept, there: Callable[[Kept], object]) -> None:
    """A table whose first commits were cleaned away is there, too."""
    there(events)
    assert events.shelf().untouched() is None


def test_without_a_receipt_the_promotion_looks(events: Kept) -> None:
    """As the first one does; a torn or foreign file counts as none."""
    assert events.standing() is None
    events.promoted()
    (events.state / "receipt.json").write_text("{")
    assert events.standing() is None


def test_while_nothing_moves_a_receipt_stands(events: Kept) -> None:
    """With the rows of the table, for who asks."""
    receipt = events.promoted().standing()
    assert receipt is not None
    assert (receipt.version, receipt.rows) == (events.bronze.version, 2)
    assert receipt.target is not None
    assert receipt.target.version == 1


def test_a_run_that_brings_nothing_moves_the_receipt(events: Kept) -> None:
    """The log has grown, the table lacks nothing: so the next look reads no entry twice."""
    events.promoted()
    newest = events.bronze.run()
    assert events.standing() is not None
    again = events.standing()
    assert again is not None
    assert again.version == newest


def test_maintenance_of_the_table_moves_the_receipt(events: Kept) -> None:
    """Other files hold the same rows, or files that nobody needs are gone: the rows are not counted again, and Spark need not look."""
    events.promoted()
    for version, operation in enumerate(("OPTIMIZE", "VACUUM START", "VACUUM END"), start=2):
        commit(events.target, version, done(operation))
        for receipt in (events.standing(), events.standing()):
            assert receipt is not None
            assert receipt.target is not None
            assert (receipt.target.version, receipt.rows) == (version, 2)
    assert b'"version":4' in (events.state / "receipt.json").read_bytes()


def test_an_entry_with_rows_wants_a_promotion(events: Kept) -> None:
    """Of a run that is open still, too."""
    events.promoted()
    events.bronze.run(ROWS, complete=False)
    assert events.standing() is None


def gone(file: Path) -> None:
    file.unlink()


def other(file: Path) -> None:
    file.write_text("other")


@pytest.mark.parametrize(
    "moved",
    [
        lambda kept: commit(kept.target, 2),
        lambda kept: commit(kept.target, 2, done("MERGE")),
        lambda kept: commit(kept.target, 2, done("SET TBLPROPERTIES")),
        lambda kept: (commit(kept.target, 2, done("OPTIMIZE")), commit(kept.target, 3, done("WRITE"))),
        lambda kept: (commit(kept.target, 1, "another table"), commit(kept.target, 2, done("OPTIMIZE"))),
        lambda kept: [commit(kept.target, version, done("OPTIMIZE")) for version in range(2, 40)],
        lambda kept: commit(kept.target, 1, "another table"),
        lambda kept: gone(kept.target / f"{1:020d}.json"),
        lambda kept: commit(kept.state / "applied/_delta_log", 1),
        lambda kept: gone(kept.state / "applied/_delta_log" / f"{0:020d}.json"),
        lambda kept: gone(kept.state / "checkpoint/metadata"),
        lambda kept: other(kept.bronze.folder / f"_log/{kept.bronze.version:020d}.json"),
        lambda kept: gone(kept.bronze.folder / f"_log/{kept.bronze.version:020d}.json"),
    ],
    ids=[
        "commit by others",
        "rows merged by others",
        "properties set",
        "rows written after maintenance",
        "table made again and maintained",
        "very much maintenance",
        "table made again",
        "commit gone",
        "batch applied",
        "applied gone",
        "no checkpoint",
        "log edited",
        "log cut",
    ],
)
def test_whatever_has_moved_wants_a_look(events: Kept, moved: Callable[[Kept], None]) -> None:
    """The receipt is no truth of its own: the promotion says what is wrong."""
    moved(events.promoted())
    assert events.standing() is None


def test_an_edited_log_wants_a_look(events: Kept) -> None:
    """An entry after the receipt's that does not follow from it."""
    events.promoted()
    events.bronze.run()
    other(events.bronze.folder / f"_log/{events.bronze.version:020d}.json")
    assert events.standing() is None


@pytest.mark.parametrize("changed", [{"keys": ["other"]}, {"table_properties": {"delta.x": "1"}}, {"deletes": "soft"}, {"version": 2}])
def test_another_configuration_wants_a_look(events: Kept, changed: dict[str, Any]) -> None:
    """Of the table; it may be refused, or change a property of it."""
    assert events.promoted().shelf(**changed).standing() is None


def test_snapshots_that_repeat_the_one_before_bring_nothing(tmp_path: Path) -> None:
    """Another content does."""
    kept = Kept(tmp_path, "full", **SNAPSHOTS)
    kept.bronze.run(ROWS, logical=MONDAY)
    kept.promoted()
    kept.bronze.run(logical=TUESDAY, same_as="r0", rows=2)
    assert kept.standing() is not None
    kept.bronze.run(ROWS, logical=TUESDAY)
    assert kept.standing() is None


@pytest.mark.parametrize(("snapshot_by", "again", "stands"), [("date", EVENING, True), ("date", TUESDAY, False), ("run", EVENING, False)])
def test_a_periodic_snapshot_is_written_again_where_its_slice_is_another(
    tmp_path: Path, snapshot_by: str, again: datetime, stands: bool
) -> None:
    """The same content on the same day is in the table; on another day, or kept by run, it has rows of its own."""
    kept = Kept(tmp_path, "full", **PERIODIC, snapshot_by=snapshot_by)
    kept.bronze.run(ROWS, logical=MONDAY)
    kept.promoted()
    kept.bronze.run(logical=again, same_as="r0", rows=2)
    assert (kept.standing() is not None) is stands


def test_tables_in_a_catalog_and_exports_have_no_receipt(tmp_path: Path) -> None:
    """Where such a table lies is the catalog's; exports are held against the table by themselves."""
    kept = Kept(tmp_path, "cdc", **CURRENT)
    assert Shelf.keeps(kept.shelf().pipeline, kept.shelf().entity)
    exported = kept.shelf(exports=["csv"])
    assert not Shelf.keeps(exported.pipeline, exported.entity)
