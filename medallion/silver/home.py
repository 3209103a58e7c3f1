"""Where the table of an entity is: below a root, or in the schema of a catalog. Needs no Spark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from medallion.config.pipeline import Pipeline
from medallion.config.silver import Entity
from medallion.layout import BronzeLayout, SilverLayout, quoted
from medallion.storage.location import Location


def layout_of(pipeline: Pipeline, entity: Entity) -> SilverLayout:
    """The paths of an entity's table and state."""
    return SilverLayout(pipeline=pipeline.pipeline, domain=entity.domain, entity=entity.entity, version=entity.version)


def table_of(pipeline: Pipeline, entity: Entity) -> str:
    """The table's path or URI; in a catalog its name, each part of it quoted."""
    silver, layout = pipeline.platform.silver, layout_of(pipeline, entity)
    if silver.catalog is not None:
        return ".".join(map(quoted, (silver.catalog, silver.schema_ or "default", layout.name)))
    assert silver.root is not None, "without a catalog there is a root"
    return Location.parse(silver.root).child(layout.table).uri


def is_name(table: str) -> bool:
    """Whether what :func:`table_of` gave is the name of a table in a catalog."""
    return table.startswith("`")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an entity is made of and where it lives, as locations; *target* may be a table's name in a catalog."""

    load_pattern: Literal["full", "cdc", "current_history"]
    bronze: str
    target: str
    state: str
    layout: SilverLayout


def place(pipeline: Pipeline, entity: Entity) -> Place:
    """The locations of an entity's Bronze table, Silver table and state."""
    source = pipeline.source_of(entity)
    origin = source or entity.bronze
    assert origin is not None, "the configuration was checked"
    layout = layout_of(pipeline, entity)
    return Place(
        load_pattern=origin.load_pattern,
        bronze=Location.parse(pipeline.platform.bronze.root).child(BronzeLayout(system=origin.system, table=origin.table).folder).uri,
        target=table_of(pipeline, entity),
        state=Location.parse(pipeline.platform.state.root).child(layout.state).uri,
        layout=layout,
    )
