"""The same pipeline on a store and on the local disk: its tables hold the same rows, wherever Bronze, Silver and its state are."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from medallion.config.load import load
from medallion.silver.home import table_of
from medallion.testing.commandline import CommandLine
from medallion.testing.content import content_hash
from medallion.testing.server import Reply, Seen, json_reply, serve
from medallion.testing.services import Service

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.store, pytest.mark.timeout(1200)]

CHANGES = [
    {"id": key, "at": f"2026-11-{day:02}T08:00:00Z", "city": city, "op": "D" if city is None else "U"}
    for day, cities in enumerate((["Zürich", "Bern", "東京"], ["Zürich", "Basel", None], ["Genf", "Basel", "東京"]), start=1)
    for key, city in enumerate(cities)
]
"""Three cities on three days: one key changes late, one once, one is deleted and comes back."""
PEOPLE = [{"id": key, "name": name} for key, name in enumerate(("Ada", "Grace", "Edsger"))]
SOURCES = [
    {"name": "changes", "table": "changes", "load_pattern": "cdc", "schema": "id BIGINT, at TIMESTAMP, city STRING, op STRING"},
    {"name": "people", "table": "people", "load_pattern": "full"},
]
KEYED = {"source": "changes", "domain": "d", "keys": ["id"], "sequence_by": ["at"], "apply_as_deletes": "op = 'D'"}
SILVER = [
    {"entity": "history", "model": "scd_type_2", **KEYED},
    {"entity": "current", "model": "scd_type_1", **KEYED},
    {"entity": "people", "source": "people", "domain": "d", "model": "full_merge_dedupe", "keys": ["id"]},
    {"entity": "by_day", "source": "people", "domain": "d", "model": "periodic_snapshot"},
]


def answer(seen: Seen) -> Reply:
    """All rows of a source, on one page."""
    return json_reply({"data": CHANGES if seen.path == "/changes" else PEOPLE})


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Path]:
    """Two sources, served as long as the test runs, and four tables, on a lake that variables name."""
    with serve(answer) as server:
        told: dict[str, Any] = {
            "config_version": 1,
            "pipeline": "p",
            "platform": {
                "bronze": {"root": "${LAKE}/bronze"},
                "silver": {"root": "${LAKE}/silver"},
                "state": {"root": "${LAKE}/state"},
            },
            "defaults": {"system": "s", "api": {"base_url": server.url, "records_path": "data", "pagination": {"type": "none"}}},
            "sources": [{**source, "api": {"endpoint": f"/{source['name']}"}} for source in SOURCES],
            "silver": SILVER,
        }
        path = tmp_path / "p.yaml"
        path.write_text(json.dumps(told))
        yield path


def hashes(spark: SparkSession, config: Path, environ: Mapping[str, str], *flags: str) -> dict[str, str]:
    """Runs the pipeline, twice, since a second run has to find its way back; the hash of each table by its name."""
    command = CommandLine(environ=environ)
    for _ in range(2):
        said = command("run", str(config), "--run-date", "2026-11-23", "--quiet", *flags)
        assert said.status == 0, said.err
    sets = [flag.removeprefix("--set=") for flag in flags if flag.startswith("--set=")]
    names = [flag.removeprefix("--select=") for flag in flags if flag.startswith("--select=")]
    loaded = load(config, env=None, sets=sets, environ=environ).pipeline
    tables = {entity.entity: table_of(loaded, entity) for entity in loaded.silver if entity.entity in names or not names}
    return {name: content_hash(spark.read.format("delta").load(table)) for name, table in tables.items()}


def on(service: Service, backend: str) -> tuple[dict[str, str], list[str]]:
    """The environment and the flags of a lake of its own on a store, with a provider for what Python reads and writes there."""
    environ = {**service.environ, "LAKE": f"{service.root}/{uuid.uuid4().hex[:8]}"}
    return environ, [f"--set=platform.bronze.storage_backend={backend}", *service.flags]


def test_a_table_on_s3_is_the_one_on_the_local_disk(spark: SparkSession, s3_service: Service, pipeline: Path, tmp_path: Path) -> None:
    """Landed by boto3, promoted through s3a, checkpoints and all; a second run finds everything done."""
    environ, flags = on(s3_service, "s3")
    there = hashes(spark, pipeline, environ, *flags, "--select=history")
    here = hashes(spark, pipeline, {"LAKE": str(tmp_path / "lake")}, "--select=history")
    assert there == here
    assert list(here) == ["history"]
