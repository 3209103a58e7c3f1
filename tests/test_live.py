"""What the next run would do, by the log and one page of the source."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from medallion.bronze.extract import extract
from medallion.bronze.opening import ExtractOptions
from medallion.clock import Clock
from medallion.config.pipeline import Pipeline
from medallion.config.secret import Secrets
from medallion.events import nobody
from medallion.live import LiveSource, exit_status, look
from medallion.prefetch.hosts import Hosts
from medallion.prefetch.open import open_pages
from medallion.stop import StopFlag
from medallion.storage.registry import open_filesystem
from medallion.testing.clock import FakeClock
from medallion.testing.server import Reply, pages, serve

ROWS = [{"id": number, "at": f"2013-01-0{number}T00:00:00Z"} for number in (1, 2, 3)]
INCREMENTAL = {"cursor_field": "at", "initial_value": "2013-01-01", "start_param": "since", "lookback": "1h"}


class Shop:
    """A pipeline of one source over a server, in a folder."""

    def __init__(self, folder: Path, url: str, **source: Any) -> None:
        api = {"base_url": url, "endpoint": "/p", "records_path": "data", "pagination": {"type": "page", "size": 3}}
        given = {"name": "s", "system": "s", "table": "t", "load_pattern": "cdc", **source}
        if "type" not in source:
            given["api"] = api | source.get("api", {})
        self.folder = folder
        self.clock: Clock = FakeClock()
        self.pipeline = Pipeline.model_validate(
            {
                "config_version": 1,
                "pipeline": "p",
                "platform": {name: {"root": str(folder / name)} for name in ("bronze", "silver", "state")},
                "sources": [given],
                "silver": [],
            }
        )

    def look(self) -> LiveSource:
        """Its one source."""
        (found,) = look(self.pipeline, resolver=Secrets(environ={}), clock=self.clock)
        return found

    def extract(self) -> None:
        """One run, to its end."""
        source, stop = self.pipeline.sources[0], StopFlag()
        asked = open_pages(
            source,
            resolver=Secrets(environ={}),
            hosts=Hosts(clock=self.clock),
            clock=self.clock,
            listener=nobody,
            stop=stop,
            logical_date=self.clock.now(),
        )
        extract(
            source,
            asked,
            open_filesystem(str(self.folder / "bronze"), clock=self.clock),
            bronze=self.pipeline.platform.bronze,
            options=ExtractOptions(),
            clock=self.clock,
            listener=nobody,
            stop=stop,
            spool=self.folder,
        )


def test_before_the_first_run_every_column_of_the_page_is_new(tmp_path: Path) -> None:
    """One request, nothing written."""
    with serve(pages(ROWS, size=3)) as server:
        found = Shop(tmp_path, server.url).look()
        assert len(server.seen) == 1
    assert found.begins == "the first run of its table"
    assert found.answers is not None
    assert "3 records" in found.answers
    assert found.changes == ("id bigint: new", "at string: new")
    assert list(tmp_path.iterdir()) == []


def test_the_next_run_begins_at_the_watermark_and_is_asked_so(tmp_path: Path) -> None:
    """What the page would change, by contract; a page like those before changes nothing."""
    replies: list[Sequence[dict[str, Any]]] = [ROWS]
    with serve(lambda seen: pages(replies[0], size=3)(seen)) as server:
        shop = Shop(tmp_path, server.url, api={"incremental": INCREMENTAL}, schema_contract={"type_changes": "evolve"})
        shop.extract()
        asked = len(server.seen)
        same = shop.look()
        assert server.seen[asked].query["since"] == "2013-01-02T23:00:00Z"
        replies[0] = [{"id": 1.5, "at": ROWS[2]["at"], "name": "x"}]
        other = shop.look()
    assert same.begins == "at the watermark, 2013-01-03T00:00:00Z, less 1h"
    assert same.changes == ()
    assert other.changes == ("id bigint → decimal(38,18)", "name string: new")


@pytest.mark.parametrize(
    ("contract", "says"),
    [
        ({"new_columns": "rescue", "type_changes": "rescue"}, "1 of these records have values that fit no column"),
        ({"new_columns": "freeze"}, "field 'name' (string) is not in the table"),
    ],
)
def test_what_the_contract_sets_aside_or_forbids_is_said_before_it_happens(tmp_path: Path, contract: dict[str, str], says: str) -> None:
    """A frozen contract is a run that would fail, with its exit status."""
    replies: list[Sequence[dict[str, Any]]] = [ROWS]
    with serve(lambda seen: pages(replies[0], size=3)(seen)) as server:
        shop = Shop(tmp_path, server.url, schema_contract=contract, schema="id BIGINT, at STRING")
        shop.extract()
        replies[0] = [{"id": 1, "at": "x", "name": "y"}]
        found = shop.look()
    if "freeze" in contract.values():
        assert (found.code, found.exit_status) == ("QUAL001", 6)
        assert found.problem is not None
        assert says in found.problem
    else:
        assert found.changes == (f"{says}: they would go to _rescued",)


def test_a_source_that_fails_is_said_and_the_worst_status_counts(tmp_path: Path) -> None:
    """By code and sentence, as a run would end."""
    with serve(lambda _: Reply(status=401)) as server:
        found = Shop(tmp_path, server.url).look()
    assert (found.code, found.exit_status, found.answers) == ("AUTH001", 4, None)
    assert exit_status([found]) == 4
    assert exit_status([]) == 0


def test_files_are_counted_and_what_spark_asks_is_left_alone(tmp_path: Path) -> None:
    """Nothing is started for them."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "a.csv").write_text("id\n1\n")
    files = Shop(tmp_path, "http://127.0.0.1:1", type="file", file={"path": str(inbox / "*.csv"), "format": "csv"})
    assert files.look().answers == "1 files, 5 bytes"
    database = Shop(tmp_path, "", type="db", db={"url": "jdbc:postgresql://127.0.0.1:1/d", "table": "t"}, load_pattern="full")
    assert (database.look().answers, database.look().exit_status) == (None, 0)
