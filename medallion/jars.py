"""What Spark needs beside itself: jars by their Maven coordinates, which belong to a version of Spark, and settings.

Versions stand here and nowhere else; ``spark-submit.sh`` reads them through ``medallion jars``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType

from medallion.errors import MedallionError

NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Release:
    """The versions that go with a minor version of Spark: what it was built with, so that there is one of each on the class path."""

    delta: str
    """The coordinate of Delta."""
    hadoop: str
    """Of the Hadoop that pyspark brings."""
    aws_sdk: str
    """What that Hadoop's s3a was built with."""
    cloud: str
    """The coordinate of Spark's own part for object stores; of 4.2 there is none on Maven, the one of 4.1 fits."""


RELEASES: Mapping[str, Release] = MappingProxyType(
    {
        "4.0": Release(
            delta="io.delta:delta-spark_4.0_2.13:4.4.0",
            hadoop="3.4.1",
            aws_sdk="2.24.6",
            cloud="org.apache.spark:spark-hadoop-cloud_2.13:4.0.2",
        ),
        "4.1": Release(
            delta="io.delta:delta-spark_4.1_2.13:4.4.0",
            hadoop="3.4.2",
            aws_sdk="2.29.52",
            cloud="org.apache.spark:spark-hadoop-cloud_2.13:4.1.1",
        ),
        "4.2": Release(
            delta="io.delta:delta-spark_4.2_2.13:4.4.0",
            hadoop="3.5.0",
            aws_sdk="2.35.4",
            cloud="org.apache.spark:spark-hadoop-cloud_2.13:4.1.1",
        ),
    }
)
"""By Spark's minor version."""


def release(spark: str | None = None) -> Release:
    """What goes with a version of Spark; None: with the pyspark that is installed, without one with the newest.

    Raises MedallionError for a Spark that this version was not tried with.
    """
    if spark is None:
        try:
            spark = version("pyspark")
        except PackageNotFoundError:
            return RELEASES[max(RELEASES)]
    found = RELEASES.get(".".join(spark.split(".")[:2]))
    if found is None:
        raise MedallionError(f"this is Spark {spark}, for which no jars are known; install pyspark {' or '.join(sorted(RELEASES))}")
    return found


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a session needs beside Spark itself, to read one place or many."""

    packages: tuple[str, ...] = ()
    """Maven coordinates."""
    excluded: tuple[str, ...] = ()
    """``group:name`` of what they would bring and is not wanted; a ``*`` stands for any name."""
    conf: Mapping[str, str] = field(default_factory=lambda: NOTHING, repr=False)
    """Spark settings, credentials among them."""

    def __or__(self, other: Needs) -> Needs:
        """What is needed for both: nothing is left out that one of them asks for. The other's settings count where both have one."""
        packages = _once([*self.packages, *other.packages])
        wanted = {package.rpartition(":")[0] for package in packages}
        return Needs(
            packages=packages,
            excluded=tuple(name for name in _once([*self.excluded, *other.excluded]) if name not in wanted),
            conf={**self.conf, **other.conf},
        )


def delta(of: Release) -> Needs:
    """Delta. Its coordinate pulls an older Hadoop beside Spark's own."""
    return Needs(packages=(of.delta,), excluded=("org.apache.hadoop:hadoop-client-api", "org.apache.hadoop:hadoop-client-runtime"))


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
