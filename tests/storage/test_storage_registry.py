"""Which provider serves which place, plugins included."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from medallion.errors import StorageError, UnknownSchemeError
from medallion.storage.location import Location
from medallion.storage.registry import BUILT_IN, open_filesystem, provider_for, providers
from medallion.testing.clock import FakeClock

PLUGIN = """
from medallion.storage.provider import Provider
from medallion.testing.stores import MemoryFileSystem
STORE = MemoryFileSystem()
PROVIDER = Provider(name="memory", schemes=("memory",), open=lambda location, access: STORE, put_if_absent="a lock")
"""


def install(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, source: str, target: str = "PROVIDER", package: str = "lakeplug"
) -> None:
    """Puts a package with an entry point on the path, as an installer would."""
    (folder / f"{package}.py").write_text(source)
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[medallion.storage]\n{name} = {package}:{target}\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, package, raising=False)


def test_paths_are_local() -> None:
    """A path, or a file: URI, is served by the built-in local provider."""
    assert provider_for(Location.parse("/lake")).name == "local"
    assert provider_for(Location.parse("file:///lake")).name == "local"


def test_hadoop_serves_everything_when_asked_for() -> None:
    """By name it takes any scheme; by itself that of HDFS."""
    for root in ("/lake", "s3a://lake", "hdfs://name/lake", "viewfs://table/lake"):
        assert provider_for(Location.parse(root), "hadoop").needs_jvm
    assert provider_for(Location.parse("hdfs://name/lake")).name == "hadoop"
    with pytest.raises(UnknownSchemeError):
        provider_for(Location.parse("viewfs://table/lake"))


def test_unknown_schemes_name_the_known_ones() -> None:
    """A typo shows what there is, and how to add to it."""
    with pytest.raises(UnknownSchemeError, match=r"'flie'.*known schemes: abfs, .*; .*entry point"):
        provider_for(Location.parse("flie:///lake"))


def test_unknown_backends_name_the_known_ones() -> None:
    """None at all is said to be so."""
    with pytest.raises(UnknownSchemeError, match="there are: azure, hadoop, local, s3, volumes"):
        provider_for(Location.parse("/lake"), "nfs")


def test_a_backend_serves_its_own_schemes_only() -> None:
    """A bucket cannot be opened as a folder by insisting."""
    with pytest.raises(UnknownSchemeError, match="does not serve s3a://bucket/lake"):
        provider_for(Location.parse("s3a://bucket/lake"), "local")


def test_a_plugin_serves_its_scheme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that is only installed opens its roots through the same function, by scheme and by name."""
    install(tmp_path, monkeypatch, "memory", PLUGIN)
    assert sorted(providers()) == ["azure", "hadoop", "local", "memory", "s3", "volumes"]
    for backend in ("auto", "memory"):
        fs = open_filesystem("memory://any/lake", backend=backend, clock=FakeClock())
        fs.put_if_absent(f"a/{backend}", b"x")
        assert fs.read(f"a/{backend}") == b"x"
    with pytest.raises(UnknownSchemeError, match="known schemes: abfs, abfss, dbfs, file, hdfs, memory, s3, s3a"):
        provider_for(Location.parse("nfs://host/lake"))


def test_plugins_are_not_loaded_for_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken plugin does not stand in the way of a local lake, and is named where it is needed."""
    install(tmp_path, monkeypatch, "broken", "import a_module_that_is_not_there")
    assert provider_for(Location.parse("/lake")).name == "local"
    with pytest.raises(StorageError, match=r"'broken' \(lakeplug:PROVIDER\) cannot be loaded.*a_module_that_is_not_there"):
        providers()


def test_a_plugin_must_be_a_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point that leads to something else is named."""
    install(tmp_path, monkeypatch, "odd", "PROVIDER = 1")
    with pytest.raises(StorageError, match=r"is no medallion\.storage\.provider\.Provider"):
        providers()


def test_a_plugin_cannot_take_a_built_in_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else can become "local" in silence."""
    install(tmp_path, monkeypatch, "local", PLUGIN)
    with pytest.raises(StorageError, match="two storage providers are called 'local'"):
        providers()
    assert provider_for(Location.parse("/lake"), "local") is BUILT_IN["local"]


def test_two_plugins_for_one_scheme_have_to_be_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chance does not decide where data goes."""
    for package, name in (("lakeplug", "memory"), ("otherplug", "other")):
        (tmp_path / package).mkdir()
        install(tmp_path / package, monkeypatch, name, PLUGIN.replace('name="memory"', f'name="{name}"'), package=package)
    with pytest.raises(UnknownSchemeError, match="several storage providers"):
        provider_for(Location.parse("memory://any/lake"))


def test_the_view_cannot_be_changed() -> None:
    """The table of providers is read-only."""
    with pytest.raises(TypeError):
        providers()["mine"] = BUILT_IN["local"]


def test_opening_touches_nothing(tmp_path: Path) -> None:
    """A root that does not exist is opened, relative to the folder that is given, and not created."""
    fs = open_filesystem("lake", clock=FakeClock(), relative_to=tmp_path)
    assert fs.root.path == f"{tmp_path}/lake"
    assert list(tmp_path.iterdir()) == []
