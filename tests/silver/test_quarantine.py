"""Rows that were set aside, as a person meets them: counted, shown, mended, landed again exactly once, or discarded; and explained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from test_promote import CURRENT, Lake, row

from medallion.silver import quarantine as states
from medallion.testing.commandline import CommandLine, Said

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.thorough]

TOLD = {**CURRENT, "expectations": [{"name": "small", "expr": "s < 100", "action": "quarantine"}]}


class Person:
    """Somebody with a command line and the configuration of a lake."""

    def __init__(self, lake: Lake, told: dict[str, Any]) -> None:
        self.config = lake.folder / "p.yaml"
        self.write(lake, told)

    def write(self, lake: Lake, told: dict[str, Any]) -> None:
        pipeline = lake.pipeline(told).model_dump(mode="json", exclude_unset=True, by_alias=True)
        pipeline["sources"][0]["api"]["auth"] = {"type": "none"}
        self.config.write_text(yaml.safe_dump(pipeline))

    def __call__(self, *words: str, status: int = 0) -> Said:
        said = (
            CommandLine()(*words[:2], str(self.config), *words[2:])
            if words[0] == "quarantine"
            else CommandLine()(words[0], str(self.config), *words[1:])
        )
        assert said.status == status, said
        return said

    def counts(self) -> list[tuple[Any, ...]]:
        names = ("reason", "rule", "rows", "open", "replayed", "discarded")
        return [tuple(one[name] for name in names) for one in json.loads(self("quarantine", "list", "--json").out)]


def test_rows_that_were_set_aside_are_mended_replayed_once_or_discarded(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way of a person through all commands, a process that dies between landing and saying so included."""
    lake = Lake(spark, tmp_path)
    person = Person(lake, TOLD)
    assert "No row was set aside." in person("quarantine", "list").out
    lake.bronze.run([row(1, "a", 10), row(2, "b", 500), row(3, "c", 501), row(None, "d", 11), row(4, "e", 502)])
    person("promote", "--quiet")
    assert person.counts() == [("EXPECTATION", "small", 3, 3, 0, 0), ("NULL_KEY", None, 1, 1, 0, 0)]
    shown = person("quarantine", "show", "--rule", "small").out
    assert "2:0:1" in shown
    assert '"v":"b"' in shown

    # One row is mended in a file, one is let go; a choice is asked for.
    lines = [json.loads(line) for line in person("quarantine", "show", "--json").out.splitlines()]
    assert [line["state"] for line in lines] == ["open"] * 4
    mended = next(line for line in lines if line["record"].get("id") == 2)
    mended["record"] = {"s": 50}
    file = tmp_path / "mended.jsonl"
    file.write_text(json.dumps(mended))
    assert "say which rows" in person("quarantine", "replay", status=2).err
    assert "no row 9:9:9" in person("quarantine", "replay", "--at", "9:9:9", status=2).err
    assert "1 row landed again as log version 5" in person("quarantine", "replay", "--file", str(file), "--by", "me").out
    again = person("quarantine", "replay", "--file", str(file)).out
    assert "1 row landed again before" in again
    assert "nothing landed" in again
    assert "1 row discarded" in person("quarantine", "discard", "--reason", "NULL_KEY", "--why", "no owner", "--by", "me").out
    assert "1 row discarded before" in person("quarantine", "replay", "--at", "2:0:3").out
    assert "discarded by me: no owner" in person("quarantine", "show").out

    # A process dies after the rows landed and before it could say so: the next replay only says so.
    resolve = states.resolve

    def dies(resolved: Any, rows: Any, state: states.State, **more: Any) -> None:
        if state == "replayed":
            raise KeyboardInterrupt
        resolve(resolved, rows, state, **more)

    Person(lake, CURRENT)  # the rule is gone: the rest lands as it stands
    with monkeypatch.context() as killed:
        killed.setattr(states, "resolve", dies)
        assert CommandLine()("quarantine", "replay", str(person.config), "--all").status != 0
    assert person.counts()[0] == ("EXPECTATION", "small", 3, 2, 1, 0)
    said = person("quarantine", "replay", "--all").out
    assert "2 rows landed as log version 8 by a replay that was killed" in said
    assert "1 row landed again before" in said
    assert person.counts() == [("EXPECTATION", "small", 3, 0, 3, 0), ("NULL_KEY", None, 1, 0, 0, 1)]
    person("promote", "--quiet")
    assert lake.rows(CURRENT) == [(1, "a", 10), (2, "b", 50), (3, "c", 501), (4, "e", 502)]

    # The rule that was in force then keeps its word: the table is right, and so is the story of the mended key.
    assert lake.audit(CURRENT) == (4, 0)
    story = json.loads(person("explain", "--key", "id=2", "--json").out)[0]
    assert [(one["sequence"], one["what"]) for one in story["events"]] == [(50, "opened"), (500, "aside")]
    assert story["events"][0]["origin"]["asked"] == {"quarantine of": "c", "landed first at": {"row 0": "2:0:1"}}
    assert "--key" in person("explain", "--key", "nobody=2", status=2).err
    assert "id is bigint, which 'x' is not" in person("explain", "--key", "id=x", status=2).err
