"""The harness of the benchmarks: it runs things in turn, and says of a bar exactly whether it is met."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import msgspec
import pytest
import requests
from rich.console import Console

from medallion.clock import SystemClock
from medallion.config.load import load
from medallion.errors import MedallionError
from medallion.testing.clock import FakeClock
from scripts import baselines, benchmark
from scripts.bench import memory, parsing, peer, report, runs, server
from scripts.bench.measure import Bar, Benchmark, Measured, Settings, in_turn, quartiles, ratios, seconds

BAR = Bar(name="speed", says="ours against theirs", limit=1.3)
FASTER = Bar(name="parse", says="speed", limit=5, at_least=True)


def measured(*values: float, bar: Bar = BAR) -> Measured:
    return Measured(bar=bar, values=values, parts={"ours": values}, note="3 pages")


def test_sides_run_in_turn_after_the_warm_up() -> None:
    """A B A B, and the first turns are run but not counted."""
    ran: list[str] = []

    def side(name: str) -> float:
        ran.append(name)
        return float(len(ran))

    found = in_turn({"a": lambda: side("a"), "b": lambda: side("b")}, turns=2, warm_up=1)
    assert ran == ["a", "b", "a", "b", "a", "b"]
    assert found == {"a": (3.0, 5.0), "b": (4.0, 6.0)}


def test_the_number_of_turns_can_be_asked_for() -> None:
    """--pairs goes before a benchmark's own number."""
    clock = FakeClock()
    assert len(Settings(clock=clock, turns=2).in_turn({"a": lambda: 1.0}, turns=7)["a"]) == 2
    assert len(Settings(clock=clock).in_turn({"a": lambda: 1.0}, turns=7)["a"]) == 7


def test_a_ratio_is_taken_turn_by_turn() -> None:
    """What slows both sides of one turn down does not change its ratio; a plan's time is the least that a baseline takes."""
    assert ratios([2.0, 20.0], [1.0, 10.0]) == (2.0, 2.0)
    assert ratios([2.0, 20.0], [1.0, 10.0], at_least=4.0) == (0.5, 2.0)
    with pytest.raises(ValueError, match="zip"):
        ratios([1.0], [1.0, 2.0])


def test_the_median_and_the_middle_half() -> None:
    """One outlier moves neither."""
    one = measured(1.0, 1.1, 1.2, 1.3, 9.0)
    assert one.median == 1.2
    assert one.middle == (1.1, 1.3)
    assert quartiles([4.0]) == (4.0, 4.0)


@pytest.mark.parametrize(
    ("bar", "value", "met"),
    [(BAR, 1.3, True), (BAR, 1.31, False), (FASTER, 5.0, True), (FASTER, 4.99, False)],
)
def test_a_bar_is_met_up_to_its_limit(bar: Bar, value: float, met: bool) -> None:
    """The limit itself is met, in either direction."""
    assert measured(value, bar=bar).met is met


def test_nothing_measured_is_no_result() -> None:
    """A bar without values is refused; it must not pass as met."""
    with pytest.raises(ValueError, match="nothing was measured"):
        measured()


def test_only_the_work_is_timed() -> None:
    """The seconds of the clock that was given."""
    clock = FakeClock()
    assert seconds(clock, lambda: clock.advance(2.5)) == pytest.approx(2.5)


def test_the_table_shows_limit_median_and_verdict() -> None:
    """A row says what was promised and what came out."""
    out = io.StringIO()
    Console(file=out, width=100).print(report.table([measured(1.1, 1.2, 1.25), measured(4.0, bar=FASTER)]))
    rows = [line for line in out.getvalue().splitlines() if "≤" in line or "≥" in line]
    assert [all(part in rows[0] for part in ("speed", "≤ 1.3 ×", "1.20", "1.15 to 1.23", "3", "met"))] == [True]
    assert [all(part in rows[1] for part in ("parse", "≥ 5 ×", "4.00", "missed"))] == [True]


def test_the_document_holds_every_turn() -> None:
    """The JSON is enough to compute everything again."""
    at = datetime(2026, 11, 23, tzinfo=timezone.utc)
    found = json.loads(json.dumps(report.document([measured(1.0, 2.0)], at=at)))
    assert found["format"] == 1
    assert found["machine"]["cpus"] >= 1
    assert found["bars"][0]["values"] == [1.0, 2.0]
    assert (found["bars"][0]["median"], found["bars"][0]["met"]) == (1.5, False)


