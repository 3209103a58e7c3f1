"""What schedulers start: a command again while it was stopped early, and the example of a DAG."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from medallion.cli.commands import app
from medallion.config.values import parse_instant
from medallion.testing.server import one_by_one, pages, serve, throttled

ROOT = Path(__file__).resolve().parents[2]
AGAIN = ROOT / "scripts" / "run_again.sh"
DAG = ROOT / "docs" / "examples" / "airflow" / "medallion_quickstart.py"
PIPELINE = """
config_version: 1
pipeline: shop
platform: {{bronze: {{root: "{lake}/bronze"}}, silver: {{root: "{lake}/silver"}}, state: {{root: "{lake}/_state"}}}}
sources:
  - name: orders
    system: shop
    table: orders
    load_pattern: full
    api: {{base_url: "{url}", endpoint: /orders, records_path: data, retry: {{attempts: 1}}, pagination: {{type: page, size: 2}}}}
"""

pytestmark = pytest.mark.slow


def again(*command: str, tries: int = 3) -> subprocess.CompletedProcess[str]:
    """How the script ends with a command; between two tries it does not wait."""
    told = os.environ | {"PAUSE": "0", "TRIES": str(tries)}
    return subprocess.run([AGAIN, *command], env=told, capture_output=True, text=True, timeout=60, check=False)


def extract(folder: Path, url: str) -> list[str]:
    """An extraction in a process of its own."""
    config = folder / "shop.yaml"
    config.write_text(PIPELINE.format(lake=folder / "lake", url=url), encoding="utf-8")
    return [sys.executable, "-m", "medallion", "extract", str(config), "--quiet"]


def test_a_run_that_was_stopped_early_is_run_again_and_ends_well(tmp_path: Path) -> None:
    """The host asks for an hour once: status 3; asked again it answers, and the rows are landed."""
    orders = pages([{"id": 1}, {"id": 2}, {"id": 3}], size=2)
    with serve(one_by_one(throttled("3600"), then=orders)) as server:
        done = again(*extract(tmp_path, server.url))
        assert done.returncode == 0, done.stderr
        assert "EXT003" in done.stderr or "RETRY001" in done.stderr
        assert len(server.seen) > 2
    assert list(tmp_path.glob("lake/bronze/**/*.parquet"))


def test_it_gives_up_after_some_tries(tmp_path: Path) -> None:
    """What is stopped early each time is begun so often and no more; the status is that of the last one."""
    began = tmp_path / "began"
    assert again("bash", "-c", f"echo >>{began}; exit 3", tries=2).returncode == 3
    assert began.read_text().count("\n") == 2


def test_what_needs_a_person_is_not_run_again(tmp_path: Path) -> None:
    """A configuration that is wrong fails once, with its status."""
    done = again(sys.executable, "-m", "medallion", "run", str(tmp_path / "none.yaml"))
    assert done.returncode == 2
    assert done.stderr.count("error") == 1


def tried(folder: Path) -> tuple[Path, str]:
    """A command that notes that it was begun, says so, and ends with 3 by SIGTERM only."""
    began = folder / "began"
    return began, f"trap 'exit 3' TERM; echo >>{began}; echo up; while :; do sleep 0.05 & wait; done"


def test_sigterm_reaches_the_command_and_ends_the_tries(tmp_path: Path) -> None:
    """The command ends as it does by SIGTERM, with 3, and is not begun again."""
    began, script = tried(tmp_path)
    with subprocess.Popen([AGAIN, "bash", "-c", script], env=os.environ | {"PAUSE": "0"}, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 3
    assert began.read_text().count("\n") == 1


def hooked(folder: Path, line: str, then: str) -> dict[str, str]:
    """The environment of a script that does something just before one of its lines."""
    hook = folder / "hook.sh"
    hook.write_text(f"unset BASH_ENV\ntrap 'if [[ $BASH_COMMAND == \"{line}\" ]]; then {then}; fi' DEBUG\n", encoding="utf-8")
    return os.environ | {"PAUSE": "0", "BASH_ENV": str(hook)}


def test_sigterm_before_the_command_is_known_reaches_it_all_the_same(tmp_path: Path) -> None:
    """Between the start of the command and the line that keeps its number: a bash that signals itself just there."""
    began, script = tried(tmp_path)
    told = hooked(tmp_path, r"child=\$!", f"until [[ -s {began} ]]; do :; done; trap - DEBUG; kill -TERM $$")
    done = subprocess.run([AGAIN, "bash", "-c", script], env=told, stdout=subprocess.PIPE, timeout=20, check=False)
    assert done.returncode == 3
    assert began.read_text().count("\n") == 1


def test_a_command_that_ends_at_once_by_sigterm_still_says_how(tmp_path: Path) -> None:
    """The signal ends the wait too, and the command is gone before anybody looks: the status is the command's, not the wait's."""
    began, script = tried(tmp_path)
    told = hooked(tmp_path, r"status=\$?", "while kill -0 $child 2>/dev/null; do :; done")
    with subprocess.Popen([AGAIN, "bash", "-c", script], env=told, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 3
    assert began.read_text().count("\n") == 1


def test_the_line_for_cron_is_the_script_with_a_command_of_ours() -> None:
    """What the page shows is a schedule, this script, and options that the command has."""
    page = (ROOT / "docs/orchestrators.md").read_text(encoding="utf-8")
    (line,) = [line for line in page.splitlines() if line.startswith("15 * * * * ")]
    script, program, command, *rest = line.split()[5:]
    assert ROOT / Path(script).relative_to("/srv/medallion") == AGAIN
    assert program.endswith("/bin/medallion")
    assert given(command, rest)["quiet"] is True


def given(command: str, words: list[str]) -> dict[str, object]:
    """The values of a command's parameters."""
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    return group.commands[command].make_context(command, list(words)).params


def test_the_tasks_of_the_dag_are_commands_of_ours() -> None:
    """Read, not imported, since Airflow is not installed: each call of the command line, with its options, and the statuses."""
    tree = ast.parse(DAG.read_text(encoding="utf-8"))
    compile(tree, str(DAG), "exec")
    calls = [
        [word.value for word in node.args if isinstance(word, ast.Constant)]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "medallion"
    ]
    assert calls == [["extract"], ["promote"]]
    dated = given("extract", ["c.yaml", "--run-date=2026-11-24T05:00:00+00:00", "--json-lines"])
    assert parse_instant(str(dated["run_date"]))
    assert given("promote", ["c.yaml", "--json-lines"])
    (person,) = [
        ast.literal_eval(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "NEEDS_A_PERSON"
    ]
    assert person == {2, 6}
