"""A package of somebody else's, installed as a wheel, adds a store: extraction and status use it, and no file of ours knows of it."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from medallion.storage.filesystem import FileSystem
from medallion.storage.location import Location
from medallion.storage.registry import BUILT_IN, provider_for
from medallion.testing.contracts import FileSystemContract
from medallion.testing.server import pages, serve

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "tests/plugins/sqlite_lake"
PIPELINE = """
config_version: 1
pipeline: shop
platform:
  bronze: {root: "sqlite://lake/bronze"}
  silver: {root: FOLDER/silver}
  state: {root: FOLDER/state}
  connection: {plugin: {databases: {lake: "secret:env:DATABASE"}}}
sources:
  - name: orders
    system: shop
    table: orders
    load_pattern: full
    api: {base_url: URL, endpoint: /orders, records_path: data, pagination: {type: page, size: 2}}
"""


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the package's wheel was unpacked, as an installer does; the wheel is built from its own pyproject."""
    wheels, site = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(wheels)]
    subprocess.run(command, cwd=PACKAGE, check=True, capture_output=True)
    with zipfile.ZipFile(next(wheels.glob("sqlite_lake-*.whl"))) as wheel:
        wheel.extractall(site)
    return site


class TestSqliteLake(FileSystemContract):
    """The provider of the package, found by its entry point."""

    @pytest.fixture
    def fs(self, installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileSystem:
        """A database that does not exist yet."""
        from medallion.config.connection import Connection
        from medallion.storage.provider import Access

        monkeypatch.syspath_prepend(str(installed))
        root = Location.parse("sqlite://lake/a folder")
        connection = Connection(plugin={"databases": {"lake": str(tmp_path / "lake.db")}})
        return provider_for(root).open(root, Access(connection=connection))


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["auto", "sqlite"])
def test_extraction_and_status_by_a_provider_of_another_package(installed: Path, tmp_path: Path, backend: str) -> None:
    """The real command in a process of its own lands rows in the database, and reads its log there again."""
    config, database = tmp_path / "shop.yaml", tmp_path / "lake.db"
    environ = {**os.environ, "PYTHONPATH": str(installed), "DATABASE": str(database)}

    def medallion(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "medallion", *words]
        return subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=False)

    with serve(pages([{"id": number} for number in range(5)], size=2)) as server:
        config.write_text(PIPELINE.replace("FOLDER", str(tmp_path)).replace("URL", server.url))
        done = medallion("extract", str(config), "--quiet", "--set", f"platform.bronze.storage_backend={backend}")
    assert (done.returncode, done.stderr) == (0, "")
    said = medallion("status", str(config), "--json")
    assert said.returncode == 0, said.stderr
    (table,) = json.loads(said.stdout)["bronze"]
    assert (table["last"]["state"], table["last"]["rows"]) == ("completed", 5)
    with sqlite3.connect(database) as db:
        names = [name for (name,) in db.execute("SELECT path FROM file")]
    assert "bronze/system=shop/table=orders/_log/00000000000000000000.json" in names
    assert not (tmp_path / "lake").exists()


def test_nothing_of_ours_knows_of_it() -> None:
    """Neither a built-in provider nor a line of the package names the scheme."""
    assert "sqlite" not in BUILT_IN
    assert all("sqlite" not in provider.schemes for provider in BUILT_IN.values())
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "medallion").rglob("*.py")]
    assert not [text for text in sources if "sqlite://" in text or "sqlite_lake" in text]
