"""What a live table is bound to, and how a change of it is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from medallion.config.silver import Entity
from medallion.errors import ChangedTableError
from medallion.silver.identity import identity, require_same

TOLD = {"entity": "e", "model": "scd_type_2", "keys": ["id"], "sequence_by": ["s"], "except_column_list": ["op", "s"]}


def entity(**options: Any) -> Entity:
    return Entity.model_validate(TOLD | options)


def test_what_has_changed_is_named_and_nothing_else() -> None:
    """What a table does not depend on may change, and a list in another order is the same list."""
    built = identity(entity(deletes="ignore"), "cdc")
    same = entity(deletes="ignore", except_column_list=["s", "op"], cluster_by=["id"], exports=["csv"], max_deleted={"rows": 1})
    require_same(built, same, "cdc", table="t")
    with pytest.raises(ChangedTableError) as refused:
        require_same(built, entity(keys=["id", "n"]), "cdc", table="t")
    assert refused.value.problems[0].message.partition("; nothing")[0] == (
        'was built with deletes: "ignore", keys: ["id"]; the configuration now says deletes: not given, keys: ["id", "n"]'
    )


def test_a_table_of_an_older_version_is_bound_to_what_that_version_knew() -> None:
    """What counts only since then is not told of it; everything else is compared."""
    told = entity(normalize={"trim_strings": True})
    built = json.loads(identity(told, "cdc"))
    older = json.dumps({name: built[name] for name in ("model", "keys", "sequence_by", "load_pattern")})
    require_same(older, told, "cdc", table="t")
    with pytest.raises(ChangedTableError, match="load_pattern"):
        require_same(older, told, "full", table="t")
    with pytest.raises(ChangedTableError, match="normalize"):
        require_same(json.dumps(built), entity(), "cdc", table="t")
