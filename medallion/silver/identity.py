"""What a live table is bound to: changing any of it needs a new table."""

from __future__ import annotations

import json

from medallion.config.silver import Entity
from medallion.silver.models.periodic import kept_by


def identity(entity: Entity, load_pattern: str) -> str:
    """What a live table's content depends on, as canonical JSON: changing any of it needs a new table."""
    names = (
        "model",
        "keys",
        "sequence_by",
        "on_sequence_tie",
        "deletes",
        "ignore_null_updates",
        "apply_as_truncates",
        "track_history_column_list",
        "track_history_except_column_list",
        "history_columns",
        "lineage",
        "rename",
        "partition_by",
    )
    said = entity.model_dump(mode="json", include=set(names), exclude_defaults=True)
    if entity.model == "periodic_snapshot":
        said["snapshot_by"] = kept_by(entity, load_pattern)
    return json.dumps(said | {"load_pattern": load_pattern}, sort_keys=True, separators=(",", ":"))
