"""A real Spark cluster for tests: a standalone master and its workers on 127.0.0.1, processes of their own that end with it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from medallion.clock import Clock, SystemClock
from medallion.errors import MedallionError

_PATIENCE = 60.0
"""Seconds until a process that has not said what is waited for has failed."""


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A cluster that runs. *folder* holds what its processes say and, below ``work``, a folder for each executor."""

    master: str
    """For ``--master``: ``spark://127.0.0.1:PORT``."""
    folder: Path
    workers: int

    def executors(self) -> Mapping[str, str]:
        """What each executor wrote to standard error, by the worker it ran on."""
        found = {}
        for said in sorted(self.folder.glob("work/*/app-*/*/stderr")):
            found[said.parents[2].name] = said.read_text(encoding="utf-8", errors="replace")
        return found


@contextmanager
def cluster(*, workers: int = 2, cores: int = 1, memory: str = "700m", clock: Clock | None = None) -> Iterator[Cluster]:
    """A cluster of pip's Spark, there while inside; its processes know neither this one's packages nor its variables.

    Raises MedallionError, with what a process said last, where one does not start.
    """
    home = _spark_home()
    folder = Path(tempfile.mkdtemp(prefix="medallion-cluster-"))
    clock = clock or SystemClock()
    try:
        with ExitStack() as ending:
            options = ("--host", "127.0.0.1", "--port", "0", "--webui-port", "0")
            said = ending.enter_context(_process(home, folder, "master", "org.apache.spark.deploy.master.Master", *options))
            master = said.wait(r"Starting Spark master at (spark://\S+)", clock)[0]
            for number in range(workers):
                room = ("--cores", str(cores), "--memory", memory, "--work-dir", str(folder / "work" / f"worker-{number}"))
                kind = "org.apache.spark.deploy.worker.Worker"
                ending.enter_context(_process(home, folder, f"worker-{number}", kind, *options, *room, master))
            said.wait(r"Registering worker \S+", clock, times=workers)
            yield Cluster(master=master, folder=folder, workers=workers)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, kw_only=True)
class _Process:
    """A process that writes to *log*."""

    name: str
    log: Path
    process: subprocess.Popen[bytes]

    def wait(self, pattern: str, clock: Clock, *, times: int = 1) -> list[str]:
        """What the pattern found, as soon as the process has said it so often."""
        until = clock.monotonic() + _PATIENCE
        while True:
            text = self.log.read_text(encoding="utf-8", errors="replace")
            found = re.findall(pattern, text)
            if len(found) >= times:
                return found
            if self.process.poll() is not None or clock.monotonic() > until:
                last = (text.strip().splitlines() or ["nothing"])[-1]
                raise MedallionError(f"the {self.name} of the Spark cluster did not start; it said last: {last}")
            clock.sleep(0.05)


@contextmanager
def _process(home: Path, folder: Path, name: str, kind: str, *options: str) -> Iterator[_Process]:
    """A daemon of Spark in a folder of its own; exactly this process is ended."""
    log, room = folder / f"{name}.log", folder / name
    room.mkdir()
    environment = {key: os.environ[key] for key in ("PATH", "JAVA_HOME") if key in os.environ}
    environment |= {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_DAEMON_MEMORY": "256m", "HOME": str(room)}
    with (
        log.open("wb") as sink,
        subprocess.Popen(
            [home / "bin" / "spark-class", kind, *options], cwd=room, env=environment, stdout=sink, stderr=sink, start_new_session=True
        ) as process,
    ):
        try:
            yield _Process(name=name, log=log, process=process)
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


def _spark_home() -> Path:
    found = find_spec("pyspark")
    if found is None or found.origin is None:
        raise MedallionError("pip install 'medallion-foundry[spark]': it brings the programs of a Spark cluster")
    return Path(found.origin).parent
