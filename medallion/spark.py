"""The Spark session: how it is started, with which settings, and what a runtime refuses. Its jars are in :mod:`medallion.jars`."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medallion.errors import DiskFullError, MedallionError, StorageUnavailable, from_text
from medallion.jars import Needs, delta, release

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from medallion.config.pipeline import Pipeline

HADOOP = "spark.hadoop."
"""What begins so is a setting of Hadoop, and may be a credential."""


@dataclass(frozen=True, kw_only=True)
class Driver:
    """A JDBC driver: its class, and the Maven coordinate that brings it."""

    name: str
    package: str


POSTGRESQL = Driver(name="org.postgresql.Driver", package="org.postgresql:postgresql:42.7.13")

REQUIRED: Mapping[str, str] = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
}
"""Without these a result would be wrong; a session that was made with others is refused."""

RUNTIME = {key: value for key, value in REQUIRED.items() if key not in ("spark.sql.extensions", "spark.sql.catalog.spark_catalog")}
"""What of it a session that is there already can still be told."""

REMOTE = "SPARK_REMOTE"
"""The variable that names a Spark Connect server: pyspark's own."""
DATABRICKS = "DATABRICKS_RUNTIME_VERSION"
"""The variable that is there on Databricks, whose compute has a session, and Delta, of its own."""

FILES: Mapping[str, str] = {"spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS"}
"""How chunk files are written: as other tools read them. Spark reads the older form as well."""

SILENT: Mapping[str, str] = {"spark.python.sql.dataFrameDebugging.enabled": "false"}
"""Else pyspark asks the JVM five times about each column that is named, so that an error of Spark's can say on which line of ours that was:
a third of a second a batch."""

BRIEF = "-XX:MaxJavaStackTraceDepth=60"
"""What Java says of an error with all its frames is more than the 8 kB that reach pyspark at once, and what is left of it comes 40 ms later
(the second part of an answer waits until the first is acknowledged): so long each look at a table took that is not there yet."""

LOCAL: Mapping[str, str] = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "4",
    "spark.databricks.delta.snapshotPartitions": "1",
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "8",  # VACUUM lists with so many tasks; 10,000 take minutes
    "spark.sql.codegen.cache.maxEntries": "1000",  # a batch compiles 20 classes: with 100 those of three tables push each other out
    "spark.driver.memory": "4g",
    "spark.driver.extraJavaOptions": BRIEF,
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
}
"""For one machine; a cluster has its own."""

CHECKPOINTS = "spark.sql.streaming.checkpointFileManagerClass"
"""How checkpoints are written, which depends on the store where they lie."""

REDACTED: Mapping[str, str] = {"spark.redaction.regex": "(?i)secret|password|token|access[.]?key|account[.]key"}
"""What Spark's own pages and event logs do not show: as by default, and the keys of Azure's accounts."""

LASTING: Mapping[str, str] = {"spark.sql.catalogImplementation": "hive"}
"""For tables in Spark's own catalog: it is kept in the working directory, where otherwise it ends with the process."""

LOG_FILE = Path(tempfile.gettempdir()) / f"medallion-spark-{os.getpid()}.log"
"""What a local Spark says: jars it resolves, warnings. A person sees ours instead."""


def driver_needs(pipeline: Pipeline) -> Needs:
    """What a session needs to read the sources of *pipeline*: fetched only where one of them asks for it."""
    return Needs(packages=(POSTGRESQL.package,) if any(source.type == "db" for source in pipeline.sources) else ())


