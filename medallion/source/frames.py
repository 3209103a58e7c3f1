"""From the configuration of a source to the one that gives its frames."""

from __future__ import annotations

from medallion.config.secret import SecretResolver
from medallion.config.source import Source
from medallion.errors import NotYetError, Problem
from medallion.events import Listener
from medallion.source.jdbc import JdbcFrames
from medallion.source.protocol import FrameSource


def open_frames(source: Source, *, resolver: SecretResolver, listener: Listener) -> FrameSource:
    """The frames of a source that Spark reads; nothing is asked before they are taken.

    Raises SecretError, or NotYetError for a type that this version does not build.
    """
    if source.type == "db" and source.db is not None:
        password = None if source.db.password is None else resolver.resolve(source.db.password)
        return JdbcFrames(source=source.name, db=source.db, password=password, listener=listener)
    raise NotYetError([Problem(path=f"sources.{source.name}", message=f"type {source.type} is not read by Spark")])
