"""From the configuration of a source to the one that gives its frames."""

from __future__ import annotations

from medallion.config.secret import SecretResolver
from medallion.config.source import Source
from medallion.errors import NotYetError, Problem
from medallion.source.protocol import FrameSource


def open_frames(source: Source, *, resolver: SecretResolver) -> FrameSource:  # noqa: ARG001  types to come resolve their secrets
    """The frames of a source that Spark reads; nothing is asked before they are taken.

    Raises ConfigError for what cannot be asked, NotYetError for a type that this version does not build.
    """
    raise NotYetError([Problem(path=f"sources.{source.name}", message=f"type {source.type} is not read by Spark")])
