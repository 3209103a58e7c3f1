"""Rules between the keys of a Silver table, which no single key can break alone. All pure; paths are relative."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from medallion.config.expectation import unbalanced
from medallion.config.rules import Breach
from medallion.config.silver import DELETED_AT, LINEAGE, Entity

_DELTA_REFUSES = " ,;{}()\n\t="


def of_entity(entity: Entity, load_pattern: str | None) -> Iterator[Breach]:
    """What of a Silver table contradicts itself or the load pattern of its source (None: not known)."""
    events = load_pattern in ("cdc", "current_history")
    if events and not entity.sequence_by and entity.model in ("scd_type_1", "scd_type_2", "full_merge_dedupe", "incremental_merge"):
        yield ("sequence_by",), f"required for {load_pattern}: the columns that say which of two events of a key is newer"
    for key in (
        "keys",
        "sequence_by",
        "column_list",
        "except_column_list",
        "track_history_column_list",
        "track_history_except_column_list",
    ):
        names = getattr(entity, key) or ()
        for twice in sorted({name for name in names if names.count(name) > 1}):
            yield (key,), f"names {twice} twice"
    for name in entity.keys:
        if name in (entity.except_column_list or ()):
            yield ("except_column_list",), f"must not name the key {name}: the table would lose its identity"
    yield from _of_deletes(entity, load_pattern)
    yield from _of_nulls(entity)
    yield from _of_sql(entity)
    yield from _of_history(entity)
    yield from _of_lineage(entity)
    yield from _of_rename(entity)
    if load_pattern == "full":
        if entity.apply_as_deletes is not None:
            yield ("apply_as_deletes",), "says nothing for a full snapshot, which deletes by absence"
        if entity.on_sequence_tie != "last_wins" and "on_sequence_tie" in entity.model_fields_set:
            yield ("on_sequence_tie",), "says nothing for a full snapshot, whose last row of a key counts"


def _of_deletes(entity: Entity, load_pattern: str | None) -> Iterator[Breach]:
    """What deletes and truncates mean to the model."""
    if entity.model == "periodic_snapshot":
        for key in sorted({"deletes", "apply_as_truncates"} & _said(entity)):
            yield (key,), "says nothing for periodic_snapshot, which keeps rows as they came"
        return
    if entity.apply_as_truncates is not None and load_pattern == "full":
        yield ("apply_as_truncates",), "says nothing for a full snapshot, which deletes by absence"
    if entity.apply_as_truncates is not None and entity.deletes == "ignore":
        yield ("deletes",), "ignore contradicts apply_as_truncates, which deletes every key: take one of the two out"
    if entity.model == "incremental_merge":
        marked = {*entity.keys, *(entity.column_list or ()), *entity.rename.values()}
        if entity.deletes in (None, "soft") and DELETED_AT in marked:
            yield ("rename",), f"{DELETED_AT} is the column in which incremental_merge marks deleted rows: rename the one of the data"
    elif entity.deletes == "soft":
        yield ("deletes",), f"soft keeps the row and marks it, which incremental_merge does; {entity.model} has no deleted rows to show"
    elif entity.deletes == "hard" and entity.model == "scd_type_2":
        yield ("deletes",), "says nothing for scd_type_2, where a delete closes the row and history stays"
    elif entity.deletes == "ignore" and (load_pattern == "full" or entity.model == "full_merge_dedupe"):
        yield ("deletes",), f"ignore would keep what a snapshot lacks, which {entity.model} does not: incremental_merge does"


def _of_nulls(entity: Entity) -> Iterator[Breach]:
    """Which nulls say nothing."""
    asked = entity.ignore_null_updates
    if entity.model == "periodic_snapshot" and asked not in (False, ()):
        yield ("ignore_null_updates",), "says nothing for periodic_snapshot, which keeps rows as they came"
    for name in asked if isinstance(asked, tuple) else ():
        if name in entity.keys:
            yield ("ignore_null_updates",), f"{name} is a key and never null"
        elif not _shown(entity, name):
            yield ("ignore_null_updates",), f"{name} is not shown by the table: its column list leaves it out"


def _of_sql(entity: Entity) -> Iterator[Breach]:
    """What SQL texts show without Spark; the rest shows when a batch is taken in."""
    names = [rule.name for rule in entity.expectations]
    for at, rule in enumerate(entity.expectations):
        if rule.name in names[:at]:
            yield ("expectations", str(at), "name"), f"two expectations are called {rule.name}"
        if (wrong := unbalanced(rule.expr)) is not None:
            yield ("expectations", str(at), "expr"), wrong
    for key, condition in (("apply_as_deletes", entity.apply_as_deletes), ("apply_as_truncates", entity.apply_as_truncates)):
        if condition is not None and (wrong := unbalanced(condition)) is not None:
            yield (key,), wrong


def _of_history(entity: Entity) -> Iterator[Breach]:
    lists = ("track_history_column_list", "track_history_except_column_list")
    if entity.model not in ("scd_type_2", None):
        for key in sorted({*lists, "history_columns"} & _said(entity)):
            yield (key,), f"says nothing for {entity.model}; it is about scd_type_2"
        return
    for name in entity.track_history_column_list or ():
        if not _shown(entity, name):
            yield ("track_history_column_list",), f"{name} is not shown by the table: its column list leaves it out"
        if name in entity.keys:
            yield ("track_history_column_list",), f"{name} is a key and never changes"
    columns = entity.history_columns
    added = [name for name in (columns.start_at, columns.end_at, columns.is_current) if name]
    taken = {*entity.keys, *(entity.column_list or ()), *entity.rename.values()} - set(entity.except_column_list or ())
    for name in added:
        if name in taken and entity.model == "scd_type_2":
            yield ("history_columns",), f"{name} is a column of the data too; give it another name here"
    yield from ((("history_columns",), message) for message in _names(added))


def _of_lineage(entity: Entity) -> Iterator[Breach]:
    taken = {*entity.keys, *(entity.column_list or ()), *entity.rename.values()}
    for name in LINEAGE if entity.lineage else ():
        if name in taken:
            yield ("lineage",), f"adds the column {name}, which the data has too: rename that one"


def _of_rename(entity: Entity) -> Iterator[Breach]:
    targets: Sequence[str] = tuple(entity.rename.values())
    for twice in sorted({name for name in targets if targets.count(name) > 1}):
        yield ("rename",), f"two columns would be called {twice}"
    for name, shown in entity.rename.items():
        if not _shown(entity, name):
            yield ("rename", name), "is not shown by the table: its column list leaves it out"
        if shown.startswith("__"):
            yield ("rename", name), f"{shown}: names that begin with __ are reserved"
        if shown in (*entity.keys, *(entity.column_list or ())) and shown not in entity.rename:
            yield ("rename", name), f"{shown} is a column of the table already"
        yield from ((("rename", name), message) for message in _names([shown]))


def _names(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        if any(character in name for character in _DELTA_REFUSES):
            yield f"{name!r}: Delta allows no space and none of ,;{{}}()= in a column's name"


def _shown(entity: Entity, name: str) -> bool:
    if name in entity.keys:
        return True
    return name not in (entity.except_column_list or ()) and (entity.column_list is None or name in entity.column_list)


def _said(entity: Entity) -> set[str]:
    """The keys that were written and are not null."""
    return {name for name in entity.model_fields_set if getattr(entity, name) not in (None, False)}
