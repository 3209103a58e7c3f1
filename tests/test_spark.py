"""What a session that is given, and not made, is told. Needs no Spark."""

from __future__ import annotations

from typing import Any

import pytest

from medallion.errors import MedallionError
from medallion.spark import RUNTIME, session


class Settings:
    """Settings of a session that hides those in *hidden*, and refuses to change anything where it is *closed*."""

    def __init__(self, values: dict[str, str], *, hidden: tuple[str, ...] = (), closed: bool = False) -> None:
        self.values, self.hidden, self.closed = values, hidden, closed
        self.told: dict[str, str] = {}

    def get(self, key: str) -> str:
        from pyspark.errors import AnalysisException

        if key in self.hidden:
            raise AnalysisException(f"[CONFIG_NOT_AVAILABLE] Configuration {key} is not available. SQLSTATE: 42K0I")
        return self.values[key]

    def set(self, key: str, value: str) -> None:
        from pyspark.errors import AnalysisException

        if self.closed:
            raise AnalysisException(f"[CONFIG_NOT_AVAILABLE] Configuration {key} is not available. SQLSTATE: 42K0I")
        self.told[key] = value


class Given:
    """A builder of sessions that gives one with these settings, or fails."""

    def __init__(self, settings: Settings | Exception) -> None:
        self.conf = settings

    def appName(self, _name: str) -> Given:  # noqa: N802
        return self

    def getOrCreate(self) -> Given:  # noqa: N802
        if isinstance(self.conf, Exception):
            raise self.conf
        return self


@pytest.fixture(
    params=[("SPARK_REMOTE", "sc://host:15002/;token=s3cret"), ("DATABRICKS_RUNTIME_VERSION", "17.3")], ids=["connect", "databricks"]
)
def elsewhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A process whose session is given by a server, or by Databricks; gives the variable that says so."""
    from pyspark.sql import SparkSession

    for name in ("SPARK_REMOTE", "DATABRICKS_RUNTIME_VERSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(*request.param)
    monkeypatch.setattr(SparkSession, "getActiveSession", lambda: None)
    return str(request.param[0])


def given(monkeypatch: pytest.MonkeyPatch, settings: Settings | Exception) -> Any:
    """What :func:`session` makes of a session with these settings."""
    from pyspark.sql import SparkSession

    monkeypatch.setattr(SparkSession, "builder", Given(settings))
    return session("test")


def test_a_given_session_is_told_only_what_is_wrong(elsewhere: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is right is left alone, and what it hides too: serverless compute does not show it."""
    wrong = Settings({**RUNTIME, "spark.sql.session.timeZone": "Etc/GMT+5"}, hidden=("spark.sql.files.ignoreMissingFiles",))
    given(monkeypatch, wrong)
    assert wrong.told == {"spark.sql.session.timeZone": "UTC"}
    right = Settings(dict(RUNTIME), closed=True)
    assert given(monkeypatch, right).conf is right


def test_a_session_that_is_wrong_and_cannot_be_told_is_refused(elsewhere: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the setting, what it is, and what it should be."""
    with pytest.raises(MedallionError, match=r"spark\.sql\.session\.timeZone=PST and refuses UTC"):
        given(monkeypatch, Settings({**RUNTIME, "spark.sql.session.timeZone": "PST"}, closed=True))


def test_a_server_that_is_away_is_a_sentence_without_its_token(elsewhere: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a session comes from is named; a token that stands behind the address is not."""
    with pytest.raises(MedallionError, match="gave no Spark session") as raised:
        given(monkeypatch, RuntimeError("failed to connect"))
    assert "s3cret" not in str(raised.value)
    assert ("sc://host:15002/" in str(raised.value)) == (elsewhere == "SPARK_REMOTE")


def test_missing_packages_of_connect_are_named_by_the_extra(elsewhere: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """pyspark says what is missing; the sentence says how it comes."""
    from pyspark.errors import PySparkImportError

    with pytest.raises(MedallionError, match=r"medallion-foundry\[connect\]"):
        given(monkeypatch, PySparkImportError("Pandas >= 2.2.0 must be installed"))
