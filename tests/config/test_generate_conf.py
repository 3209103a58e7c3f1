"""What is generated from the models: the schema for editors, the reference for people; and that both are up to date."""

from __future__ import annotations

import importlib.util
import json
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest

from medallion.config import jsonschema as ours
from medallion.config import reference, yaml
from medallion.config.node import plain
from medallion.config.pipeline import Document
from medallion.config.shape import fields, sections
from medallion.config.values import Section

ROOT = Path(__file__).parent.parent.parent

DESIGN = """\
config_version: 1
pipeline: nyc
platform:
  bronze: {storage_backend: auto, root: "${LAKE:./lake}/bronze", formats: [parquet], compression: zstd, max_file_size_mb: 32,
    max_rows_per_file: 250000, commit_every: 30s}
  silver: {root: "${LAKE:./lake}/silver"}
  state: {root: "${LAKE:./lake}/_state"}
  storage_metadata: {boundary: onprem, provider_type: local_generic, cloud_provider: null}
defaults:
  type: api
  api:
    base_url: "${FLIGHTS_URL:http://127.0.0.1:8013}"
    auth: {type: bearer, token: "secret:env:FLIGHTS_TOKEN"}
    records_path: data
    async: true
    concurrency: 16
    rate_limit: {rps: 50, burst: 10}
    retry: {attempts: 5, longest_wait: 8s, retry_after_cap: 5m}
    circuit_breaker: {failures: 5, cooldown: 30s}
sources:
  - name: changes
    system: nyc
    table: flight_changes
    load_pattern: cdc
    schema: "id BIGINT, op STRING, carrier STRING, last_seen TIMESTAMP, updated_at TIMESTAMP"
    schema_contract: {new_columns: evolve, missing_columns: evolve, type_changes: rescue}
    api:
      endpoint: /flights/changes
      params: {order: asc}
      pagination: {type: cursor, cursor_path: next, cursor_param: cursor}
      incremental: {cursor_field: updated_at, initial_value: "2013-01-01T00:00:00Z", start_param: since, end_param: until, lookback: 5m,
        window: 7d, sorted: false}
  - {name: airlines, system: nyc, table: airlines, load_pattern: full, api: {endpoint: /airlines, pagination: {type: page, size: 500}}}
  - name: weather
    system: nyc
    table: weather
    load_pattern: full
    parent: {source: airlines, fields: [faa], where: "faa IN ('JFK', 'LGA', 'EWR')"}
    api: {endpoint: "/airports/{parent.faa}/weather", params: {date: "{run.date}"}, pagination: {type: link}}
silver:
  - entity: flights_history
    source: changes
    domain: travel
    version: 1
    model: scd_type_2
    keys: [id]
    sequence_by: [updated_at]
    apply_as_deletes: "op = 'D'"
    except_column_list: [op]
    track_history_except_column_list: [last_seen]
    on_sequence_tie: last_wins
    normalize: {trim_strings: true, empty_strings_as_null: true}
    expectations: [{name: has_carrier, expr: "carrier IS NOT NULL", action: quarantine}]
    max_quarantined: {rows: 1000, percent: 1}
    max_deleted: {percent: 50}
    rename: {}
    exports: [parquet, csv]
  - {entity: flights, source: changes, domain: travel, model: scd_type_1, keys: [id], sequence_by: [updated_at],
    apply_as_deletes: "op = 'D'"}
  - {entity: airlines, source: airlines, domain: travel, model: full_merge_dedupe, keys: [carrier]}
  - {entity: weather, source: weather, domain: travel, model: periodic_snapshot, snapshot_by: date}
run:
  on_source_failure: continue
  promote: {trigger: available_now, batch: {max_files: 512, max_bytes: 8gb}, checksum: full}
"""
"""Every option of the design at once."""


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_conf", ROOT / "scripts" / "generate_conf.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(ours.text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def read(text: str) -> Any:
    return plain(yaml.read(text, file="a.yaml"))


def test_the_files_in_conf_are_up_to_date() -> None:
    """conf/schema.json and conf/reference.yaml are what the models say."""
    assert script().main(["--check"]) == 0


def test_stale_files_are_found_and_written(tmp_path, capsys) -> None:
    """--check fails and writes nothing; without it the files are made, and then --check is content."""
    main = script().main

    assert main(["--check"], folder=tmp_path) == 1
    assert list(tmp_path.iterdir()) == []
    assert main([], folder=tmp_path) == 0
    assert main(["--check"], folder=tmp_path) == 0
    assert "written" in capsys.readouterr().out


def test_the_schema_accepts_what_the_design_allows(loaded) -> None:
    """Every option at once is a valid document, and loads."""
    validator().validate(read(DESIGN))
    assert len(loaded(DESIGN).pipeline.silver) == 4


@pytest.mark.parametrize("path", sorted((ROOT / "conf" / "pipelines").glob("*.yaml")), ids=lambda path: path.name)
def test_the_schema_accepts_every_pipeline_of_the_project(path: Path) -> None:
    """The pipelines that are shipped are valid for an editor too."""
    validator().validate(read(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "text",
    [
        "config_version: 1\nsource: {name: a, api: {concurrency: '${N:4}', async: '${A:true}'}}",
        "config_version: 1\nsilver: {entity: a, model: scd_type_1, keys: [a]}",
        "config_version: 1",
    ],
)
def test_the_schema_accepts_short_forms_and_variables(text: str) -> None:
    """One mapping for a list of one, and ${VAR} where a number or a boolean stands."""
    validator().validate(read(text))


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "config_version: 2",
        "config_version: 1\nzzz: 1",
        "config_version: 1\nsource: {name: A}",
        "config_version: 1\nsource: {name: a, api: {auth: {type: bearer, token: hunter2}}}",
        "config_version: 1\nsource: {name: a, api: {retry: {longest_wait: 8}}}",
        "config_version: 1\nsilver: {entity: a, model: scd}",
    ],
)
def test_the_schema_refuses_what_would_not_load(text: str) -> None:
    """An editor underlines unknown keys, wrong values and secrets in the file."""
    assert list(validator().iter_errors(read(text)))


def walk(section: type[Section], path: str = "") -> list[tuple[str, Any]]:
    found = []
    for key, info in fields(section).items():
        found.append((f"{path}{key}", info))
        for child in sections(info.annotation):
            found += walk(child, f"{path}{key}.")
    return found


def test_every_key_has_a_sentence() -> None:
    """No key of the configuration is without documentation, but for the type that chooses a section."""
    assert [path for path, info in walk(Document) if not info.description and not path.endswith(".type")] == []


def test_the_reference_has_every_key_with_its_default() -> None:
    """Each key is in the reference, the file is YAML, and its defaults are those of the models."""
    text = reference.text()
    tree = read(text)

    for path, _ in walk(Document):
        assert f"{path.rpartition('.')[2]}:" in text
    assert tree["platform"]["bronze"]["commit_every"] == "30s"
    assert tree["sources"][0]["api"]["limits"]["decoded_bytes"] == "64mb"
    assert tree["silver"][0]["history_columns"]["is_current"] == "is_current"
