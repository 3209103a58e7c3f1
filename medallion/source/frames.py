"""From the configuration of a source to the one that gives its frames."""

from __future__ import annotations

from collections.abc import Callable

from medallion.config.secret import SecretResolver
from medallion.config.source import Source
from medallion.errors import ConfigError, NotYetError, Problem
from medallion.events import Listener
from medallion.schema import parse_ddl
from medallion.source.custom_frames import custom_frames
from medallion.source.files import FileFrames
from medallion.source.jdbc import JdbcFrames
from medallion.source.protocol import FrameSource
from medallion.storage.filesystem import FileSystem


def open_frames(
    source: Source, *, resolver: SecretResolver, listener: Listener, open_root: Callable[[str], FileSystem] | None = None
) -> FrameSource:
    """The frames of a source that Spark reads; nothing is asked before they are taken. *open_root* opens places that have files.

    Raises ConfigError, SecretError, or NotYetError for a type that this version does not build.
    """
    if source.type == "db" and source.db is not None:
        password = None if source.db.password is None else resolver.resolve(source.db.password)
        return JdbcFrames(source=source.name, db=source.db, password=password, listener=listener)
    if source.type == "custom":
        return custom_frames(source, resolver)
    if source.type == "file" and source.file is not None and open_root is not None:
        try:
            declared = parse_ddl(source.schema_) if source.schema_ is not None else {}
        except ValueError as error:
            raise ConfigError([Problem(path=f"sources.{source.name}.schema", message=str(error))]) from error
        whole = source.load_pattern == "full"
        return FileFrames(source=source.name, file=source.file, whole=whole, declared=declared, open_root=open_root, listener=listener)
    raise NotYetError([Problem(path=f"sources.{source.name}", message=f"type {source.type} is not read by Spark")])
