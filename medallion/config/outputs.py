"""Rules between what a Silver table is written as, where it goes, and the rest of the configuration. All pure; paths are relative."""

from __future__ import annotations

from collections.abc import Iterator

from medallion.config.platform import Platform
from medallion.config.rules import Breach
from medallion.config.silver import Entity


def of_entity(entity: Entity, load_pattern: str | None, platform: Platform | None) -> Iterator[Breach]:
    """What contradicts the model, the load pattern of the source (None: not known) or the platform (None: wrong itself)."""
    if entity.snapshot_by is not None and entity.model not in ("periodic_snapshot", None):
        yield ("snapshot_by",), f"says nothing for {entity.model}; it is about periodic_snapshot"
    elif entity.snapshot_by == "date" and load_pattern in ("cdc", "current_history"):
        yield ("snapshot_by",), f"must be run for {load_pattern}: a run of events is no whole snapshot of its date"
    for key in ("partition_by", "cluster_by"):
        names = getattr(entity, key)
        for twice in sorted({name for name in names if names.count(name) > 1}):
            yield (key,), f"names {twice} twice"
    if entity.change_data_feed is not None and "delta.enableChangeDataFeed" in entity.table_properties:
        yield ("table_properties", "delta.enableChangeDataFeed"), "is set by change_data_feed too"
    for twice in sorted({name for name in entity.exports if entity.exports.count(name) > 1}):
        yield ("exports",), f"names {twice} twice"
    silver = None if platform is None else platform.silver
    if silver is not None and entity.exports and silver.root is None and silver.exports.root is None:
        yield ("exports",), "need platform.silver.exports.root, since the tables are in a catalog"
    if silver is not None and silver.catalog == "spark_catalog" and "-" in entity.entity:
        yield ("entity",), "must have no - in its name: spark_catalog takes letters, digits and _ only"
