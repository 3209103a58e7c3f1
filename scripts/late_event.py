# /// script
# requires-python = ">=3.10"
# dependencies = ["dlt[duckdb]==1.31.0", "dbt-core==1.10.23", "dbt-duckdb==1.9.6", "duckdb==2.0.1"]
# ///
"""What dbt snapshots and dlt's scd2 make of an event that comes late, by running them: `uv run scripts/late_event.py`.

A person moves from Oslo to Bergen; later it becomes known that they lived in Tromsø in between. Each run of a tool sees the row as it
was told last, which is what a table looks like that an extraction keeps up. docs/coming-from.md shows what this prints.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dlt
import duckdb
from dbt.cli.main import dbtRunner

TOLD = (("2024-01-10", "Oslo"), ("2024-01-30", "Bergen"), ("2024-01-20", "Tromsø"))
"""In the order of arrival: since when, and where."""
Row = tuple[str, str, str]
"""City, valid from, valid to."""


def by_dbt(folder: Path, strategy: str) -> Sequence[Row]:
    """The rows of a dbt snapshot of the given strategy (``timestamp`` or ``check``) after a run for each arrival."""
    project = {
        "dbt_project.yml": "name: late\nversion: 1.0.0\nprofile: late\nsnapshot-paths: [snapshots]\n",
        "profiles.yml": f"late: {{target: t, outputs: {{t: {{type: duckdb, path: '{folder}/dbt.duckdb'}}}}}}\n",
        "snapshots/people.yml": "snapshots:\n  - name: people_history\n    relation: source('raw', 'people')\n    config:\n"
        f"      unique_key: id\n      strategy: {strategy}\n      updated_at: since\n"
        + ("      check_cols: [city]\n" if strategy == "check" else "")
        + "sources:\n  - name: raw\n    schema: main\n    tables: [{name: people}]\n",
    }
    for name, text in project.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for since, city in TOLD:
        with duckdb.connect(str(folder / "dbt.duckdb")) as database:
            database.execute("CREATE OR REPLACE TABLE people AS SELECT 1 AS id, ? AS city, ?::TIMESTAMP AS since", [city, since])
        with contextlib.redirect_stdout(io.StringIO()) as said:
            done = dbtRunner().invoke(["snapshot", "--project-dir", str(folder), "--profiles-dir", str(folder), "--quiet"])
        if not done.success:
            raise RuntimeError(f"dbt failed: {done.exception or said.getvalue()}")
    return rows_of(folder / "dbt.duckdb", "main.people_history", "dbt")


def by_dlt(folder: Path) -> Sequence[Row]:
    """The rows that dlt's merge strategy scd2 keeps after a run for each arrival; its boundaries are set to when each was told."""
    database = folder / "dlt.duckdb"
    pipeline = dlt.pipeline("late", pipelines_dir=str(folder), destination=dlt.destinations.duckdb(str(database)), dataset_name="d")
    for day, (since, city) in enumerate(TOLD, 1):
        disposition: Any = {"disposition": "merge", "strategy": "scd2", "boundary_timestamp": f"2024-02-0{day}"}
        pipeline.run([{"id": 1, "city": city, "since": since}], table_name="people", write_disposition=disposition)
    return rows_of(database, "d.people", "_dlt")


def rows_of(database: Path, table: str, prefix: str) -> Sequence[Row]:
    """What a history says, oldest row first; its boundaries are called *prefix* ``_valid_from`` and ``_valid_to``."""
    day = f"{prefix}_valid_%s::DATE::VARCHAR"
    query = f"SELECT city, {day % 'from'}, coalesce({day % 'to'}, '') FROM {table} ORDER BY {prefix}_valid_from"
    with duckdb.connect(str(database)) as connection:
        found: list[Row] = connection.execute(query).fetchall()
    return found


def main() -> int:
    """Prints the rows of each; neither tool reports home meanwhile."""
    os.environ |= {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "RUNTIME__DLTHUB_TELEMETRY": "false"}
    with tempfile.TemporaryDirectory() as root:
        made = {f"dbt snapshot, strategy {name}": by_dbt(Path(root) / name, name) for name in ("timestamp", "check")}
        made["dlt, merge strategy scd2"] = by_dlt(Path(root) / "dlt")
    for tool, rows in made.items():
        print(tool)
        for city, start, end in rows:
            print(f"    {city:<8}[{start}, {end or '…'})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
