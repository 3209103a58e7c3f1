"""Two lakes, compared row by row; and what a MERGE that was killed has left in a table's folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from medallion.bronze.entry import ChunkEntry, RunCompleted, decode
from medallion.spark import session
from medallion.testing.content import content_columns


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A table of both lakes: rows that only the first has are lost, rows that only the second has are doubled or changed."""

    name: str
    expected: int
    actual: int
    lost: int
    doubled: int
    same_columns: bool

    @property
    def equal(self) -> bool:
        """Whether the tables hold the same rows, each as often."""
        return self.same_columns and self.lost == 0 and self.doubled == 0


def bronze_rows(log: Path) -> int:
    """How many rows the chunk entries of a Bronze log list."""
    entries = (decode(path.read_bytes(), name=str(path)) for path in sorted(log.glob("*.json")))
    return sum(chunk.rows for entry in entries if isinstance(entry, ChunkEntry) for chunk in entry.chunks)


def completed(log: Path) -> bool:
    """Whether a run of a Bronze log is complete."""
    return any(isinstance(decode(path.read_bytes(), name=str(path)), RunCompleted) for path in log.glob("*.json"))


def uncommitted(table: Path) -> int:
    """How many data files stand in a Delta table's folder that none of its versions names."""
    files = {path.name for path in table.glob("*.parquet")}
    if not files:
        return 0
    for version in (table / "_delta_log").glob("*.json"):
        for line in version.read_text("utf-8").splitlines():
            added = json.loads(line).get("add")
            if added is not None:
                files.discard(unquote(added["path"]))
    return len(files)


def differences(first: Path, second: Path) -> list[Difference]:
    """Every table below *first* and *second*, compared as multisets of rows."""
    tables = sorted({log.parent.relative_to(root) for root in (first, second) for log in root.glob("*/*/*/_delta_log")})
    return [_difference(first, second, table) for table in tables]


def _difference(first: Path, second: Path, table: Path) -> Difference:
    name = table.parent.name.removeprefix("entity=")
    spark = session("pull-the-plug")
    if not (first / table / "_delta_log").exists() or not (second / table / "_delta_log").exists():
        return Difference(name=name, expected=0, actual=0, lost=0, doubled=0, same_columns=False)
    sides = [spark.read.format("delta").load(str(root / table)) for root in (first, second)]
    wanted = [content_columns(side.columns) for side in sides]
    expected, actual = (side.select(columns) for side, columns in zip(sides, wanted, strict=True))
    if expected.dtypes != actual.dtypes:
        return Difference(name=name, expected=expected.count(), actual=actual.count(), lost=0, doubled=0, same_columns=False)
    # each different row with how often it stands on either side
    both = expected.selectExpr("*", "1 AS __first", "0 AS __second").unionAll(actual.selectExpr("*", "0 AS __first", "1 AS __second"))
    different = both.groupBy(*(f"`{column}`" for column in expected.columns)).agg({"__first": "sum", "__second": "sum"})
    left, right = "`sum(__first)`", "`sum(__second)`"
    sums = (f"sum({left})", f"sum({right})", f"sum(greatest({left} - {right}, 0))", f"sum(greatest({right} - {left}, 0))")
    totals = [int(number or 0) for number in different.selectExpr(*sums).collect()[0]]
    return Difference(name=name, expected=totals[0], actual=totals[1], lost=totals[2], doubled=totals[3], same_columns=True)
