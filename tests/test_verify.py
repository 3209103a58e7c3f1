"""Bronze is held against itself without Spark; what Silver adds is tested with Spark."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from medallion.bronze.entry import RunAbandoned
from medallion.config.pipeline import Pipeline
from medallion.errors import ChecksumError, MedallionError
from medallion.layout import BronzeLayout
from medallion.storage.filesystem import FileSystem
from medallion.storage.local import LocalFileSystem
from medallion.storage.location import Location
from medallion.testing.lake import BronzeTable
from medallion.verify import Verified, check_log, verify

LAYOUT = BronzeLayout(system="s", table="t")
ROWS = [{"id": 1}, {"id": 2}]


def table(root: Path, **more: Any) -> BronzeTable:
    """An empty table of ids."""
    return BronzeTable(root=root, columns={"id": "bigint"}, **more)


def files(root: Path) -> FileSystem:
    """The files below *root*."""
    return LocalFileSystem(Location.parse(str(root)))


def held(root: Path) -> Verified:
    """What ``verify`` says of a pipeline with that one table and one entity that was never promoted."""
    pipeline = Pipeline.model_validate(
        {
            "config_version": 1,
            "pipeline": "p",
            "sources": [
                {"name": "t", "system": "s", "table": "t", "load_pattern": "cdc", "api": {"base_url": "http://x", "endpoint": "/"}}
            ],
            "silver": [{"entity": "e", "source": "t", "model": "scd_type_1", "keys": ["id"], "sequence_by": ["id"]}],
        }
    )

    def no_spark() -> Any:
        raise AssertionError("nothing was promoted, so no Spark is needed")

    return verify(
        pipeline, pipeline.sources, pipeline.silver, sample=10, bronze=files(root), state=files(root / "state"), start_spark=no_spark
    )


def chunk_file(root: Path) -> Path:
    """The only chunk file."""
    return next(root.rglob("part-*.parquet"))


def test_a_healthy_log_is_right(tmp_path: Path) -> None:
    """Entries and files are counted; the entity was never promoted, so no Spark is started."""
    table(tmp_path).run(ROWS, ROWS)
    found = held(tmp_path)
    assert found.exit_status == 0
    bronze, silver = found.checked
    assert (bronze.subject, bronze.kind, bronze.versions, bronze.files, bronze.error) == ("s.t", "bronze", 5, 2, None)
    assert (silver.subject, silver.kind, silver.promoted, silver.error) == ("e", "silver", False, None)


def test_an_empty_table_is_right(tmp_path: Path) -> None:
    """Nothing contradicts itself."""
    assert check_log(files(tmp_path), LAYOUT) == (0, 0)


def damage_by_a_byte(path: Path) -> None:
    """One byte is another."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "bytes, "),
        (damage_by_a_byte, "has other bytes than were landed"),
    ],
    ids=["deleted", "truncated", "one byte flipped"],
)
def test_a_damaged_chunk_file_is_named(tmp_path: Path, damage: Any, sentence: str) -> None:
    """Status 5, and the file to restore."""
    table(tmp_path).run(ROWS)
    path = chunk_file(tmp_path)
    damage(path)
    found = held(tmp_path)
    assert found.exit_status == 5
    error = found.checked[0].error
    assert isinstance(error, ChecksumError)
    assert str(path) in error.sentence
    assert sentence in error.sentence


def test_an_edited_entry_breaks_the_chain(tmp_path: Path) -> None:
    """Each entry seals the one before."""
    made = table(tmp_path)
    made.run(ROWS)
    entry = made.folder / "_log" / f"{2:020d}.json"
    entry.write_bytes(entry.read_bytes().replace(b'"rows":2', b'"rows":1'))
    error = held(tmp_path).checked[0].error
    assert isinstance(error, MedallionError)
    assert error.code == "STATE003"


def test_files_of_runs_that_nobody_reads_need_not_be_there(tmp_path: Path) -> None:
    """Those of a snapshot that repeats the one before, and of one that was abandoned, may be gone."""
    made = table(tmp_path, load_pattern="full")
    made.run(ROWS)
    kept = chunk_file(tmp_path)
    made.run(ROWS, same_as="r0")
    version = made.run(ROWS, complete=False)
    logical = datetime(2026, 1, 1, tzinfo=timezone.utc).isoformat()
    made.put(
        RunAbandoned(
            prev_sha256=made._seal,
            run_id="r",
            attempt="test",
            at=logical,
            first_version=version - 1,
            load_pattern="full",
            logical_date=logical,
            why="a test",
            watermark=None,
            schema_id=None,
            last_completed=None,
        )
    )
    for path in tmp_path.rglob("part-*.parquet"):
        if path != kept:
            path.unlink()
    assert check_log(files(tmp_path), LAYOUT)[1] == 1
    kept.unlink()
    with pytest.raises(ChecksumError):
        check_log(files(tmp_path), LAYOUT)
