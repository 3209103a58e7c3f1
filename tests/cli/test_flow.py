"""``extract`` as a user meets it: what it prints, what it writes, how it ends. What needs Spark is tested with Spark."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from medallion.cli import flow
from medallion.errors import MedallionError
from medallion.testing.commandline import CommandLine
from medallion.testing.server import Reply, Seen, json_reply, pages, serve

ORDERS = [{"id": number, "sum": number * 10} for number in range(5)]
Shop = Callable[[str], str]


def well(seen: Seen) -> Reply:
    """Both endpoints have rows."""
    return pages(ORDERS, size=2)(seen)


def orders_broken(seen: Seen) -> Reply:
    """``/orders`` refuses the token, and repeats it in its answer; the other endpoint is well."""
    if seen.path == "/orders":
        return json_reply({"error": f"bad token {seen.headers['authorization']}"}, status=401)
    return well(seen)


def test_extract_ends_with_a_table_and_a_way_to_look_further(medallion: CommandLine, shop: Shop) -> None:
    """A line for each source, with its rows, chunks, pages, retries and seconds."""
    with serve(well) as server:
        config = shop(server.url)
        said = medallion("extract", config)
    assert said.status == 0
    rows = [line.split() for line in said.out.splitlines() if line.startswith((" orders", " customers"))]
    assert [row[:4] for row in rows] == [["orders", "done", "5", "1"], ["customers", "done", "5", "1"]]
    assert "Done in " in said.out
    assert f"medallion status {config}" in said.out
    assert "orders: read, 5 rows in 1 chunk, " in said.err


def test_a_second_extraction_finds_nothing_new_and_says_so(medallion: CommandLine, shop: Shop) -> None:
    """In one clear line."""
    with serve(well) as server:
        config = shop(server.url)
        medallion("extract", config)
        said = medallion("extract", config)
    assert said.status == 0
    assert "Nothing new: no source had anything to land" in said.out
    assert "unchanged, the same as before" in said.out


def test_a_failed_source_is_one_line_and_the_others_go_on(medallion: CommandLine, shop: Shop) -> None:
    """The status is the source's, the line has its code, and no secret is in anything that is printed or written."""
    with serve(orders_broken) as server:
        config = shop(server.url)
        result = Path(config).with_name("result.json")
        said = medallion("extract", config, "--result", str(result))
    assert said.status == 4
    errors = [line for line in said.err.splitlines() if line.startswith("error ")]
    assert len(errors) == 1
    assert errors[0].startswith("error [AUTH001] orders: ")
    assert "failed [AUTH001]" in said.out
    assert "customers" in said.out
    assert "see the errors above" in said.out
    written = result.read_text()
    assert "s3cret" not in said.out + said.err + written
    found = json.loads(written)
    assert found["exit_status"] == 4
    assert [(one["source"], one["status"], one["rows"]) for one in found["sources"]] == [("orders", "failed", 0), ("customers", "done", 5)]
    assert found["sources"][0]["error"]["code"] == "AUTH001"
    assert found["sources"][1]["run_id"]
    assert found["entities"] == []


def test_on_source_failure_stop_tries_no_other(medallion: CommandLine, shop: Shop) -> None:
    """The other source is skipped, and the table says so."""
    with serve(orders_broken) as server:
        said = medallion("extract", shop(server.url), "--set", "run.on_source_failure=stop")
        assert {seen.path for seen in server.seen} == {"/orders"}
    assert said.status == 4
    assert "skipped" in said.out


def test_select_takes_names_of_sources_and_of_entities(medallion: CommandLine, shop: Shop) -> None:
    """An entity stands for its source; an unknown name is refused with the nearest."""
    with serve(well) as server:
        config = shop(server.url)
        assert medallion("extract", config, "--select", "buyers").status == 0
        assert {seen.path for seen in server.seen} == {"/customers"}
        said = medallion("extract", config, "--select", "order,custmers")
    assert said.status == 2
    assert said.err.splitlines() == [
        "error [CFG001] --select: no source or entity is called 'order'; did you mean orders?",
        "error [CFG001] --select: no source or entity is called 'custmers'; did you mean customers?",
    ]