def session(name: str, *, needs: Needs | None = None, conf: Mapping[str, str] | None = None, master: str = "local[*]") -> SparkSession:
    """The session of this process: the active one, else a new one with Delta (local unless spark-submit says where).

    A session that another thread made is this one's too. After one that was stopped the new one has a JVM of its own.

    *needs* says which jars it has beside Delta, and how it reaches stores; spark-submit brings the jars itself. An active classic
    session takes the settings too, and needs to have the jars; one of Spark Connect reaches stores by what its server knows.
    Raises MedallionError where pyspark is missing, Java is missing, or the active session has settings with which results would be
    wrong.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise MedallionError("this step needs Spark: pip install 'medallion-foundry[spark]'") from error
    needs = needs or Needs()
    active = SparkSession.getActiveSession()
    if active is not None:
        return _checked(active, needs)
    if REMOTE in os.environ or DATABRICKS in os.environ:
        return _given(name, os.environ.get(REMOTE, "Databricks"), needs)
    if _is_running():  # made in another thread: it is active in that one only
        return _checked(SparkSession.builder.getOrCreate(), needs)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    wanted = {**REQUIRED, **FILES, **SILENT, **REDACTED, **needs.conf}
    submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    if not submitted:
        jars = delta(release()) | needs
        wanted |= LOCAL
        wanted["spark.master"] = master
        wanted["spark.jars.packages"] = ",".join(jars.packages)
        wanted["spark.jars.excludes"] = ",".join(jars.excluded)
    wanted |= dict(conf or {})
    try:
        if not submitted:
            _launch(name, wanted)
        builder = SparkSession.builder.appName(name)
        if submitted:
            for key, value in wanted.items():
                builder = builder.config(key, value)
        return builder.getOrCreate()
    except Exception as error:  # py4j and pyspark raise many types; all mean that there is no session
        raise MedallionError(
            f"Spark could not be started ({_first_line(error)}; its own words are in {LOG_FILE}): medallion needs Java 17 or 21, "
            "and reaches Maven for the jars at the first start"
        ) from error


def _launch(name: str, wanted: Mapping[str, str]) -> None:
    """The JVM and its context are up, and what they say goes to :data:`LOG_FILE` instead of the terminal.

    Hadoop's settings are told to the JVM when it is up: what stands in its command line is seen by everybody on the machine.
    """
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway

    _end_jvm()
    open_to_all = {key: value for key, value in wanted.items() if not key.startswith(HADOOP)}
    with LOG_FILE.open("ab") as log:
        shown = SparkConf().setAppName(name).setAll(list(open_to_all.items()))
        gateway = launch_gateway(shown, popen_kwargs={"stdout": log, "stderr": log})  # type: ignore[no-untyped-call]
    conf = SparkConf().setAppName(name).setAll(list(wanted.items()))
    SparkContext(conf=conf, gateway=gateway).setLogLevel("ERROR")


def _is_running() -> bool:
    from pyspark import SparkContext

    return SparkContext._active_spark_context is not None


def _end_jvm() -> None:
    """No JVM is left of a session of this process that was stopped: pyspark would go on with its jars, its memory and its settings."""
    from pyspark import SparkContext

    gateway: Any = SparkContext._gateway
    if gateway is None or gateway.proc is None:
        return
    gateway.shutdown()
    gateway.proc.stdin.close()  # it ends when nobody can speak to it
    gateway.proc.wait()
    SparkContext._gateway = SparkContext._jvm = None


def _given(name: str, url: str, needs: Needs) -> SparkSession:
    """The session that the Spark Connect server at *url*, or Databricks, gives: it has its jars and static settings already."""
    from pyspark.errors import PySparkImportError
    from pyspark.sql import SparkSession

    try:
        found = SparkSession.builder.appName(name).getOrCreate()
    except PySparkImportError as error:
        raise MedallionError(f"Spark Connect needs more: pip install 'medallion-foundry[connect]' ({_first_line(error)})") from error
    except Exception as error:  # grpc and pyspark raise many types; all mean that there is no session
        where = url.partition(";")[0]  # what follows may be a token
        raise MedallionError(
            f"{where} gave no Spark session ({_first_line(error)}); see that it is up, and run the same command again"
        ) from error
    return _checked(found, needs)


def _checked(active: SparkSession, needs: Needs) -> SparkSession:
    """The session that is there, with the runtime settings that results depend on, and with those by which it reaches what it is for.

    They are set only where they are others. Raises MedallionError where one is wrong and must not be set. Serverless does not even show
    some: there they are as they should be.
    """
    from pyspark.errors import PySparkException

    for key, wanted in RUNTIME.items():
        try:
            found = active.conf.get(key)
        except PySparkException:
            continue
        if found == wanted:
            continue
        try:
            active.conf.set(key, wanted)
        except PySparkException as error:
            raise MedallionError(
                f"this Spark session has {key}={found} and refuses {wanted}, without which results would be wrong: "
                "set it where the session is made"
            ) from error
    if is_classic(active):
        if active.conf.get(CHECKPOINTS, None) is not None:
            active.conf.unset(CHECKPOINTS)  # of another pipeline, whose state may be on another store
        hadoop = active._jsc.hadoopConfiguration()
        for key, value in needs.conf.items():
            if key.startswith(HADOOP):
                hadoop.set(key.removeprefix(HADOOP), value)
            else:
                active.conf.set(key, value)
    return active


def is_classic(active: SparkSession) -> bool:
    """Whether the session has a JVM of its own; pyspark's other kind has a class of the same name elsewhere."""
    return type(active).__module__ == "pyspark.sql.session"


def said(error: BaseException) -> str:
    """All that Spark tells of an error, the causes that its own text leaves out included."""
    return f"{error}\n{getattr(error, '_stackTrace', None) or ''}"


_RENAMED = re.compile(r"\brename from .+ to .+ failed")
"""How Hadoop says that a file was not renamed. Where that is a copy and a deletion, and the answer to the latter was lost, it was."""


def failure(said: str, advice: str) -> MedallionError:
    """The typed error behind what Spark *said* when it failed; *advice* ends the sentence where it is none of ours."""
    known = from_text(said)
    if known is not None:
        return known
    if "No space left on device" in said:
        return DiskFullError("no space is left for what Spark writes; free some and run the same command again")
    if _RENAMED.search(said) is not None:
        return StorageUnavailable(f"a store did not rename a file for Spark, or did not say so: {cause(said)[:400]}; {advice}")
    return MedallionError(f"Spark failed: {cause(said)[:400]}; {advice}")


def cause(said: str) -> str:
    """The line that names what went wrong, of all that Spark *said*."""
    told = (line.strip().removeprefix(": ") for line in said.splitlines())  # py4j begins so what Java says
    lines = [line for line in told if line and not line.startswith("at ")]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    raised = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b.*: ", line)]  # the end of a Python traceback
    return (causes or raised or lines or ["without a word"])[-1 if causes or raised else 0]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


@contextmanager
def held(frame: DataFrame) -> Iterator[DataFrame]:
    """The frame, computed once for everything that is done with it inside the block, where the runtime can hold it.

    Serverless refuses to hold frames; there it is computed again for each use, with the same result.
    """
    from pyspark.errors import PySparkException

    try:
        kept = frame.persist()
    except PySparkException as error:
        if "PERSIST" not in str(error).upper():
            raise
        yield frame
        return
    try:
        yield kept
    finally:
        kept.unpersist()


def name_jobs(spark: SparkSession, group: str) -> None:
    """The Spark jobs that this thread starts in a classic session from now on are a *group*, which :func:`cancel_jobs` ends."""
    spark.sparkContext.setJobGroup(group, "counting ahead")


def cancel_jobs(spark: SparkSession, group: str) -> None:
    """The jobs of a *group* that run now end, as failed ones."""
    spark.sparkContext.cancelJobGroup(group)
