"""The machine that a pipeline would run on: what of it is there, in which versions, and what to do where it is not; without Spark."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from medallion.config.pipeline import Pipeline
from medallion.config.secret import Unread
from medallion.errors import ConfigError, MedallionError
from medallion.jars import Needs, delta, release
from medallion.spark import LOCAL, driver_needs
from medallion.storage.roots import spark_needs

JAVAS = (17, 21)
"""Versions of Java that Spark runs on."""
OLDEST_PYTHON = (3, 10)
SETUP = ConfigError.exit_status
"""The exit status of what a person has to set up."""
HASHING = 8
"""How many times the bytes of a chunk file a task takes in memory while Spark hashes it."""
_MB = 1024**2


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at: what it is, how it is, and what to do."""

    subject: str
    verdict: Literal["ok", "warn", "fail"]
    says: str
    advice: str | None = None
    """What to do, where *says* does not say it."""
    exit_status: int = 0
    """Of a failure: what a run would end with."""


def ok(subject: str, says: str) -> Finding:
    """A finding that asks for nothing."""
    return Finding(subject=subject, verdict="ok", says=says)


def warn(subject: str, says: str, advice: str) -> Finding:
    """A finding with which a run can go well."""
    return Finding(subject=subject, verdict="warn", says=says, advice=advice)


