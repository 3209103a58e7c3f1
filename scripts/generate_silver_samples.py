"""Writes docs/examples/data: a few real flights as each load pattern lands them, and the Silver table of each model made of them.

``--formats parquet|csv|both`` (default both) says which files; the same rows give the same bytes every time.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import functions as F

from medallion.clock import SystemClock
from medallion.config.pipeline import Pipeline
from medallion.config.values import parse_instant
from medallion.demo.changes import month_start
from medallion.demo.feed import Feed
from medallion.events import nobody
from medallion.silver.home import table_of
from medallion.silver.promote import promote
from medallion.silver.publish import DeltaTable
from medallion.spark import session
from medallion.stop import StopFlag
from medallion.storage.registry import open_filesystem
from medallion.testing.lake import BronzeTable

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FOLDER = Path(__file__).resolve().parent.parent / "docs/examples/data"
FORMATS = {"parquet": ("parquet",), "csv": ("csv",), "both": ("parquet", "csv")}
Pattern = Literal["full", "cdc", "current_history"]
COLUMNS = {
    "id": "string",
    "op": "string",
    "updated_at": "timestamp",
    "carrier": "string",
    "origin": "string",
    "dest": "string",
    "status": "string",
    "dep_delay": "double",
    "arr_delay": "double",
}
FLIGHTS = 6
AFTERNOON, MIDNIGHT = (datetime(2013, 1, day, hour, tzinfo=timezone.utc) for day, hour in ((1, 15), (2, 0)))
"""The two runs of each sample end here."""
MODELS = ("scd_type_1", "scd_type_2", "full_merge_dedupe", "periodic_snapshot")
_ARROW = {
    "string": pa.string(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "double": pa.float64(),
    "date": pa.date32(),
    "boolean": pa.bool_(),
}

Rows = list[dict[str, Any]]


def changes() -> Rows:
    """Every change of a few flights of the first of January, in the order in which the API delivers them."""
    window = Feed().window(month_start(1), month_start(1) + 2 * 86_400)
    everything = json.loads(b"[" + window.rows(0, 10_000)[0] + b"]")
    known = sorted({change["id"] for change in everything if change["status"] == "scheduled" and change["updated_at"] < "2013-01-01T12"})
    wanted = set(known[:: len(known) // FLIGHTS][:FLIGHTS])
    mine = [{name: change[name] for name in COLUMNS} for change in everything if change["id"] in wanted]
    return [change | {"updated_at": parse_instant(change["updated_at"])} for change in mine]


def runs(pattern: Pattern) -> list[tuple[datetime, Rows]]:
    """Two runs: what a source of this pattern says until the afternoon, and what it says at midnight."""
    told = changes()
    cut = [
        (AFTERNOON, [one for one in told if one["updated_at"] < AFTERNOON]),
        (MIDNIGHT, [one for one in told if AFTERNOON <= one["updated_at"] < MIDNIGHT]),
    ]
    if pattern == "cdc":
        return cut
    if pattern == "current_history":  # each row is a version of a flight, current or past; nothing says what was done
        return [(at, sorted(({**one, "op": None} for one in rows), key=lambda row: (row["id"], row["updated_at"]))) for at, rows in cut]
    return [(at, _board(told, at)) for at in (AFTERNOON, MIDNIGHT)]


def _board(told: Rows, at: datetime) -> Rows:
    """The flights as a departure board shows them at an instant: the newest row of each, those long gone left out."""
    newest: dict[str, dict[str, Any]] = {}
    for change in sorted((one for one in told if one["updated_at"] < at), key=lambda one: one["updated_at"]):
        newest[change["id"]] = {**change, "op": None}
    return sorted((row for row in newest.values() if (at - row["updated_at"]).total_seconds() < 8 * 3600), key=lambda row: str(row["id"]))


def entity(pattern: Pattern, model: str) -> dict[str, Any]:
    """The configuration of a sample's Silver table."""
    told: dict[str, Any] = {
        "entity": "flights",
        "model": model,
        "bronze": {"system": "nyc", "table": "flights", "load_pattern": pattern},
        "except_column_list": ["op", "_rescued"],
    }
    if model != "periodic_snapshot":
        told["keys"] = ["id"]
        told |= {} if pattern == "full" else {"sequence_by": ["updated_at"]}
    return told


