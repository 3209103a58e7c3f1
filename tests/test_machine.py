"""What a machine lacks is said with what to do; what nothing needs is not missed."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medallion.config.load import load
from medallion.config.pipeline import Pipeline
from medallion.jars import delta, release
from medallion.machine import Finding, Machine, findings

PIPELINE = """
config_version: 1
pipeline: shop
source: {name: orders, system: shop, table: orders, load_pattern: full, api: {base_url: "http://127.0.0.1:9", endpoint: /orders}}
"""
GIB = 1024**3


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    """One source, as small as it goes."""
    path = tmp_path / "shop.yaml"
    path.write_text(PIPELINE)
    return load(path, environ={}).pipeline


@pytest.fixture
def java(tmp_path: Path) -> Callable[[str], str]:
    """Makes a JAVA_HOME whose java says a version, as a real one does, on standard error."""

    def make(version: str) -> str:
        program = tmp_path / version / "bin/java"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2026-01-20' >&2\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return str(tmp_path / version)

    return make


def machine(tmp_path: Path, **different: Any) -> Machine:
    """A machine with nothing on its path, and Spark as we want it."""
    settings: dict[str, Any] = {
        "environ": {"PATH": ""},
        "system": "Linux",
        "python": (3, 11, 7),
        "cores": 4,
        "memory": 16 * GIB,
        "home": tmp_path,
        "installed": {"pyspark": "4.2.0"}.get,
    }
    return Machine(**settings | different)


def found(machine: Machine, pipeline: Pipeline, *, spark_needed: bool = True) -> dict[str, Finding]:
    """The findings by subject."""
    return {one.subject: one for one in findings(machine, pipeline, spark_needed=spark_needed)}


@pytest.mark.parametrize(("version", "verdict"), [("17.0.12", "ok"), ("21", "ok"), ("11.0.2", "fail"), ("1.8.0_292", "fail")])
def test_java_is_17_or_21(pipeline: Pipeline, tmp_path: Path, java: Callable[[str], str], version: str, verdict: str) -> None:
    """Any other does not do, and is named."""
    one = found(machine(tmp_path, environ={"JAVA_HOME": java(version)}), pipeline)["java"]

    assert (one.verdict, version in one.says) == (verdict, True)


@pytest.mark.parametrize(
    ("environ", "words"),
    [({"PATH": ""}, "not on the path"), ({"JAVA_HOME": "/nowhere"}, "JAVA_HOME is /nowhere"), ({}, "not on the path")],
)
def test_a_missing_java_fails_only_what_needs_it(pipeline: Pipeline, tmp_path: Path, environ: dict[str, str], words: str) -> None:
    """Where nothing is promoted it is fine that there is none."""
    needed = found(machine(tmp_path, environ=environ), pipeline)["java"]
    not_needed = found(machine(tmp_path, environ=environ), pipeline, spark_needed=False)["java"]

    assert (needed.verdict, needed.exit_status) == ("fail", 2)
    assert words in needed.says
    assert "JAVA_HOME" in (needed.advice or "")
    assert (not_needed.verdict, "nothing here needs it" in not_needed.says) == ("ok", True)


def test_java_is_found_on_the_path(pipeline: Pipeline, tmp_path: Path, java: Callable[[str], str]) -> None:
    """Without JAVA_HOME."""
    one = found(machine(tmp_path, environ={"PATH": f"{java('17.0.1')}/bin"}), pipeline)["java"]

    assert one.verdict == "ok"


def test_a_java_that_does_not_run_is_said_so(pipeline: Pipeline, tmp_path: Path) -> None:
    """Its path is named."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/java").write_text("no program")
    one = found(machine(tmp_path, environ={"JAVA_HOME": str(tmp_path)}), pipeline)["java"]

    assert (one.verdict, "does not run" in one.says) == ("fail", True)


@pytest.mark.parametrize(
    ("version", "needed", "verdict"), [("4.2.0", True, "ok"), ("3.5.1", True, "fail"), (None, True, "fail"), (None, False, "ok")]
)
def test_spark_and_delta_go_together(pipeline: Pipeline, tmp_path: Path, version: str | None, needed: bool, verdict: str) -> None:
    """Another minor version of Spark, or none, is a failure where one is needed."""
    one = found(machine(tmp_path, installed={"pyspark": version}.get), pipeline, spark_needed=needed)["spark"]

    assert one.verdict == verdict
    assert one.verdict == "ok" or "medallion-foundry[spark]" in (one.advice or "")


def test_jars_in_the_cache_are_found_and_others_named(pipeline: Pipeline, tmp_path: Path) -> None:
    """Until they are there it is a warning that the first session needs the network."""
    before = found(machine(tmp_path), pipeline)["jars"]
    (package,) = delta(release()).packages
    group, artifact, version = package.split(":")
    (tmp_path / ".ivy2.5.2/jars").mkdir(parents=True)
    (tmp_path / f".ivy2.5.2/jars/{group}_{artifact}-{version}.jar").touch()
    after = found(machine(tmp_path), pipeline)["jars"]

    assert (before.verdict, after.verdict) == ("warn", "ok")
    assert package in before.says


@pytest.mark.parametrize(
    ("cores", "memory", "verdict", "words"),
    [
        (4, 16 * GIB, "ok", "4,096 MB"),
        (4, 4 * GIB, "warn", "with 4,096 MB"),
        (32, 64 * GIB, "warn", "8,192 MB"),
        (4, None, "ok", "4 tasks"),
    ],
)
def test_memory_is_enough_for_the_driver_and_for_hashing(
    pipeline: Pipeline, tmp_path: Path, cores: int, memory: int | None, verdict: str, words: str
) -> None:
    """Each core may hash a chunk file, which takes eight times its bytes."""
    one = found(machine(tmp_path, cores=cores, memory=memory), pipeline)["memory"]

    assert (one.verdict, words in one.says) == (verdict, True), one


def test_windows_needs_winutils(pipeline: Pipeline, tmp_path: Path) -> None:
    """Missing, misplaced, and there; elsewhere nobody asks."""
    missing = found(machine(tmp_path, system="Windows"), pipeline)["hadoop"]
    empty = found(machine(tmp_path, system="Windows", environ={"HADOOP_HOME": str(tmp_path)}), pipeline)["hadoop"]
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/winutils.exe").touch()
    there = found(machine(tmp_path, system="Windows", environ={"HADOOP_HOME": str(tmp_path)}), pipeline)["hadoop"]

    assert [missing.verdict, empty.verdict, there.verdict] == ["fail", "fail", "ok"]
    assert "hadoop" not in found(machine(tmp_path), pipeline)


def test_spark_that_is_brought_along_is_not_looked_for(pipeline: Pipeline, tmp_path: Path) -> None:
    """On Databricks and under spark-submit neither Java nor jars are ours."""
    subjects = found(machine(tmp_path, environ={"DATABRICKS_RUNTIME_VERSION": "18"}, installed={}.get), pipeline)

    assert {name: one.verdict for name, one in subjects.items()} == {"python": "ok", "spark": "ok"}


def test_an_old_python_is_told(pipeline: Pipeline, tmp_path: Path) -> None:
    """With the version to install."""
    one = found(machine(tmp_path, python=(3, 9, 1)), pipeline)["python"]

    assert (one.verdict, "3.10" in (one.advice or "")) == ("fail", True)


def test_this_machine_is_looked_at_for_real() -> None:
    """It has cores, and a Python that runs this."""
    this = Machine.this({})

    assert this.cores >= 1
    assert this.python >= (3, 10, 0)
    assert this.installed("pydantic") is not None
    assert this.installed("no-such-distribution") is None