def test_quiet_prints_failures_only(medallion: CommandLine, shop: Shop) -> None:
    """Nothing where all is well."""
    with serve(well) as server:
        said = medallion("extract", shop(server.url), "--quiet")
    assert (said.status, said.out, said.err) == (0, "", "")
    with serve(orders_broken) as server:
        said = medallion("extract", shop(server.url), "-q", "--select", "orders")
    assert said.out == ""
    assert said.err.count("\n") == 1


def test_json_lines_are_events_and_end_with_the_outcome(medallion: CommandLine, shop: Shop) -> None:
    """Each line is JSON; nothing else is on standard output."""
    with serve(well) as server:
        said = medallion("extract", shop(server.url), "--json-lines", "--select", "orders")
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert [line["event"] for line in lines if line["event"] not in ("page_fetched", "noticed")] == [
        "run_opened",
        "schema_changed",
        "chunk_committed",
        "run_completed",
        "outcome",
    ]
    assert lines[-1]["sources"][0]["rows"] == 5
    assert medallion("extract", "x.yaml", "--json-lines", "--quiet").status == 2


def test_a_configuration_that_fails_is_in_the_result_too(medallion: CommandLine, tmp_path: Path) -> None:
    """Whoever sees only the file learns why."""
    result = tmp_path / "made" / "result.json"
    said = medallion("run", str(tmp_path / "none.yaml"), "--result", str(result))
    assert said.status == 2
    found = json.loads(result.read_text())
    assert (found["exit_status"], found["error"]["code"], found["sources"]) == (2, "CFG001", [])


def test_a_result_that_cannot_be_written_is_an_error(medallion: CommandLine, shop: Shop) -> None:
    """The run went to its end; that nobody can read how is status 5."""
    with serve(well) as server:
        config = shop(server.url)
        said = medallion("extract", config, "--quiet", "--result", f"{config}/result.json")
    assert said.status == 5
    assert "cannot be written" in said.err


def test_a_missing_secret_asks_nobody_and_opens_no_run(shop: Shop, tmp_path: Path) -> None:
    """Status 2, naming the variable."""
    with serve(well) as server:
        said = CommandLine(environ={})("extract", shop(server.url))
        assert server.seen == []
    assert said.status == 2
    assert "error [CFG003] orders: secret:env:TOKEN: the environment variable TOKEN is not set" in said.err
    assert not (tmp_path / "lake").exists()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (("boundary=cloud",), "platform.storage_metadata.boundary: is cloud"),
        ((), "platform.storage_metadata.boundary: is not declared"),
        (("boundary=onprem", "cloud_provider=aws"), "platform.storage_metadata.cloud_provider: is aws, which contradicts boundary: onprem"),
    ],
)
@pytest.mark.parametrize("command", ["extract", "run", "promote", "validate", "plan", "doctor"])
def test_storage_scope_onprem_refuses_what_is_not_declared_so(
    medallion: CommandLine, shop: Shop, tmp_path: Path, command: str, settings: tuple[str, ...], words: str
) -> None:
    """Before anything is asked or written."""
    sets = [word for one in settings for word in ("--set", f"platform.storage_metadata.{one}")]
    with serve(well) as server:
        said = medallion(command, shop(server.url), "--storage-scope", "onprem", *sets)
        assert server.seen == []
    assert said.status == 2
    assert words in said.err
    assert "--storage-scope onprem refuses that, and nothing was read or written" in said.err
    assert not (tmp_path / "lake").exists()


def test_storage_scope_onprem_lets_through_what_is_declared(medallion: CommandLine, shop: Shop) -> None:
    """A declaration by --set is one."""
    with serve(well) as server:
        declared = ("--set", "platform.storage_metadata.boundary=onprem")
        assert medallion("extract", shop(server.url), "--storage-scope", "onprem", *declared).status == 0


