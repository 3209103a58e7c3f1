"""Where the table of an entity is: below a root, or in the schema of a catalog. Needs no Spark."""

from __future__ import annotations

from medallion.config.pipeline import Pipeline
from medallion.config.silver import Entity
from medallion.layout import SilverLayout, quoted
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
