"""The plan says what a run would do, from the configuration alone."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import pytest

from medallion.clock import SystemClock
from medallion.config.load import load
from medallion.errors import ConfigError
from medallion.plan import Plan, plan, render, to_json

QUICKSTART = Path(__file__).parent.parent / "conf" / "pipelines" / "quickstart.yaml"


class Noon(SystemClock):
    """A clock that stands still."""

    def now(self) -> datetime:
        return datetime(2013, 1, 3, 12, tzinfo=timezone.utc)


def quickstart(*sets: str, **environ: str) -> Plan:
    return plan(load(QUICKSTART, sets=sets, environ={"LAKE": "/lake", **environ}), clock=Noon())


def test_the_first_request_is_the_one_that_would_be_sent() -> None:
    """With the bounds of the first window and the size of a page; no credential is resolved, none is shown."""
    changes, airlines, *_ = quickstart().sources

    assert changes.first_request == (
        "GET http://127.0.0.1:8013/flights/changes?since=2013-01-01T00:00:00Z&until=2013-01-02T00:00:00Z&limit=1000"
    )
    assert airlines.first_request == "GET http://127.0.0.1:8013/airlines?page=1"
    assert changes.auth == "bearer, secret:env:FLIGHTS_TOKEN"


@pytest.mark.parametrize(
    ("sets", "windows"),
    [
        ((), 31),
        (("sources.changes.api.incremental.window=7d",), 5),
        (("sources.changes.api.incremental.window=null",), 1),
        (("sources.changes.api.incremental.end_value=null",), 3),
    ],
)
def test_the_windows_are_counted(sets: tuple[str, ...], windows: int) -> None:
    """From the initial value to the end of the source, or to now."""
    assert quickstart(*sets).sources[0].windows == windows


def test_everything_has_its_place() -> None:
    """Where chunks land, what each table is made of, and where its state is."""
    found = quickstart()

    assert found.sources[0].lands_in == "/lake/bronze/system=nyc/table=flight_changes"
    tables = ["flight_changes", "flight_changes", "airlines", "airports", "planes", "weather"]
    assert [entity.made_of for entity in found.entities] == [f"/lake/bronze/system=nyc/table={table}" for table in tables]
    assert found.entities[0].table == "/lake/silver/domain=travel/entity=flights_history/v1"
    assert [entity.deletes for entity in found.entities[2:]] == ["keys that a snapshot lacks"] * 3 + ["none"]
    assert found.entities[0].state == "/lake/_state/quickstart/flights_history/v1"


def test_each_value_has_its_origin() -> None:
    """File and line, flag, variable, default."""
    found = quickstart("sources.changes.api.concurrency=4", MEDALLION_API_RPS="20")
    origins = {setting.path: (setting.value, setting.origin) for setting in found.settings}

    assert origins["sources.changes.api.concurrency"] == (4, "--set")
    assert origins["run.rate_limit_rps"] == (20.0, "MEDALLION_API_RPS")
    assert origins["sources.changes.api.retry.attempts"] == (5, "default")
    assert origins["pipeline"] == ("quickstart", "quickstart.yaml:4")
    assert found.sources[0].pace == "4 at once, at most 20 a second, 5 attempts each"


def test_a_schema_that_is_no_ddl_is_a_problem_with_its_line() -> None:
    """What only the type parser sees is still told with file and line."""
    with pytest.raises(ConfigError) as caught:
        quickstart("sources.changes.schema=id NONSENSE", "sources.airlines.schema=id")

    assert [problem.path for problem in caught.value.problems] == ["sources.changes.schema", "sources.airlines.schema"]


def test_text_and_json_say_the_same() -> None:
    """Both name every source, table and place; the text leaves out defaults that are nothing."""
    found = quickstart()
    text, data = render(found), json.loads(to_json(found))

    for source in data["sources"]:
        assert source["first_request"] in text
        assert source["lands_in"] in text
    for entity in data["entities"]:
        assert entity["table"] in text
    assert "apply_as_truncates" not in text
    assert any(setting["path"] == "silver.flights.apply_as_truncates" for setting in data["settings"])


@pytest.mark.slow
def test_the_plan_needs_no_spark() -> None:
    """Importing it brings in no pyspark: it works where there is no Java."""
    import subprocess
    import sys

    code = "import sys, medallion.plan; sys.exit(any(name.split('.')[0] in ('pyspark', 'delta') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=QUICKSTART.parent.parent.parent).returncode == 0
