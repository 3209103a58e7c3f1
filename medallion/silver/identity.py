"""What a live table is bound to: changing any of it needs a new table."""

from __future__ import annotations

import json
from typing import Any

from medallion.config.silver import Entity
from medallion.errors import ChangedTableError, Problem
from medallion.silver.models.periodic import kept_by

_BOUND = (
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
_BOUND_TOO = ("apply_as_deletes", "column_list", "except_column_list", "normalize")
"""Not told of tables that were built before these counted: FORMAT is not there."""
_FORMAT = "format"


def identity(entity: Entity, load_pattern: str) -> str:
    """What a live table's content depends on, as canonical JSON."""
    said: dict[str, Any] = entity.model_dump(mode="json", include={*_BOUND, *_BOUND_TOO}, exclude_defaults=True)
    for name in {"column_list", "except_column_list"} & {*said}:
        said[name] = sorted(said[name] or ())
    if entity.model == "periodic_snapshot":
        said["snapshot_by"] = kept_by(entity, load_pattern)
    return json.dumps(said | {"load_pattern": load_pattern, _FORMAT: 2}, sort_keys=True, separators=(",", ":"))


def require_same(built: str, entity: Entity, load_pattern: str, *, table: str) -> None:
    """Raises ChangedTableError if the configuration describes another table than *built*, which the one at *table* was built with."""
    was, now = json.loads(built), json.loads(identity(entity, load_pattern))
    compared = {*was, *now} if _FORMAT in was else {*was, *now} - {*_BOUND_TOO, _FORMAT}
    changed = sorted(name for name in compared if was.get(name) != now.get(name))
    if changed:

        def spelled(said: dict[str, Any]) -> str:
            return ", ".join(f"{name}: {json.dumps(said[name]) if name in said else 'not given'}" for name in changed)

        raise ChangedTableError(
            [
                Problem(
                    path=table,
                    message=f"was built with {spelled(was)}; the configuration now says {spelled(now)}; nothing was changed: "
                    "run promote with --rebuild to make it again, or give the entity a new `version` for a table beside this one",
                )
            ]
        )
