"""Jars for a cluster that reaches no Maven: fetched once into a folder, listed with their SHA-256 in ``jars.lock``, checked at each use.

``spark-submit.sh --bake DIR`` and ``--baked DIR`` call this; what it prints for the latter is the value of ``--jars``.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

from medallion.errors import ChecksumError, MedallionError, NotFoundError
from medallion.testing.jars import java, of_spark

LOCK = "jars.lock"
_COORDINATE = re.compile(r"[\w.-]+:[\w.*-]+:[\w.-]+")
_SUM = re.compile(r"([0-9a-f]{64})  ([\w.+-]+\.jar)")


def bake(folder: Path, packages: Sequence[str], excluded: Sequence[str] = ()) -> list[Path]:
    """The jars of *packages* and of all that they depend on are in *folder*, which had none, and in its lock.

    *packages* are Maven coordinates, *excluded* ``group:name`` of what is left out. Raises MedallionError where Maven does not give them.
    """
    if any(folder.glob("*.jar")) or (folder / LOCK).exists():
        raise MedallionError(f"{folder} holds jars already; give an empty folder, or remove it first")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="medallion-bake-") as work:
        module, fresh = Path(work) / "ivy.xml", Path(work) / "jars"
        module.write_text(_module(packages, excluded), encoding="utf-8")
        pattern = (
            f"{fresh}/[organisation]_[artifact]-[revision](-[classifier]).[ext]"  # as Spark names them: artifacts of two groups differ
        )
        command = [java(), "-jar", *of_spark("ivy"), "-ivy", module, "-confs", "default", "-types", "jar", "bundle", "-retrieve", pattern]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
        jars = sorted(fresh.glob("*.jar"))
        if done.returncode or not jars:
            said = (done.stderr or done.stdout).strip().splitlines()[-12:]
            raise MedallionError(f"Maven does not give {', '.join(packages)}: {' '.join(said)}")
        lines = [f"# {package}\n" for package in packages] + [f"{_sha256(jar)}  {jar.name}\n" for jar in jars]
        for jar in jars:
            (folder / jar.name).write_bytes(jar.read_bytes())
    (folder / LOCK).write_text("".join(lines), encoding="utf-8")  # last: a folder without it is not used
    return [folder / jar.name for jar in jars]


def check(folder: Path, packages: Sequence[str] = ()) -> list[Path]:
    """The jars of a folder that :func:`bake` filled, each as its lock says.

    Raises NotFoundError where the lock, or one of *packages*, is missing; ChecksumError where a jar is missing, another, or not listed.
    """
    lock = folder / LOCK
    if not lock.is_file():
        raise NotFoundError(f"{lock} is missing: fill the folder with ./spark-submit.sh --bake {folder} on a machine that reaches Maven")
    lines = lock.read_text(encoding="utf-8").splitlines()
    baked = {line[2:] for line in lines if line.startswith("# ")}
    if missing := sorted(set(packages) - baked):
        raise NotFoundError(f"{folder} was baked without {', '.join(missing)}, which this pipeline needs; bake it again")
    sums: dict[str, str] = {}
    for line in lines:
        found = _SUM.fullmatch(line)
        if found is not None:
            sums[found[2]] = found[1]
        elif not line.startswith("# "):
            raise ChecksumError(f"{lock} holds a line that is no sum of a jar: {line[:80]!r}; bake the folder again")
    for name, expected in sums.items():
        jar = folder / name
        if not jar.is_file() or _sha256(jar) != expected:
            raise ChecksumError(f"{jar} {'is not the one that was baked' if jar.is_file() else 'is missing'}; bake the folder again")
    if strange := sorted(jar.name for jar in folder.glob("*.jar") if jar.name not in sums):
        raise ChecksumError(f"{folder} holds {', '.join(strange)}, which {LOCK} does not list; remove it, or bake the folder again")
    return [folder / name for name in sums]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _module(packages: Sequence[str], excluded: Sequence[str]) -> str:
    """A module of Ivy that asks for *packages* as Spark does: what is needed at run time, and what that needs."""
    wanted = []
    for package in packages:
        if not _COORDINATE.fullmatch(package):
            raise MedallionError(f"{package!r} is no Maven coordinate: group:name:version")
        group, name, version = (quoteattr(part) for part in package.split(":"))
        wanted.append(f'<dependency org={group} name={name} rev={version} conf="default->default(runtime)"/>')
    for left_out in excluded:
        group, _, name = left_out.partition(":")
        wanted.append(f"<exclude org={quoteattr(group)} module={quoteattr(name or '*')}/>")
    return (
        '<ivy-module version="2.0"><info organisation="medallion" module="bake"/>'
        f'<configurations><conf name="default"/></configurations><dependencies>{"".join(wanted)}</dependencies></ivy-module>'
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """``bake DIR PACKAGES [EXCLUDED]`` or ``check DIR PACKAGES``, lists by commas; prints the jars, by commas too."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=("bake", "check"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("packages")
    parser.add_argument("excluded", nargs="?", default="")
    asked = parser.parse_args(arguments)
    packages, excluded = ([name for name in text.split(",") if name] for text in (asked.packages, asked.excluded))
    folder = asked.folder.absolute()
    try:
        jars = bake(folder, packages, excluded) if asked.verb == "bake" else check(folder, packages)
    except MedallionError as error:
        print(f"spark-submit.sh: {error}", file=sys.stderr)
        return error.exit_status
    print(",".join(str(jar) for jar in jars))
    return 0


if __name__ == "__main__":
    sys.exit(main())
