"""What only some runtimes of Spark have is used in two modules; everything else runs on Connect and serverless as well."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "medallion"
ALLOWED = {"spark.py", "storage/hadoop.py"}
REFUSED = {"_jvm", "_jsc", "_jdf", "_jsparkSession", "sparkContext", "SparkContext", "rdd", "persist", "cache", "localCheckpoint"}
"""Attributes and names that need a JVM in this process, or that serverless compute refuses."""
_SPOKEN_OF = re.compile(rf"\b(?:conf|{'|'.join(REFUSED)})\b")


def uses(source: str) -> Iterator[str]:
    """What of :data:`REFUSED` a module's code speaks of, and whether it sets the session's configuration."""
    if not _SPOKEN_OF.search(source):  # most modules need not be taken apart
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            if node.attr in REFUSED:
                yield node.attr
            if node.attr in ("set", "unset") and isinstance(node.value, ast.Attribute) and node.value.attr == "conf":
                yield f"conf.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("pyspark"):
            yield from (name.name for name in node.names if name.name in REFUSED)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_only_two_modules_use_what_connect_and_serverless_lack(path: Path) -> None:
    """The JVM, RDDs, frames that are kept, and settings of the session."""
    found = set(uses(path.read_text(encoding="utf-8")))
    assert not found or path.relative_to(PACKAGE).as_posix() in ALLOWED, f"{path}: {sorted(found)}"


def test_the_scan_finds_what_it_looks_for() -> None:
    """Each spelling, so that a module cannot pass because the scan is blind."""
    said = "from pyspark import SparkContext\nspark._jvm.x\nframe.rdd\nframe.cache()\nspark.conf.set('a', 'b')\nspark.conf.get('a')"
    assert set(uses(said)) == {"SparkContext", "_jvm", "rdd", "cache", "conf.set"}
    assert {"_jvm", "SparkContext"} <= set(uses((PACKAGE / "storage/hadoop.py").read_text(encoding="utf-8")))


def test_instants_are_read_by_one_function_that_every_python_has() -> None:
    """Python 3.10 reads no ``Z``, as which the log ends every instant: only ``parse_instant`` knows that."""
    readers = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if "datetime.fromisoformat" in path.read_text(encoding="utf-8")
    }
    assert readers == {"config/values.py", "demo/pages.py"}
