"""The whole pipeline through a proxy that goes wrong, SDK and Spark alike: the same tables as on a local disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from medallion.config.load import load
from medallion.silver.home import table_of
from medallion.spark import session
from medallion.testing.commandline import CommandLine
from medallion.testing.content import content_hash
from medallion.testing.proxy import Fault, Script, behind, first
from medallion.testing.server import pages, serve
from medallion.testing.services import Service

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.jvm, pytest.mark.store, pytest.mark.thorough, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]
EVENTS = [{"id": number % 4, "at": f"2026-11-{1 + number:02}T08:00:00Z", "city": f"city {number % 3}"} for number in range(12)]
TROUBLE: dict[str, list[Fault]] = {"PUT": ["busy"], "GET": ["reset"], "HEAD": ["busy"], "DELETE": ["lost"]}
"""The first request of each kind at each path goes wrong."""


def on_azure(method: str, path: str, attempt: int) -> Fault:
    """The same, but answers to deletions are lost below the checkpoint only.

    Accounts without folders rename by a copy and a deletion, and abfs takes a deletion whose answer was lost for a rename that failed: for
    each of them Spark's query, or Delta's commit, has to be done again, and no run does that for every file that it writes.
    """
    return "ok" if method == "DELETE" and "/checkpoint/" not in path else first(TROUBLE)(method, path, attempt)


def written(path: Path, url: str, lake: str, connection: dict[str, Any]) -> Path:
    """A pipeline of one source and one table with history, on *lake*."""
    api = {"base_url": url, "endpoint": "/moves", "records_path": "data", "pagination": {"type": "page", "size": 5}}
    source = {"name": "moves", "system": "s", "table": "moves", "load_pattern": "cdc", "schema": "id BIGINT, at TIMESTAMP, city STRING"}
    entity = {"entity": "cities", "source": "moves", "domain": "d", "model": "scd_type_2", "keys": ["id"], "sequence_by": ["at"]}
    roots = {name: {"root": f"{lake}/{name}"} for name in ("bronze", "silver", "state")}
    told = {
        "config_version": 1,
        "pipeline": "p",
        "platform": {**roots, "connection": connection},
        "sources": [{**source, "api": api}],
        "silver": [entity],
    }
    path.write_text(json.dumps(told))
    return path


@pytest.mark.parametrize(
    ("store", "script", "busy"), [("s3", first(TROUBLE), "SlowDown"), ("azure", on_azure, "ServerBusy")], ids=["s3", "azure"]
)
def test_tables_are_the_same_through_everything_that_goes_wrong(
    spark: SparkSession, request: pytest.FixtureRequest, tmp_path: Path, store: str, script: Script, busy: str
) -> None:
    """A run in a process of its own, whose Spark knows the store by the proxy only, ends well; the table is read without the proxy."""
    service: Service = request.getfixturevalue(f"{store}_service")
    lake = f"{service.root}/{uuid.uuid4().hex[:8]}"
    with serve(pages(EVENTS, size=5)) as server, behind(service.url, script, busy=busy) as proxy:
        config = written(tmp_path / "there.yaml", server.url, lake, service.behind(proxy.url).connection)
        command = [sys.executable, "-m", "medallion", "run", str(config), "--run-date", "2026-11-23", "--quiet"]
        done = subprocess.run(command, env={**os.environ, **service.environ}, cwd=ROOT, capture_output=True, text=True, check=False)
        here = written(tmp_path / "here.yaml", server.url, str(tmp_path / "lake"), {})
        assert CommandLine(environ={})("run", str(here), "--run-date", "2026-11-23", "--quiet").status == 0
        happened = proxy.faults()
    assert done.returncode == 0, done.stderr
    assert [method for method, faults in TROUBLE.items() if not happened[method, faults[0]]] == []
    session("tests", needs=service.needs)
    tables = [table_of(pipeline, pipeline.silver[0]) for pipeline in (load(path, environ={}).pipeline for path in (config, here))]
    found = [content_hash(spark.read.format("delta").load(table)) for table in tables]
    assert found[0] == found[1]
    assert spark.read.format("delta").load(tables[0]).count() == 12
