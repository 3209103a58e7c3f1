"""Secrets, roots and sources are looked at, each with a line; the status is that of the worst."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from medallion import doctor as module
from medallion.clock import SystemClock
from medallion.config.load import load
from medallion.config.secret import Secrets
from medallion.doctor import Checkup, doctor
from medallion.errors import UnsafeStoreError
from medallion.machine import Machine
from medallion.storage.proven import MARK, ProvenFileSystem
from medallion.testing.clock import FakeClock
from medallion.testing.process import free_port
from medallion.testing.server import Reply, pages, serve
from medallion.testing.services import Service

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PIPELINE = """
config_version: 1
pipeline: shop
platform:
  bronze: {root: "FOLDER/bronze"}
  silver: {root: "FOLDER/silver"}
  state: {root: "FOLDER/state"}
sources:
  - name: orders
    system: shop
    table: orders
    load_pattern: full
    api:
      base_url: URL
      endpoint: /orders
      records_path: data
      auth: {type: bearer, token: "secret:env:TOKEN"}
      retry: {attempts: 1}
      pagination: {type: page, size: 2}
"""
Look = Callable[..., Checkup]


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Look:
    """The checkup of the pipeline, with settings and arguments of the test's own; writers race twice, not ten times."""
    monkeypatch.setattr(module, "ROUNDS", 2)

    def examine(*sets: str, environ: dict[str, str] | None = None, clock: Any = None, **options: Any) -> Checkup:
        path = tmp_path / "shop.yaml"
        path.write_text(PIPELINE.replace("FOLDER", str(tmp_path / "lake")).replace("URL", options.pop("url", "http://127.0.0.1:9")))
        environ = {"TOKEN": "s3cret"} if environ is None else environ
        pipeline = load(path, sets=list(sets), environ={}).pipeline
        return doctor(pipeline, machine=Machine.this(environ), resolver=Secrets(environ=environ), clock=clock or SystemClock(), **options)

    return examine


def said(checkup: Checkup, subject: str) -> list[tuple[str, str]]:
    """Verdict and words of what is found of a subject."""
    return [(one.verdict, f"{one.says}; {one.advice}") for one in checkup.findings if one.subject == subject]