def silver(spark: SparkSession, folder: Path, pattern: Pattern, model: str) -> pa.Table:
    """The Silver table of a sample, in a fixed order, without what is ours alone."""
    bronze = BronzeTable(root=folder / "bronze", columns=dict(COLUMNS), load_pattern=pattern, system="nyc", table="flights")
    for at, rows in runs(pattern):
        bronze.run(rows, logical=at)
    roots = {name: {"root": str(folder / name)} for name in ("bronze", "silver", "state")}
    pipeline = Pipeline.model_validate({"config_version": 1, "pipeline": "samples", "platform": roots, "silver": [entity(pattern, model)]})
    state = open_filesystem(str(folder / "state"), clock=SystemClock())
    promote(spark, pipeline, pipeline.silver[0], state, clock=SystemClock(), listener=nobody, stop=StopFlag())
    table = DeltaTable(spark=spark, path=table_of(pipeline, pipeline.silver[0])).frame()
    assert table is not None, "the promotion made it"
    return _arrow(table.drop("__event"))


def _arrow(table: DataFrame) -> pa.Table:
    """The rows in the order of all their columns; instants by their microseconds, whatever the zone of this process."""
    kinds = dict(table.dtypes)
    columns = [F.unix_micros(name).alias(name) if kind == "timestamp" else F.col(name) for name, kind in kinds.items()]
    rows = sorted((row.asDict() for row in table.select(*columns).collect()), key=lambda row: [str(value) for value in row.values()])
    arrays = {}
    for name, kind in kinds.items():
        values = [row[name] for row in rows]
        arrays[name] = (
            pa.array(values, pa.int64()).cast(_ARROW[kind]) if kind == "timestamp" else pa.array(values, _ARROW.get(kind, pa.int64()))
        )
    return pa.table(arrays)


def written(table: pa.Table, path: Path, formats: Sequence[str]) -> Iterator[Path]:
    """The table stands at *path* with the ending of each format; yields the files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for name in formats:
        file = path.with_suffix(f".{name}")
        if name == "parquet":
            pq.write_table(table, file, compression="zstd")
        else:
            file.write_text(as_csv(table), encoding="utf-8", newline="")
        yield file


def as_csv(table: pa.Table) -> str:
    """The table as CSV: every field quoted, null as ``\\N``, instants in ISO 8601."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(table.column_names)
    for row in table.to_pylist():
        writer.writerow([_field(value) for value in row.values()])
    return text.getvalue()


def _field(value: Any) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def generate(
    folder: Path, formats: Sequence[str], *, patterns: Sequence[Pattern], models: Sequence[str], spark: SparkSession
) -> list[Path]:
    """All samples below *folder*; returns the files."""
    files: list[Path] = []
    schema = pa.schema([(name, _ARROW[kind]) for name, kind in COLUMNS.items()])
    for pattern in patterns:
        for number, (_, rows) in enumerate(runs(pattern), start=1):
            landed = pa.Table.from_pylist(rows, schema=schema)
            files += written(landed, folder / "bronze_samples" / pattern / f"run-{number}", formats)
        for model in models:
            with tempfile.TemporaryDirectory() as lake:
                files += written(silver(spark, Path(lake), pattern, model), folder / "silver_samples" / pattern / model / "table", formats)
    return files


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the samples; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--formats", choices=sorted(FORMATS), default="both")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    given = parser.parse_args(argv)
    spark = session("samples", conf={"spark.sql.shuffle.partitions": "2"})
    for file in generate(given.folder, FORMATS[given.formats], patterns=get_args(Pattern), models=MODELS, spark=spark):
        print(file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
