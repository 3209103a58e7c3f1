"""The commands that look: init, validate, plan, preview."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from medallion.testing.commandline import CommandLine
from medallion.testing.server import Reply, one_by_one, pages, serve

Shop = Callable[[str], str]
WIDE = [{"id": 1, "name": "ä|[b]", "ok": True, "none": None, "list": [1, 2], **{f"column_{number}": "x" * 30 for number in range(8)}}]


def test_init_writes_a_pipeline_that_is_valid(medallion: CommandLine, tmp_path: Path) -> None:
    """And says what to do next; a second time it overwrites nothing."""
    said = medallion("init", "first", "--folder", str(tmp_path))
    path = tmp_path / "pipelines" / "first.yaml"
    assert said.status == 0
    assert f"wrote {path}" in said.out
    said = medallion("validate", str(path))
    assert (said.status, said.out) == (0, f"{path}: valid. 1 source, 1 entity.\n")
    assert medallion("init", "first", "--folder", str(tmp_path)).status == 2


def test_validate_finds_what_only_a_plan_shows(medallion: CommandLine, shop: Shop) -> None:
    """A schema that is no DDL."""
    said = medallion("validate", shop("http://x"), "--set", "sources.orders.schema=id BIGGINT")
    assert said.status == 2
    assert "sources.orders.schema" in said.err


def test_plan_says_each_value_with_its_origin(medallion: CommandLine, shop: Shop) -> None:
    """For people as text, for programs as JSON; no secret is needed for it."""
    config = shop("http://x")
    said = CommandLine()("plan", config, "--set", "defaults.api.concurrency=3")
    assert said.status == 0
    assert "GET http://x/orders?page=1&size=2" in said.out
    assert "sources.orders.api.concurrency" in said.out
    assert "secret:env:TOKEN" in said.out
    assert json.loads(medallion("plan", config, "--json").out)["pipeline"] == "shop"


def test_plan_live_says_what_the_next_run_would_do(medallion: CommandLine, shop: Shop) -> None:
    """One request a source; the exit status is that of what fails."""
    with serve(pages([{"id": 1}, {"id": 2}], size=2)) as server:
        config = shop(server.url)
        said = medallion("plan", config, "--live")
        assert len(server.seen) == 2
        told = json.loads(medallion("plan", config, "--live", "--json").out)
    assert said.status == 0
    assert "as things stand" in said.out
    assert "begins   the first run of its table" in said.out
    assert "columns  id bigint: new" in said.out
    assert "s3cret" not in said.out
    assert [source["name"] for source in told["live"]] == ["orders", "customers"]
    with serve(lambda _: Reply(status=403)) as server:
        said = medallion("plan", shop(server.url), "--live")
    assert (said.status, "fails    [AUTH001]" in said.out) == (4, True)


def test_preview_shows_rows_of_one_request(medallion: CommandLine, shop: Shop) -> None:
    """Columns that fit, the names of the others, and what was asked; data is no markup."""
    with serve(pages(WIDE, size=2)) as server:
        said = medallion("preview", shop(server.url))
        assert len(server.seen) == 1
    assert said.status == 0
    assert "orders  GET http" in said.out
    assert "ä|[b]" in said.out
    assert " true " in said.out
    assert "[1, 2]" in said.out
    assert "more columns: column_3, column_4" in said.out
    assert "1 of 1 rows of the first page" in said.out
    assert "Other sources: --select customers" in said.out


def test_preview_takes_one_source_by_name(medallion: CommandLine, shop: Shop) -> None:
    """An unknown one is refused with the nearest."""
    with serve(pages(WIDE, size=2)) as server:
        config = shop(server.url)
        assert "customers  GET" in medallion("preview", config, "--select", "customers", "--rows", "1").out
    said = medallion("preview", config, "--select", "custmers")
    assert said.status == 2
    assert "did you mean customers?" in said.err


def test_preview_tells_of_retries_and_fails_as_a_run_does(medallion: CommandLine, shop: Shop) -> None:
    """A person who waits learns why; in the end there is one line with its code."""
    with serve(one_by_one(Reply(status=503), then=pages(WIDE, size=2))) as server:
        said = medallion("preview", shop(server.url))
    assert said.status == 0
    assert "orders: attempt 1 failed, again in " in said.err
    with serve(lambda _: Reply(status=401)) as server:
        said = medallion("preview", shop(server.url))
    assert said.status == 4
    assert said.err.startswith("error [AUTH001]")


def test_preview_of_nothing_says_so(medallion: CommandLine, shop: Shop) -> None:
    """No row is a result."""
    with serve(pages([], size=2)) as server:
        said = medallion("preview", shop(server.url))
    assert said.status == 0
    assert "0 of 0 rows of the first page" in said.out