def test_a_sound_pipeline_has_a_line_for_everything(look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each root is raced on, ten times, and holds nothing but the mark afterwards."""
    monkeypatch.undo()
    checkup = look()

    assert checkup.exit_status == 0
    assert said(checkup, "secret") == [("ok", "secret:env:TOKEN is there; None")]
    for root in ("bronze", "silver", "state"):
        ((verdict, words),) = said(checkup, root)
        assert (verdict, "of 8 writers one won, 10 times" in words) == ("ok", True)
        assert [path.relative_to(tmp_path / "lake" / root).as_posix() for path in (tmp_path / "lake" / root).rglob("*.*")] == [MARK]


def test_roots_that_are_one_are_looked_at_once(look: Look, tmp_path: Path) -> None:
    """Under all their names."""
    checkup = look(*(f"platform.{name}.root={tmp_path}/one" for name in ("bronze", "silver", "state")))

    assert [one.subject for one in checkup.findings][-1] == "bronze and silver and state"


def test_a_secret_that_is_missing_is_named_and_no_value_shown(look: Look) -> None:
    """Status 2."""
    checkup = look(environ={})

    assert checkup.exit_status == 2
    ((verdict, words),) = said(checkup, "secret")
    assert (verdict, "secret:env:TOKEN" in words) == ("fail", True)
    assert "s3cret" not in str(look().findings)


def test_a_root_that_cannot_be_written_is_status_5(look: Look, tmp_path: Path) -> None:
    """A file where the folder should be; the other roots are looked at all the same."""
    (tmp_path / "taken").write_text("")
    checkup = look(f"platform.bronze.root={tmp_path}/taken/bronze")

    assert checkup.exit_status == 5
    assert said(checkup, "bronze")[0][0] == "fail"
    assert said(checkup, "state")[0][0] == "ok"


def test_a_store_that_lets_two_writers_win_is_status_5(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the race says it."""

    def lost(fs: ProvenFileSystem, **_: int) -> None:
        raise UnsafeStoreError(f"{fs.root}: 2 of 8 writers believe to have created the same file")

    monkeypatch.setattr(ProvenFileSystem, "prove", lost)
    checkup = look()

    assert checkup.exit_status == 5
    assert "2 of 8 writers" in said(checkup, "bronze")[0][1]


@pytest.mark.parametrize("root", ["nfs://host/lake", "s3a:///lake"])
def test_a_root_that_nobody_serves_is_a_line_and_no_exception(look: Look, root: str) -> None:
    """Status 5, with the provider's words."""
    checkup = look(f"platform.bronze.root={root}")

    assert checkup.exit_status == 5
    assert said(checkup, "bronze")[-1][0] == "fail"


def test_what_is_served_through_spark_is_left_to_spark(look: Look) -> None:
    """Without a session it is a warning, not a guess."""
    checkup = look("platform.bronze.storage_backend=hadoop", "platform.bronze.root=hdfs://name/bronze")

    assert said(checkup, "bronze")[0][0] == "warn"
    assert "--spark" in said(checkup, "bronze")[0][1]


@pytest.mark.parametrize(("hours", "verdicts"), [(0, ["ok"]), (1, ["ok", "warn"]), (-1, ["ok", "warn"])])
def test_a_clock_that_is_apart_from_the_store_is_seen(look: Look, hours: int, verdicts: list[str]) -> None:
    """An hour ahead and an hour behind."""
    clock = FakeClock()
    clock.shift(SystemClock().now() - clock.now() + timedelta(hours=hours))
    found = said(look(clock=clock), "bronze")

    assert [verdict for verdict, _ in found] == verdicts
    assert not hours or "s apart" in found[1][1]


KEYS = "access_key: 'secret:env:TOKEN', secret_key: 'secret:env:TOKEN'"


@pytest.mark.parametrize(
    ("root", "connection", "words"),
    [
        ("s3a://lake/b", "{}", "neither an endpoint nor a region"),
        ("s3a://lake/b", "{endpoint: 'http://store.lan:9'}", "not encrypted"),
        ("s3a://lake/b", "{endpoint: 'https://lake.s3.store.lan'}", "https://s3.store.lan"),
        ("s3a://lake/b", "{endpoint: 'http://127.0.0.1:9', path_style: false}", "take platform.connection.s3.path_style out"),
        ("s3a://my.lake/b", "{endpoint: 'https://store.lan', path_style: false}", "has a dot in its name"),
    ],
)
def test_addresses_of_s3_that_are_often_wrong_are_hinted_at(
    look: Look, monkeypatch: pytest.MonkeyPatch, root: str, connection: str, words: str
) -> None:
    """Before anybody is asked."""
    monkeypatch.setattr(module, "_raced", lambda *_: iter(()))
    checkup = look(f"platform.bronze.root={root}", f"platform.connection.s3={connection}", environ={"TOKEN": "x"})

    (warning,) = said(checkup, "bronze")
    assert (warning[0], words in warning[1]) == ("warn", True), warning


def test_the_session_is_to_be_in_utc(look: Look) -> None:
    """Another zone is a warning: whoever reads with it sees other days."""
    zones = {"UTC": "ok", "Europe/Berlin": "warn"}
    for zone, verdict in zones.items():
        session = SimpleNamespace(version="4.2.0", conf=SimpleNamespace(get={"spark.sql.session.timeZone": zone}.get))
        assert said(look(session=cast(Any, session)), "session")[0][0] == verdict


def test_sources_are_asked_only_live(look: Look) -> None:
    """One page, and what came."""
    with serve(pages([{"id": number} for number in range(5)], size=2)) as server:
        quiet = look(url=server.url)
        assert server.seen == []
        checkup = look(url=server.url, live=True)
        assert len(server.seen) == 1

    assert said(quiet, "source orders") == []
    assert "gave 2 records" in said(checkup, "source orders")[0][1]


def test_a_source_that_refuses_is_status_4(look: Look) -> None:
    """With the words and the status of a run."""
    with serve(lambda _: Reply(status=401)) as server:
        checkup = look(url=server.url, live=True)

    assert checkup.exit_status == 4
    assert said(checkup, "source orders")[0][0] == "fail"


def test_a_database_is_only_knocked_at(look: Look) -> None:
    """A port that takes connections, and one that does not."""
    with serve(lambda _: Reply()) as server:
        url = server.url.replace("http", "jdbc:postgresql")
        orders = f"{{name: orders, system: shop, table: orders, load_pattern: full, type: db, db: {{url: '{url}/shop', table: orders}}}}"
        there = look(f"sources.orders={orders}", live=True)
    gone = look(f"sources.orders={orders.replace(url, f'jdbc:postgresql://127.0.0.1:{free_port()}')}", live=True)

    assert said(there, "source orders")[0][0] == "ok"
    assert said(gone, "source orders")[0][0] == "fail"


@pytest.mark.store
@pytest.mark.parametrize("store", ["s3_service", "azure_service"])
def test_real_stores_are_raced_on_and_their_clocks_read(look: Look, request: pytest.FixtureRequest, store: str) -> None:
    """By the connection of the configuration."""
    service: Service = request.getfixturevalue(store)
    root = f"{service.root}/doctor-{store}"
    sets = [
        f"platform.connection={json.dumps(service.connection)}",
        *(f"platform.{one}.root={root}" for one in ("bronze", "silver", "state")),
    ]
    checkup = look(*sets, environ={**service.environ, "TOKEN": "x"})

    assert checkup.exit_status == 0
    assert [verdict for verdict, _ in said(checkup, "bronze and silver and state")] == ["ok"]


@pytest.mark.spark
@pytest.mark.jvm
def test_with_a_session_roots_that_need_it_are_raced_on_too(look: Look, spark: SparkSession) -> None:
    """As ``--spark`` does."""
    checkup = look("platform.bronze.storage_backend=hadoop", session=spark)

    assert said(checkup, "bronze")[0][0] == "ok"
    assert said(checkup, "session")[0][0] == "ok"


def test_no_pyspark_is_imported() -> None:
    """So that it can say that there is none."""
    program = "import sys, medallion.doctor; sys.exit('pyspark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
