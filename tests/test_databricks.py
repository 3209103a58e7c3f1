"""What stands for Databricks holds without Databricks: the bundle by its typed resources, the wheel, the entry point, the secrets."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import types
import zipfile
from email import message_from_bytes
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from databricks.bundles.jobs import Job

from medallion.cli.commands import app
from medallion.cli.terminal import Terminal
from medallion.config.load import load
from medallion.config.values import parse_instant
from medallion.pipeline import select
from medallion.storage.roots import provider_of

ROOT = Path(__file__).resolve().parents[1]
BUNDLE: dict[str, Any] = yaml.safe_load((ROOT / "databricks.yml").read_text(encoding="utf-8"))
JOBS: dict[str, Any] = BUNDLE["resources"]["jobs"]
TARGETS = tuple(BUNDLE["targets"])


def resolved(text: str, target: str, parameters: dict[str, str]) -> str:
    """*text* with the references that Databricks resolves."""
    text = re.sub(r"\{\{job\.parameters\.(\w+)\}\}", lambda found: parameters[found[1]], text)
    text = text.replace("{{job.trigger.time.iso_datetime}}", "2026-11-24T05:00:00.123Z")
    text = text.replace("${bundle.target}", target).replace("${workspace.file_path}", str(ROOT))
    assert "${" not in text, text
    assert "{{" not in text, text
    return text


@pytest.mark.parametrize("name", JOBS)
def test_jobs_are_typed_resources(name: str) -> None:
    """Every key is one of the resource, every reference from a task leads to something in the job or in the bundle."""
    job = Job.from_dict(JOBS[name])
    tasks = [task.task_key for task in job.tasks]
    places = {one.environment_key for one in job.environments} | {one.job_cluster_key for one in job.job_clusters}
    for task in job.tasks:
        assert {task.environment_key or task.job_cluster_key} <= places
        assert {before.task_key for before in task.depends_on} <= set(tasks)
        assert task.max_retries == 0
        assert task.disable_auto_optimization or task.environment_key is None, "serverless repeats what a person must look at"
        assert task.libraries or task.environment_key, "the wheel comes by libraries or by the environment"
    used = set(re.findall(r"\$\{var\.(\w+)\}", (ROOT / "databricks.yml").read_text(encoding="utf-8")))
    assert used == set(BUNDLE["variables"])


def test_a_wrong_key_would_be_found() -> None:
    """The check is one: a misspelled key is refused by the typed resource."""
    with pytest.raises(ValueError, match="max_retry"):
        Job.from_dict({"tasks": [{"task_key": "t", "max_retry": 0}]})


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", JOBS)
def test_command_lines_of_tasks_are_ours(name: str, target: str) -> None:
    """What a wheel task passes is a command with its own flags; the configuration can be loaded for the target; what is selected exists."""
    told = {one["name"]: resolved(one["default"], target, {}) for one in JOBS[name]["parameters"]}
    chosen: list[str] = []
    for task in JOBS[name]["tasks"]:
        wheel = task["python_wheel_task"]
        command, *rest = [resolved(word, target, told) for word in wheel["parameters"]]
        commands = typer.main.get_command(app)
        assert isinstance(commands, typer.core.TyperGroup)
        given = commands.commands[command].make_context(command, rest).params
        loaded = load(given["config"], env=given["env"], environ={})
        names = [one for text in given["select"] for one in text.split(",")]
        chosen += [one.name for one in select(loaded.pipeline, names).sources]
        platform = loaded.pipeline.platform
        for root in (platform.bronze.root, platform.state.root):
            assert root.startswith(f"/Volumes/main/medallion_{target}/")
            assert not provider_of(platform, root).needs_jvm, "serverless has none"
        assert (platform.silver.root, platform.silver.schema_) == (None, f"medallion_{target}")
        assert given.get("run_date") is None or parse_instant(given["run_date"])
    assert chosen == ["changes", "changes"], "what is extracted is what is promoted"


def entry() -> Any:
    """The function that a wheel task of the bundle calls."""
    (wheel,) = {
        (task["python_wheel_task"]["package_name"], task["python_wheel_task"]["entry_point"])
        for job in JOBS.values()
        for task in job["tasks"]
    }
    return distribution(wheel[0]).entry_points[wheel[1]].load()


def test_the_entry_point_returns_where_all_went_well(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Called in process with the task's parameters as arguments, it raises nothing, and leaves the process's hooks alone."""
    hooks = sys.excepthook, sys.stdout
    monkeypatch.setattr(sys, "argv", ["medallion", "validate", str(ROOT / "conf/pipelines/quickstart.yaml"), "--env=dev"])
    assert entry()() is None
    assert "valid" in capsys.readouterr().out
    assert hooks == (sys.excepthook, sys.stdout)


def test_the_entry_point_fails_the_task_where_something_failed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """SystemExit with the exit status, and the sentence on standard error."""
    monkeypatch.setattr(sys, "argv", ["medallion", "run", "/Workspace/none.yaml"])
    with pytest.raises(SystemExit) as ended:
        entry()()
    assert ended.value.code == 2
    assert "none.yaml" in capsys.readouterr().err


def test_secrets_come_from_scopes(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Databricks a reference is given to the dbutils of the session, at first use; what it gives is masked from then on."""
    from pyspark.sql import SparkSession

    session, asked = object(), []

    class FakeDBUtils:
        def __init__(self, spark: object) -> None:
            assert spark is session
            self.secrets = types.SimpleNamespace(get=self.get)

        def get(self, scope: str, key: str) -> str:
            asked.append((scope, key))
            return "swordfish"

    monkeypatch.setitem(sys.modules, "pyspark.dbutils", types.SimpleNamespace(DBUtils=FakeDBUtils))
    monkeypatch.setattr(SparkSession, "active", staticmethod(lambda: session))
    terminal = Terminal(environ={"DATABRICKS_RUNTIME_VERSION": "17.3"})
    token = load(ROOT / "conf/pipelines/quickstart.yaml", env="dev", environ={}).pipeline.sources[0].api.auth.token  # type: ignore[union-attr]
    assert asked == []
    assert terminal.secrets.resolve(token) == "swordfish"
    assert asked == [("medallion-dev", "flights_token")]
    assert terminal.mask("token=swordfish") == "token=***"


@pytest.mark.slow
def test_the_wheel_asks_for_no_spark(tmp_path: Path) -> None:
    """What it requires without extras has no pyspark and no delta; the locked requirements neither; what is in it is the package."""
    made = subprocess.run(["make", "wheel"], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    (wheel,) = (ROOT / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
        metadata = message_from_bytes(opened.read(next(name for name in names if name.endswith("/METADATA"))))
    required = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    locked = (ROOT / "dist/requirements.txt").read_text(encoding="utf-8")
    assert any(line.startswith("pyarrow") for line in required)
    assert "pyarrow==" in locked
    for foreign in ("pyspark", "delta-spark", "py4j", "pytest"):
        assert not any(line.startswith(foreign) for line in required)
        assert not re.search(rf"^{foreign}==", locked, re.MULTILINE)
    assert {name.split("/")[0] for name in names} == {
        "medallion",
        "medallion_workers.pth",
        f"medallion_foundry-{distribution('medallion_foundry').version}.dist-info",
    }
    assert "medallion/cli/entry.py" in names
