"""Volumes by the Files API: against a fake of it. What it refuses arrives as our errors, and every way to sign in is tried."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from medallion import errors
from medallion.config.connection import Connection
from medallion.config.secret import Secrets
from medallion.policy.retry import RetryPolicy
from medallion.storage import volumes
from medallion.storage.location import Location
from medallion.storage.provider import Access
from medallion.storage.registry import provider_for
from medallion.storage.resilient import ResilientFileSystem
from medallion.storage.volumes import VolumesFileSystem
from medallion.testing.clock import FakeClock
from medallion.testing.commandline import CommandLine
from medallion.testing.process import free_port
from medallion.testing.proxy import Fault, behind, first
from medallion.testing.server import pages, serve
from medallion.testing.volumes import CLIENT_ID, CLIENT_SECRET, TOKEN, VOLUME, FakeWorkspace, Stored, workspace

ROOT = Location.parse(f"{VOLUME}/bronze")


@pytest.fixture
def fake() -> Iterator[FakeWorkspace]:
    """A workspace with one volume, whose listings come in twos."""
    with workspace(page_size=2) as running:
        yield running


def opened(fake: FakeWorkspace, root: Location = ROOT, **settings: str) -> VolumesFileSystem:
    """The volume, by its token or as *settings* say."""
    connection = {"databricks": {"host": fake.url, **settings}} if settings else fake.connection
    access = Access(connection=Connection.model_validate(connection), resolver=Secrets(environ={**fake.environ, "SECRET": CLIENT_SECRET}))
    return VolumesFileSystem.opened(root, access)


def refuse(status: int, code: str) -> Any:
    """Trouble that is the answer to everything."""
    return lambda _method, _path: web.json_response({"error_code": code, "message": "why"}, status=status)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "INVALID_PARAMETER_VALUE", errors.StorageError),
        (401, "UNAUTHENTICATED", errors.StorageError),
        (403, "PERMISSION_DENIED", errors.StorageError),
        (404, "NOT_FOUND", errors.NotFoundError),
        (409, "ALREADY_EXISTS", errors.AlreadyExistsError),
        (409, "ABORTED", errors.StorageUnavailable),
        (429, "REQUEST_LIMIT_EXCEEDED", errors.StorageUnavailable),
        (500, "INTERNAL_ERROR", errors.StorageUnavailable),
        (503, "TEMPORARILY_UNAVAILABLE", errors.StorageUnavailable),
    ],
)
def test_answers_become_our_errors(fake: FakeWorkspace, status: int, code: str, kind: type[errors.StorageError]) -> None:
    """The status decides, the code where it says more; the place is named."""
    fake.trouble = refuse(status, code)
    with pytest.raises(errors.StorageError) as raised:
        opened(fake).read("a")
    assert type(raised.value) is kind
    assert f"{VOLUME}/bronze/a" in raised.value.sentence


@pytest.mark.parametrize("body", [b"", b"<html>gateway</html>", b"[1]"], ids=["nothing", "html", "a list"])
def test_an_answer_that_is_no_json_is_still_an_error_of_its_status(fake: FakeWorkspace, body: bytes) -> None:
    """A gateway in between speaks for itself."""
    fake.trouble = lambda _method, _path: web.Response(status=502, body=body)
    with pytest.raises(errors.StorageUnavailable, match="502"):
        opened(fake).read("a")


def test_a_redirect_is_not_followed(fake: FakeWorkspace) -> None:
    """A sign-in page is no file, and our token goes nowhere else."""
    fake.trouble = lambda _method, _path: web.Response(status=302, headers={"Location": "http://127.0.0.1:9/login"})
    with pytest.raises(errors.StorageError, match="sends us elsewhere"):
        opened(fake).read("a")


def test_a_workspace_that_is_not_there_is_unavailable(fake: FakeWorkspace) -> None:
    """A closed port is a passing trouble."""
    fs = opened(fake, host=f"http://127.0.0.1:{free_port()}", token="secret:env:DATABRICKS_LAKE_TOKEN")
    with pytest.raises(errors.StorageUnavailable, match="does not answer"):
        fs.exists("a")


def test_a_volume_that_is_not_there_is_named(fake: FakeWorkspace) -> None:
    """Writing names the volume; reading finds nothing."""
    fs = opened(fake, Location.parse("/Volumes/main/raw/lakes/bronze"))
    with pytest.raises(errors.StorageError, match="there is no volume /Volumes/main/raw/lakes"):
        fs.put("a", b"x")
    assert list(fs.files()) == []


@pytest.mark.parametrize("text", ["/Volumes/main", "/Volumes/main/raw", "dbfs:/tmp/lake", "dbfs:/Volumes/main/raw"])
def test_a_root_needs_a_volume(text: str) -> None:
    """What is missing is shown by an example; the old root of DBFS is none."""
    with pytest.raises(errors.StorageError, match="write /Volumes/catalog/schema/volume/folder"):
        provider_for(Location.parse(text)).open(Location.parse(text), Access())


def test_a_lost_answer_of_a_creation_is_recognised(fake: FakeWorkspace) -> None:
    """The workspace has created the file and then answers 503: the file is ours, once, and another's is not."""
    lost = iter([True])

    def trouble(method: str, path: str) -> web.Response | None:
        if method == "PUT" and next(lost, False):
            fake.make(f"{VOLUME}/bronze")
            fake.files[path] = kept
            return web.Response(status=503)
        return None

    kept = Stored(data=b"ours", at=datetime(2026, 11, 23, tzinfo=timezone.utc))
    fake.trouble = trouble
    fs = ResilientFileSystem(opened(fake), name="volumes", retry=RetryPolicy(), clock=FakeClock())
    fs.put_if_absent("0.json", b"ours")
    with pytest.raises(errors.AlreadyExistsError):
        fs.put_if_absent("0.json", b"ours")


