"""What a flow is made of: the configuration, and what it must not reach for itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medallion.clock import Clock
from medallion.config.glob import parted
from medallion.config.pipeline import Pipeline
from medallion.config.secret import SecretResolver
from medallion.errors import MedallionError, TerminatedError
from medallion.events import Listener
from medallion.jars import Needs
from medallion.spark import driver_needs
from medallion.stop import StopFlag
from medallion.storage.filesystem import FileSystem
from medallion.storage.roots import Roots, provider_of, spark_needs

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True, kw_only=True)
class Flow:
    """What a flow is made of: the configuration, and what it must not reach for itself."""

    pipeline: Pipeline
    resolver: SecretResolver
    clock: Clock
    listener: Listener
    stop: StopFlag
    start_spark: Callable[[str], SparkSession]
    """The session of this process, by a name for it; called where one is needed, and not before."""

    @property
    def roots(self) -> Roots:
        """Opens the roots of the configuration."""
        return Roots(platform=self.pipeline.platform, resolver=self.resolver, clock=self.clock, listener=self.listener)


def spark_needs_of(pipeline: Pipeline, resolver: SecretResolver) -> Needs:
    """What a session needs for the sources and the roots of *pipeline*. Raises SecretError, UnknownSchemeError."""
    files = [parted(source.file.path)[0] for source in pipeline.sources if source.file is not None and source.file.path is not None]
    return driver_needs(pipeline) | spark_needs(pipeline.platform, resolver, files)


def needs_jvm(pipeline: Pipeline, *, silver: bool = True) -> bool:
    """Whether even looking at files needs Spark, because a root is served through it: that of Bronze, and with *silver* those of tables
    and state. Raises UnknownSchemeError.
    """
    platform = pipeline.platform
    roots = [platform.bronze.root, *([platform.state.root, platform.silver.root] if silver else [])]
    return any(provider_of(platform, root).needs_jvm for root in roots if root is not None)


def open_root(flow: Flow, root: str) -> FileSystem:
    """The files below one of the roots of the configuration."""
    return flow.roots.open(root)


def must_end(flow: Flow, errors: Sequence[MedallionError | None]) -> bool:
    """Whether nothing more shall be tried after these errors."""
    failed = [error for error in errors if error is not None]
    stops = flow.pipeline.run.on_source_failure == "stop"
    return any(stops or isinstance(error, TerminatedError) for error in failed)
