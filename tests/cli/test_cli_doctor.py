"""``medallion doctor`` as a user meets it: a line for each thing, statuses, JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from medallion.testing.commandline import CommandLine

Shop = Callable[[str], str]
JAVA = "no/such/home"


@pytest.fixture
def doctor(shop: Shop) -> Callable[..., tuple[int, list[str], str]]:
    """The command on the shop, without Java: status, lines of standard output, standard error."""

    def examine(*words: str, environ: dict[str, str] | None = None) -> tuple[int, list[str], str]:
        given = {"JAVA_HOME": JAVA, "TOKEN": "s3cret-t0ken"} if environ is None else environ
        said = CommandLine(environ=given)("doctor", shop("http://127.0.0.1:9"), *words)
        return said.status, said.out.splitlines(), said.err

    return examine


def test_without_java_it_says_what_is_missing_and_what_works(doctor: Callable[..., tuple[int, list[str], str]]) -> None:
    """A pipeline with tables needs it: status 2, one line for each thing, and a sum."""
    status, lines, err = doctor()

    assert (status, err) == (2, "")
    (java,) = [line for line in lines if line.startswith("fail")]
    assert JAVA in java
    assert "extract, preview, plan and status work without" in java
    assert [line.split()[1] for line in lines[:-1] if line.startswith("ok")] >= ["python"]
    assert lines[-1].startswith("1 failure, ")


def test_json_is_for_programs(doctor: Callable[..., tuple[int, list[str], str]]) -> None:
    """The same findings."""
    status, lines, _ = doctor("--json")
    document = json.loads("\n".join(lines))

    assert document["exit_status"] == status == 2
    assert {one["subject"]: one["verdict"] for one in document["findings"]}["bronze"] == "ok"
    assert {"subject", "verdict", "says", "advice", "exit_status"} == set(document["findings"][0])


def test_all_secrets_that_are_missing_are_named(doctor: Callable[..., tuple[int, list[str], str]]) -> None:
    """Not only the first problem."""
    _, lines, _ = doctor("--set", "sources.customers.api.auth.token=secret:env:OTHER", environ={"JAVA_HOME": JAVA})

    assert sum("secret:env:" in line and line.startswith("fail") for line in lines) == 2


def test_a_configuration_that_is_wrong_is_told_as_ever(medallion: CommandLine, tmp_path: Path) -> None:
    """Before anything is looked at."""
    path = tmp_path / "p.yaml"
    path.write_text("config_version: 1\nrum: {}\n")
    said = medallion("doctor", str(path))

    assert said.status == 2
    assert said.err.startswith("error [CFG001]")
