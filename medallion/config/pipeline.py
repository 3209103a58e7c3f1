"""One file: sources, Silver tables, platform, run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from medallion.config.platform import Platform
from medallion.config.run import Run
from medallion.config.silver import Entity
from medallion.config.source import Name, Source
from medallion.config.values import Section


class Pipeline(Section):
    """A whole configuration, checked; every default is filled in."""

    config_version: Literal[1]
    """Version of this format."""
    pipeline: Name
    """Names streams, state and metrics. Default: the file's name."""
    platform: Platform = Platform()
    """All storage of the pipeline."""
    sources: tuple[Source, ...] = ()
    """What to read; one mapping under `source` is the short form of a list of one."""
    silver: tuple[Entity, ...] = ()
    """Which tables to make; one mapping is the short form of a list of one."""
    run: Run = Run()
    """How a run goes."""

    def source_of(self, entity: Entity) -> Source | None:
        """The source whose table *entity* is made of; None where another pipeline lands it."""
        if entity.bronze is not None:
            return None
        name = entity.source or (self.sources[0].name if len(self.sources) == 1 else None)
        return next((source for source in self.sources if source.name == name), None)

    def parent_of(self, source: Source) -> Source | None:
        """The source whose records the requests of *source* are made from."""
        name = None if source.parent is None else source.parent.source
        return next((one for one in self.sources if one.name == name), None)


def parents_first(sources: Iterable[Source]) -> tuple[Source, ...]:
    """*sources* in their order, but each behind its parent, if that is one of them."""
    by_name = {source.name: source for source in sources}
    ordered: dict[str, Source] = {}

    def place(source: Source) -> None:
        if source.parent is not None and (above := by_name.get(source.parent.source)) is not None:
            place(above)
        ordered.setdefault(source.name, source)

    for source in by_name.values():
        place(source)
    return tuple(ordered.values())


class Document(Section):
    """A file as it is written: a pipeline, with what is filled in when it is loaded."""

    config_version: Literal[1]
    """Version of this format."""
    pipeline: Name | None = None
    """Names streams, state and metrics. Default: the file's name."""
    platform: Platform = Platform()
    """All storage of the pipeline."""
    defaults: dict[str, Any] = {}
    """Merged under every source."""
    sources: tuple[Source, ...] = ()
    """What to read; one mapping under `source` is the short form of a list of one."""
    source: Source | None = None
    """Short form of sources with one item."""
    silver: tuple[Entity, ...] = ()
    """Which tables to make; one mapping is the short form of a list of one."""
    run: Run = Run()
    """How a run goes."""
