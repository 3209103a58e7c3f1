"""Where the command line begins and ends: statuses, one-line failures, no secrets."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from medallion.cli import entry_point, look
from medallion.cli.entry import main
from medallion.errors import tree
from medallion.testing.commandline import CommandLine


def test_success_returns_and_raises_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """A job that calls the entry point in its own process takes any SystemExit for a failure."""
    entry_point(["--version"])
    assert capsys.readouterr().out.startswith("medallion-foundry ")


def test_help_is_a_success(capsys: pytest.CaptureFixture[str]) -> None:
    """It says why two flags that people look for are not there, and what the statuses mean."""
    entry_point(["run", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "Why there is no --stream" in text
    assert "Why there is no --resume" in text
    assert "3 stopped early" in text


def test_failure_is_a_system_exit_with_its_status(capsys: pytest.CaptureFixture[str]) -> None:
    """2 for a configuration that is not there."""
    with pytest.raises(SystemExit) as stopped:
        entry_point(["validate", "nowhere.yaml"])
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "error [CFG001] nowhere.yaml: cannot be read: No such file or directory\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("valdate",), "No such command 'valdate'"),
        (("run",), "Missing argument 'CONFIG'"),
        (("run", "a.yaml", "--resume"), "No such option: --resume"),
        (("preview", "a.yaml", "--rows", "0"), "--rows"),
        (("run", "a.yaml", "--storage-scope", "moon"), "--storage-scope"),
    ],
)
def test_a_wrong_command_line_is_status_2_and_one_line(medallion: CommandLine, arguments: tuple[str, ...], sentence: str) -> None:
    """The line says what is wrong, and where help is."""
    said = medallion(*arguments)
    assert said.status == 2
    assert said.err.count("\n") == 1
    assert sentence in said.err
    assert "--help" in said.err


def test_no_command_shows_the_help(medallion: CommandLine) -> None:
    """Nothing was done, so it is no success."""
    said = medallion()
    assert said.status == 2
    assert "Usage: medallion" in said.out


def test_every_problem_of_a_configuration_has_its_line(medallion: CommandLine, tmp_path: Path) -> None:
    """All at once, each with its place."""
    path = tmp_path / "p.yaml"
    path.write_text("config_version: 1\nsilver: {entity: x, model: scd_type_9, primary_key: [id]}\nrum: {}\n")
    said = medallion("validate", str(path))
    assert said.status == 2
    lines = said.err.splitlines()
    assert len(lines) >= 3
    assert all(line.startswith(f"error [CFG001] {path}:") for line in lines)


def test_the_unexpected_is_one_line_and_its_traceback_only_with_debug(medallion: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake of ours fails the process too; it may not spill secrets either."""

    def breaks() -> object:
        raise ZeroDivisionError("by\nnothing")

    monkeypatch.setattr(look, "tree", breaks)
    said = medallion("errors")
    assert (said.status, said.err) == (1, "error unexpected ZeroDivisionError: by; run again with --debug for the traceback\n")
    for arguments in (("--debug", "errors"), ("errors", "--debug")):
        said = medallion(*arguments)
        assert said.status == 1
        assert "Traceback (most recent call last)" in said.err
        assert said.err.endswith("error unexpected ZeroDivisionError: by\n")


def test_ctrl_c_is_status_3(medallion: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was complete is committed; the same command goes on."""

    def interrupted() -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(look, "tree", interrupted)
    said = medallion("errors")
    assert said.status == 3
    assert said.err.startswith("error interrupted")


def test_every_code_can_be_asked_for(medallion: CommandLine) -> None:
    """The list has each code once; one alone has its sentence and its status."""
    said = medallion("errors")
    assert said.status == 0
    for kind in tree():
        assert said.out.count(f" {kind.code} ") == 1
    said = medallion("errors", "[ext002]")
    assert "SourceUnavailable" in said.out
    assert "Exit status 4, repeated by itself" in said.out
    assert medallion("errors", "EXT999").status == 2


@pytest.mark.slow
def test_python_m_medallion_is_the_same_command() -> None:
    """And fails with the same statuses."""
    done = subprocess.run([sys.executable, "-m", "medallion", "validate", "nowhere.yaml"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error [CFG001]")


@pytest.mark.slow
def test_commands_without_data_load_no_spark_and_none_of_the_heavy_libraries(tmp_path: Path) -> None:
    """``init``, ``validate``, ``plan``, ``status`` and ``preview`` start at once, and work without Java."""
    script = """
import sys
from medallion.cli.entry import main
path = "pipelines/first.yaml"
for arguments in (["init", "first", "--folder", "."], ["validate", path], ["plan", path], ["errors"]):
    assert main(arguments) == 0, arguments
assert not {"pyspark", "pyarrow", "aiohttp"} & set(sys.modules), "validate and plan"
assert main(["status", path]) == 0
assert main(["preview", path]) != 0
assert not {"pyspark", "delta", "py4j"} & set(sys.modules), "status and preview"
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("job", "command"), [("pipeline", "run"), ("extract", "extract"), ("promote", "promote"), ("verify", "verify")])
def test_jobs_are_the_commands(job: str, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """``jobs/run_*.py`` hand their arguments on."""
    monkeypatch.setattr(sys, "argv", [job, "--help"])
    runpy.run_path(str(Path(__file__).parents[2] / "jobs" / f"run_{job}.py"), run_name="__main__")
    assert capsys.readouterr().out.startswith(f"Usage: medallion {command} ")


def test_main_takes_the_process_environment_where_no_terminal_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    """As the entry point calls it."""
    assert main(["errors", "CFG001"]) == 0
    assert "ConfigError" in capsys.readouterr().out
