"""A process that asks for a session where it has one already, or had one."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from pyspark.sql import SparkSession

from medallion.spark import session

AGAIN = """
import os
from pyspark import SparkContext
from medallion.spark import session

def heap(asked):
    spark = session("again", conf={"spark.driver.memory": asked, "spark.ui.enabled": "false"})
    told = SparkContext._jvm.java.lang.management.ManagementFactory.getRuntimeMXBean().getInputArguments()
    spark.stop()
    return *(word for word in told if word.startswith("-Xmx")),

print(*heap("600m"), *heap("900m"))
children = open(f"/proc/self/task/{os.getpid()}/children").read().split()
print(sum("java" in open(f"/proc/{child}/comm").read() for child in children))
"""


@pytest.mark.slow
@pytest.mark.jvm
def test_a_session_after_one_that_was_stopped_has_its_own_jvm_and_no_other() -> None:
    """The memory it asked for, and the jars: pyspark by itself would go on with the JVM of the session before, and start one in vain."""
    told = subprocess.run([sys.executable, "-c", AGAIN], capture_output=True, text=True, timeout=120, check=False)
    assert told.stdout.split() == ["-Xmx600m", "-Xmx900m", "1"], told.stderr


@pytest.mark.spark
@pytest.mark.jvm
def test_a_thread_takes_the_session_of_the_process(spark: SparkSession) -> None:
    """An active session is one of a thread; a notebook, or a scheduler, that runs a step in another has one Spark all the same."""
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(session, "thread").result(60).sparkContext is spark.sparkContext
