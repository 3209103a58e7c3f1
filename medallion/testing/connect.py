"""A Spark Connect server for tests: a process of its own on 127.0.0.1, so that a client has no JVM, as on serverless compute."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from medallion.jars import Needs, delta, release
from medallion.spark import FILES, LOCAL, POSTGRESQL, REQUIRED
from medallion.testing.process import ServiceMissing, running

NEEDS = ("pandas", "grpc", "grpc_status", "zstandard")
"""What pyspark asks for as soon as it speaks Connect; the extra ``connect`` brings them."""
_SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"


@contextmanager
def connect_server(*, python: Path | None = None, conf: Mapping[str, str] | None = None) -> Iterator[str]:
    """A server with Delta and two cores, there while inside; gives its address for SPARK_REMOTE.

    It runs functions of clients by *python* (default: this process's own), which must have this package and its extra ``connect``.
    Raises ServiceMissing where pyspark is not installed, RuntimeError where the server does not start.
    """
    found = find_spec("pyspark")
    if found is None or found.origin is None:
        raise ServiceMissing("this server needs Spark: pip install 'medallion-foundry[connect]'")
    home, interpreter = Path(found.origin).parent, str(python or sys.executable)
    jars = delta(release()) | Needs(packages=(POSTGRESQL.package,))
    settings = {
        **REQUIRED,
        **FILES,
        **LOCAL,
        "spark.sql.shuffle.partitions": "2",
        "spark.driver.memory": "3g",
        "spark.jars.packages": ",".join(jars.packages),
        "spark.jars.excludes": ",".join(jars.excluded),
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": "0",
        **dict(conf or {}),
    }
    command = [str(home / "bin" / "spark-submit"), "--master", "local[2]", "--class", _SERVER]
    command += [word for key, value in settings.items() for word in ("--conf", f"{key}={value}")]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SPARK_", "PYSPARK_"))}
    environment |= {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": interpreter}
    with running([*command, "spark-internal"], ready="Spark Connect server started at", environ=environment) as said:
        port = re.findall(r":(\d+)", said)[-1]
        yield f"sc://127.0.0.1:{port}"