def fake(name: str, *values: float) -> Benchmark:
    def measure(_settings: Settings) -> Sequence[Measured]:
        if not values:
            raise MedallionError("it broke")
        return [measured(*values)]

    return Benchmark(name=name, says="a fake", measure=measure)


@pytest.mark.parametrize(("benchmarks", "status"), [([fake("a", 1.0)], 0), ([fake("a", 2.0)], 1), ([fake("b"), fake("a", 1.0)], 1)])
def test_the_exit_status_says_whether_every_bar_is_met(
    benchmarks: list[Benchmark], status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that fails does not stop the others, and is not forgotten."""
    monkeypatch.setattr(benchmark, "BENCHMARKS", benchmarks)
    assert benchmark.main(["--json", str(tmp_path / "out.json")]) == status
    written = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert len(written["bars"]) == 1
    assert len(written["failed"]) == len(benchmarks) - 1


def test_names_are_unique_and_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    """--list names each benchmark once, --only takes these names and no others."""
    names = [one.name for one in benchmark.BENCHMARKS]
    assert len(set(names)) == len(names)
    assert benchmark.main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == names
    with pytest.raises(SystemExit):
        benchmark.arguments(["--only", "nothing"])
    with pytest.raises(SystemExit):
        benchmark.arguments(["--pairs", "0"])


def test_pages_are_always_the_same_and_end() -> None:
    """Both sides read the same bytes, in every run."""
    assert server.body(3, pages=3, rows=2) == server.body(3, pages=3, rows=2)
    pages = [msgspec.json.decode(server.body(number, pages=3, rows=2)) for number in (1, 3, 4)]
    assert [len(page["data"]) for page in pages] == [2, 2, 0]
    assert [page["next"] for page in pages] == ["2", None, None]
    assert len(pages[0]["data"][0]) == 10


def test_both_parsers_find_every_row() -> None:
    """Ours and the baseline read the same rows from the same bytes."""
    bodies = [server.body(number, pages=3, rows=20) for number in (1, 2, 3)]
    assert parsing.rows_of(bodies, FakeClock()) == 60
    table = baselines.parse_pages(bodies)
    assert table["id"].to_pylist() == list(range(60))


def program(path: Path, text: str) -> Path:
    """An executable Python script that stands for ``medallion``."""
    path.write_text(f"#!{sys.executable}\n{text}\n", "utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.slow
def test_the_peak_of_a_run_is_found_although_it_is_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that was given back before the end counts; children do not."""
    lines = ["import subprocess, sys, time", "data = b'x' * 80_000_000", "del data"]
    lines += ["subprocess.run([sys.executable, '-c', \"b'x' * 400_000_000\"])", "time.sleep(0.1)"]
    monkeypatch.setattr(runs, "MEDALLION", program(tmp_path / "medallion", "\n".join(lines)))
    peak, took = runs.one_run(os.environ, SystemClock())
    assert 80 < peak < 300
    assert took > 0.1


def test_a_run_that_fails_is_no_measurement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last words are handed on."""
    monkeypatch.setattr(runs, "MEDALLION", program(tmp_path / "medallion", "print('no such host')\nraise SystemExit(4)"))
    with pytest.raises(MedallionError, match=r"status 4: no such host"):
        runs.one_run(os.environ, SystemClock())


def test_there_are_as_many_pages_as_are_asked_for() -> None:
    """Pages that come again are others for whoever compares pages, with as many records; behind the last one there are none."""
    with server.started() as url:
        asked = [requests.get(f"{url}/0/pages/201", params={"page": number}, timeout=10).json()["data"] for number in (1, 201, 202)]
    assert [len(records) for records in asked] == [server.ROWS, server.ROWS, 0]
    assert asked[0][1:] == asked[1][1:]
    assert asked[1][0]["id"] == server.PAGES * server.ROWS


def test_the_pipeline_of_the_memory_benchmark_is_a_pipeline(tmp_path: Path) -> None:
    """It lands as many pages as rows need, in the lake that it is given."""
    file = tmp_path / "few.yaml"
    file.write_text(memory.pipeline("http://127.0.0.1:1", 50_000), "utf-8")
    pipeline = load(file, environ={"LAKE": str(tmp_path)}).pipeline
    assert pipeline.platform.bronze.root == f"{tmp_path}/bronze"
    assert [source.api.endpoint for source in pipeline.sources if source.api] == ["/pages/100"]


def test_without_dlt_its_comparison_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra of the benchmark alone."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(MedallionError, match="make bench installs it"):
        peer.peer(Settings(clock=FakeClock()))