def fail(subject: str, says: str, advice: str | None, exit_status: int) -> Finding:
    """A finding with which a run cannot go well."""
    return Finding(subject=subject, verdict="fail", says=says, advice=advice, exit_status=exit_status)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What is asked of a machine. *memory* is in bytes, None where the system does not say."""

    environ: Mapping[str, str]
    system: str
    """As :func:`platform.system` calls it: Linux, Darwin, Windows."""
    python: tuple[int, int, int]
    cores: int
    memory: int | None
    home: Path
    installed: Callable[[str], str | None] = _installed
    """The version of a distribution, None where it is not installed."""

    @classmethod
    def this(cls, environ: Mapping[str, str]) -> Machine:
        """The one that this process runs on, with the variables of *environ*."""
        names = getattr(os, "sysconf_names", {})
        known = "SC_PAGE_SIZE" in names and "SC_PHYS_PAGES" in names
        return cls(
            environ=environ,
            system=platform.system(),
            python=sys.version_info[:3],
            cores=os.cpu_count() or 1,
            memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if known else None,
            home=Path.home(),
        )

    @property
    def submitted(self) -> bool:
        """Whether Spark is brought along: by spark-submit, or by Databricks."""
        return "PYSPARK_GATEWAY_PORT" in self.environ or "DATABRICKS_RUNTIME_VERSION" in self.environ


def findings(machine: Machine, pipeline: Pipeline, *, spark_needed: bool) -> Iterator[Finding]:
    """What *pipeline* needs of *machine*; without Spark it needs little."""
    yield _python(machine)
    if machine.submitted:
        yield ok("spark", "is brought along by Databricks or spark-submit, with its Java, its jars and its memory")
        return
    yield _java(machine, needed=spark_needed)
    yield _pyspark(machine, needed=spark_needed)
    if spark_needed and machine.installed("pyspark") is not None:
        yield _jars(machine, pipeline)
        yield _memory(machine, pipeline)
    if machine.system == "Windows":
        yield _winutils(machine, needed=spark_needed)


def _python(machine: Machine) -> Finding:
    said = ".".join(map(str, machine.python))
    if machine.python < OLDEST_PYTHON:
        return fail("python", said, f"install Python {'.'.join(map(str, OLDEST_PYTHON))} or later", SETUP)
    return ok("python", said)


def _java(machine: Machine, *, needed: bool) -> Finding:
    advice = "install Java 17 or 21 and set JAVA_HOME (`make java` says how); extract, preview, plan and status work without"

    def lacking(says: str) -> Finding:
        return fail("java", says, advice, SETUP) if needed else ok("java", f"{says}; nothing here needs it")

    home = machine.environ.get("JAVA_HOME")
    program = "java.exe" if machine.system == "Windows" else "java"
    found = Path(home) / "bin" / program if home else Path(shutil.which(program, path=machine.environ.get("PATH", "")) or "")
    if not found.is_file():
        return lacking(f"JAVA_HOME is {home}, where there is no bin/java" if home else "is not on the path, and JAVA_HOME is not set")
    try:
        done = subprocess.run([str(found), "-version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return lacking(f"{found} does not run ({error})")
    said = re.search(r'version "((\d+)[^"]*)"', done.stderr + done.stdout)
    if said is None:
        return lacking(f"{found} does not say its version")
    return ok("java", f"{said[1]}, {found}") if int(said[2]) in JAVAS else lacking(f"{found} is Java {said[1]}, not 17 or 21")


def _pyspark(machine: Machine, *, needed: bool) -> Finding:
    spark = machine.installed("pyspark")
    if spark is None:
        says = "pyspark is not installed"
        return (
            fail("spark", says, "pip install 'medallion-foundry[spark]'", SETUP)
            if needed
            else ok("spark", f"{says}; nothing here needs it")
        )
    try:
        brought = release(spark).delta
    except MedallionError as error:
        return fail("spark", error.sentence, "pip install 'medallion-foundry[spark]'", SETUP)
    return ok("spark", f"pyspark {spark} with Delta {brought.rpartition(':')[2]}")


def _jars(machine: Machine, pipeline: Pipeline) -> Finding:
    """Whether the jars that Spark will ask Ivy for lie in its cache already."""
    wanted = (delta(release()) | driver_needs(pipeline) | _of_roots(pipeline)).packages
    folders = [machine.home / folder / "jars" for folder in (".ivy2.5.2", ".ivy2")]
    missing = [
        one
        for one in wanted
        if not any((folder / f"{one.rsplit(':', 1)[0].replace(':', '_')}-{one.rsplit(':', 1)[1]}.jar").is_file() for folder in folders)
    ]
    if missing:
        advice = "the first session fetches them from Maven, which this machine must reach then; or copy the cache from one that does"
        return warn("jars", f"not in Ivy's cache yet: {', '.join(missing)}", advice)
    return ok("jars", f"in Ivy's cache: {', '.join(wanted)}")


def _of_roots(pipeline: Pipeline) -> Needs:
    """Nothing of a root that no provider serves, which the look at the root says."""
    try:
        return spark_needs(pipeline.platform, Unread())
    except MedallionError:
        return Needs()


def _memory(machine: Machine, pipeline: Pipeline) -> Finding:
    driver = int(LOCAL["spark.driver.memory"].removesuffix("g")) * 1024
    hashing = machine.cores * HASHING * pipeline.platform.bronze.max_file_size_mb
    says = f"{driver:,} MB for the driver of a local session, {machine.cores} tasks at once"
    if machine.memory is not None and machine.memory // _MB < driver * 1.25:
        return warn("memory", f"{says}, on a machine with {machine.memory // _MB:,} MB", "use a machine with more, or a cluster")
    if hashing > driver:
        advice = f"set platform.bronze.max_file_size_mb to {max(driver // (machine.cores * HASHING), 1)} or less"
        return warn(
            "memory", f"{says}: hashing chunk files of {pipeline.platform.bronze.max_file_size_mb} MB may take {hashing:,} MB", advice
        )
    return ok("memory", says)


def _winutils(machine: Machine, *, needed: bool) -> Finding:
    home = machine.environ.get("HADOOP_HOME")
    if home and (Path(home) / "bin" / "winutils.exe").is_file():
        return ok("hadoop", f"HADOOP_HOME is {home}, with bin/winutils.exe")
    says = f"HADOOP_HOME is {home}, without bin/winutils.exe" if home else "HADOOP_HOME is not set"
    advice = "Spark on Windows writes files by winutils.exe: put the one of its Hadoop into HADOOP_HOME/bin, or run under WSL"
    return fail("hadoop", says, advice, SETUP) if needed else ok("hadoop", f"{says}; nothing here needs it")
