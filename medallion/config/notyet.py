"""What the design allows and this version does not build: refused by name, never ignored."""

from __future__ import annotations

from collections.abc import Iterator

from medallion.config.node import Path
from medallion.config.source import Source

Refusal = tuple[Path, str]


def of_source(source: Source) -> Iterator[Refusal]:
    """What of a source is not built yet."""
    if source.parent is not None and source.incremental is not None and source.incremental.window is not None:
        yield ("api", "incremental", "window"), "windows of requests from another source's records are not built in this version"