@pytest.mark.parametrize("fault", ["reset", "lost", "busy", "stall"])
def test_a_creation_that_went_wrong_on_the_way_is_ours_exactly_once(
    fake: FakeWorkspace, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    """Whatever became of the first request; a second creation is refused."""
    monkeypatch.setattr(volumes, "TIMEOUT", (10.0, 0.3))
    with behind(fake.url, first({"PUT": [fault]})) as proxy:
        inner = opened(fake, host=proxy.url, token="secret:env:DATABRICKS_LAKE_TOKEN")
        fs = ResilientFileSystem(inner, name="volumes", retry=RetryPolicy(), clock=FakeClock())
        fs.put_if_absent("0.json", b"ours")
        assert fs.read("0.json") == b"ours"
        with pytest.raises(errors.AlreadyExistsError):
            fs.put_if_absent("0.json", b"ours")
        assert [one.fault for one in proxy.passed if one.method == "PUT"] == [fault, "ok", "ok"]


def test_a_listing_comes_page_by_page(fake: FakeWorkspace) -> None:
    """Seven files in two folders, two entries at a time: each once, and every page was asked for."""
    fs = opened(fake)
    names = [f"a/{number}" for number in range(5)] + ["b/c/0", "b/c/1"]
    for name in names:
        fs.put(name, b"x")
    fake.asked.clear()
    assert sorted(file.path for file in fs.files()) == names
    assert [path.removeprefix(VOLUME) for _, path in fake.asked] == ["/bronze", "/bronze/b", "/bronze/b/c", *["/bronze/a"] * 3]


def test_a_service_principal_signs_in_by_the_sdk(fake: FakeWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Client id and secret become a token; nobody is asked before the first request."""
    fs = opened(fake, client_id=CLIENT_ID, client_secret="secret:env:SECRET")
    assert fake.asked == []
    fs.put_if_absent("a", b"x")
    assert fs.read("a") == b"x"


def test_without_credentials_the_environment_counts(fake: FakeWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Databricks, where it has them."""
    monkeypatch.setenv("DATABRICKS_HOST", fake.url)
    monkeypatch.setenv("DATABRICKS_TOKEN", TOKEN)
    fs = VolumesFileSystem.opened(ROOT, Access())
    fs.put("a", b"x")
    assert fake.files[f"{VOLUME}/bronze/a"].data == b"x"


def test_nobody_to_sign_in_as_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the key of the configuration."""
    for name in ("DATABRICKS_HOST", "DATABRICKS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(errors.StorageError, match=r"platform\.connection\.databricks"):
        VolumesFileSystem.opened(ROOT, Access()).exists("a")


def test_without_the_sdk_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token needs none of it."""
    imported = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("databricks"):
            raise ImportError(name)
        return imported(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(errors.StorageError, match=r"medallion-foundry\[databricks\]"):
        VolumesFileSystem.opened(ROOT, Access()).exists("a")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"token": "secret:env:T"}, "token needs the host"),
        ({"host": "https://h", "token": "secret:env:T", "client_id": "c", "client_secret": "secret:env:S"}, "not both"),
        ({"client_id": "c"}, "go together"),
        ({"host": "https://h/path"}, "without a path"),
        ({"host": "https://h", "token": "dapi-plain"}, "secret:env:NAME"),
    ],
)
def test_a_connection_that_says_two_things_or_half_of_one_is_refused(settings: dict[str, str], words: str) -> None:
    """Before anything is opened."""
    with pytest.raises(ValueError, match=words):
        Connection.model_validate({"databricks": settings})


PIPELINE = """
config_version: 1
pipeline: shop
platform:
  bronze: {root: "/Volumes/main/raw/lake/bronze"}
  silver: {root: FOLDER/silver}
  state: {root: "dbfs:/Volumes/main/raw/lake/state"}
  connection: {databricks: {host: HOST, token: "secret:env:DATABRICKS_LAKE_TOKEN"}}
sources:
  - name: orders
    system: shop
    table: orders
    load_pattern: full
    api: {base_url: URL, endpoint: /orders, records_path: data, pagination: {type: page, size: 2}}
"""


def test_extraction_and_status_on_a_volume(fake: FakeWorkspace, tmp_path: Path) -> None:
    """Rows land in the volume by the scheme of the root alone, the log is read back, and the token is in no output."""
    config = tmp_path / "shop.yaml"
    medallion = CommandLine(environ=fake.environ)
    with serve(pages([{"id": number} for number in range(5)], size=2)) as server:
        config.write_text(PIPELINE.replace("FOLDER", str(tmp_path)).replace("HOST", fake.url).replace("URL", server.url))
        extracted = medallion("extract", str(config))
    seen = medallion("status", str(config))
    assert (extracted.status, seen.status) == (0, 0), extracted.err
    assert "completed" in seen.out
    assert f"{VOLUME}/bronze/system=shop/table=orders/_log/00000000000000000000.json" in fake.files
    assert TOKEN not in extracted.out + extracted.err + seen.out + seen.err