def test_flags_stand_over_the_environment(shop: Shop) -> None:
    """``--async`` and ``--api-rps`` say what the variables of the same meaning would."""
    command = CommandLine(environ={"TOKEN": "t", "MEDALLION_ASYNC_HTTP": "true", "MEDALLION_API_RPS": "7"})
    with serve(well) as server:
        config = shop(server.url)
        by_variable = json.loads(command("plan", config, "--json").out)["settings"]
        by_flag = json.loads(command("plan", config, "--json", "--no-async", "--api-rps", "2.5").out)["settings"]
        assert command("extract", config, "--no-async").status == 0
        assert server.at_once == 1

    def value(settings: list[dict[str, object]], path: str) -> object:
        return next(one["value"] for one in settings if one["path"] == path)

    assert (value(by_variable, "sources.orders.api.async"), value(by_variable, "run.rate_limit_rps")) == (True, 7.0)
    assert (value(by_flag, "sources.orders.api.async"), value(by_flag, "run.rate_limit_rps")) == (False, 2.5)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--run-date", "tomorrow"), "--run-date: must be a date or an instant"),
        (("--from", "2026-13-01"), "--from: must be a date or an instant"),
        (("--from", "2026-01-01"), "--from: a range can be asked for only where the source has incremental"),
    ],
)
def test_dates_are_checked(medallion: CommandLine, shop: Shop, arguments: tuple[str, ...], sentence: str) -> None:
    """A date that is none, or that means nothing here, is status 2."""
    with serve(well) as server:
        said = medallion("extract", shop(server.url), "--quiet", "--select", "orders", *arguments)
        assert server.seen == []
    assert said.status == 2
    assert sentence in said.err


def test_run_without_java_keeps_what_was_read(medallion: CommandLine, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Extraction needs no Spark; the entities fail with the sentence that helps, and the status says so."""

    def no_java(pipeline: object, resolver: object) -> object:
        raise MedallionError("Spark could not be started: install Java 17")

    monkeypatch.setattr(flow, "start_spark", no_java)
    with serve(well) as server:
        said = medallion("run", shop(server.url))
    assert said.status == 1
    assert said.err.count("error [RUN000] spark: Spark could not be started") == 1
    rows = [line.split()[:3] for line in said.out.splitlines() if line.startswith((" orders", " buyers"))]
    assert rows == [["orders", "done", "5"], ["orders", "failed", "[RUN000]"], ["buyers", "failed", "[RUN000]"]]


def test_sigterm_commits_what_was_read_and_is_status_3(medallion: CommandLine, shop: Shop) -> None:
    """The open run is resumed by the same command; signals do afterwards what they did before."""

    def told_to_stop(seen: Seen) -> Reply:
        if seen.query["page"] == "2":
            signal.raise_signal(signal.SIGTERM)
        return well(seen)

    with serve(told_to_stop) as server:
        config = shop(server.url)
        result = Path(config).with_name("result.json")
        said = medallion("extract", config, "--no-async", "--result", str(result))
    assert said.status == 3
    assert "error [RETRY003] orders: " in said.err
    found = json.loads(result.read_text())
    assert [one["status"] for one in found["sources"]] == ["stopped", "skipped"]
    assert found["sources"][0]["rows"] > 0
    with serve(well) as server:
        config = shop(server.url)
        said = medallion("extract", config, "--set", "defaults.api.retry.attempts=3")
    assert said.status == 0
    assert "done" in said.out


def test_the_first_ctrl_c_ends_at_a_clean_place(medallion: CommandLine, shop: Shop) -> None:
    """As SIGTERM does; it says that a second one would not wait."""

    def interrupted(seen: Seen) -> Reply:
        if seen.query["page"] == "2":
            signal.raise_signal(signal.SIGINT)
        return well(seen)

    with serve(interrupted) as server:
        said = medallion("extract", shop(server.url), "--no-async")
    assert said.status == 3
    assert "Ctrl-C again stops at once" in said.err
