"""Java programs for tests, brought from Maven by the Ivy that pyspark carries, once, into a cache folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from xml.sax.saxutils import quoteattr

from medallion.testing.process import ServiceMissing


@dataclass(frozen=True, kw_only=True)
class Jar:
    """A jar by its Maven coordinate, without what it depends on."""

    group: str
    name: str
    version: str
    classifier: str | None = None


def cache() -> Path:
    """Where what was fetched is kept: below XDG_CACHE_HOME, by default ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "medallion"


def java() -> Path:
    """The program java, of JAVA_HOME or the path. Raises ServiceMissing."""
    home = os.environ.get("JAVA_HOME")
    found = Path(home) / "bin" / "java" if home else Path(shutil.which("java") or "")
    if not found.is_file():
        raise ServiceMissing("this server needs Java: `make java` says how to get it")
    return found


def fetched(folder: str, jars: Sequence[Jar]) -> list[Path]:
    """The files of *jars*, in a folder of that name in the cache; Maven is asked only for what is not there.

    Raises ServiceMissing where there is no Java or no pyspark, RuntimeError where Maven does not give them.
    """
    target = cache() / folder
    paths = [target / f"{jar.name}-{jar.version}{f'-{jar.classifier}' if jar.classifier else ''}.jar" for jar in jars]
    if all(path.is_file() for path in paths):
        return paths
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target) as fresh:
        module = Path(fresh) / "ivy.xml"
        module.write_text(_module(jars))
        pattern = f"{fresh}/[artifact]-[revision](-[classifier]).[ext]"
        command: list[str | Path] = [java(), "-jar", *of_spark("ivy"), "-ivy", module, "-cache", f"{fresh}/cache", "-retrieve", pattern]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        missing = [path.name for path in paths if not (Path(fresh) / path.name).is_file()]
        if done.returncode or missing:
            raise RuntimeError(f"Maven does not give {', '.join(missing) or folder}: {(done.stderr or done.stdout)[-1000:]}")
        for path in paths:  # in one step each: another run of the tests may fetch the same
            (Path(fresh) / path.name).replace(path)
    return paths


def of_spark(*names: str) -> list[Path]:
    """The jars that pyspark brings, by their names without a version. Raises ServiceMissing where there is no pyspark."""
    found = find_spec("pyspark")
    if found is None or found.origin is None:
        raise ServiceMissing("this server comes with jars of pyspark: pip install 'medallion-foundry[spark]'")
    folder = Path(found.origin).parent / "jars"
    return [next(folder.glob(f"{name}-[0-9]*.jar")) for name in names]


def _module(jars: Sequence[Jar]) -> str:
    """What Ivy shall bring, in its own words."""
    asked = "".join(
        f"<dependency org={quoteattr(jar.group)} name={quoteattr(jar.name)} rev={quoteattr(jar.version)} transitive='false'"
        f" conf='default->master'><artifact name={quoteattr(jar.name)} type='jar' ext='jar'"
        f"{f' m:classifier={quoteattr(jar.classifier)}' if jar.classifier else ''}/></dependency>"
        for jar in jars
    )
    return (
        "<ivy-module version='2.0' xmlns:m='http://ant.apache.org/ivy/maven'><info organisation='medallion' module='services'/>"
        f"<configurations><conf name='default'/></configurations><dependencies>{asked}</dependencies></ivy-module>"
    )
