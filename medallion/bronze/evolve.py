"""How the schema of a table may change: by contract, and only to something wider."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from medallion.bronze.widen import joined, narrowest, settled
from medallion.config.source import SchemaContract
from medallion.schema import Array, Struct, Type, landing_name


@dataclass(frozen=True, kw_only=True)
class SchemaPlan:
    """What becomes of a schema: its columns from now on, and what is said about it.

    *rescued* names source fields whose values go to ``_rescued``. *frozen* says, a sentence each, what the contract forbids:
    if there is any, the data must not land.
    """

    columns: Mapping[str, Type]
    changes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    rescued: frozenset[str] = frozenset()
    frozen: tuple[str, ...] = ()


def plan(
    declared: Mapping[str, Type],
    current: Mapping[str, Type],
    seen: Mapping[str, Collection[Type]],
    contract: SchemaContract,
    *,
    missing: Collection[str] = (),
) -> SchemaPlan:
    """The schema after *seen*: by source field, the types of the values of a new field, or of those that did not fit a known one.

    *declared* columns exist from the start; a table that has none takes what comes first, whatever the contract says of new ones: it
    holds what the table knows against what it does not. A column changes its type only where ``type_changes: evolve`` says so, and then
    only to a wider one. *missing* are columns of which a page has no field.
    """
    columns = dict(current)
    changes, notes = _declare(declared, columns)
    rescued, frozen = set[str](), list[str]()
    on_new = contract.new_columns if columns else "evolve"
    for name, kinds in seen.items():
        column = landing_name(name, columns)
        if column in columns:
            before = columns[column]
            for kind in kinds:
                if refused := _refused(columns[column], kind, contract):
                    frozen.append(f"{refused} in field {name!r}, column {column} {before}")
                else:
                    columns[column] = widened(columns[column], kind, contract)
            if columns[column] != before:
                changes.append(f"{column} {before} → {columns[column]}")
            continue
        landed = settled(narrowest(kinds))
        if landed is None:
            continue
        if on_new == "evolve":
            columns[column] = landed
            changes.append(f"{column} {landed}: new{_renamed(name, column)}")
        elif on_new == "rescue":
            rescued.add(name)
        else:
            frozen.append(f"field {name!r} ({landed}) is not in the table")
    for column in missing:
        if contract.missing_columns == "freeze":
            frozen.append(f"no record of a page has the field of column {column}")
        elif contract.missing_columns == "rescue":
            notes.append(f"no record of a page has the field of column {column}: it is null there")
    return SchemaPlan(columns=columns, changes=tuple(changes), notes=tuple(notes), rescued=frozenset(rescued), frozen=tuple(frozen))


def widened(column: Type, seen: Type, contract: SchemaContract) -> Type:
    """The type of a column after values of the type *seen* did not fit, as far as the contract lets it change.

    New fields inside a struct are new columns; everything else is a change of type.
    """
    if isinstance(column, Struct) and isinstance(seen, Struct):
        fields = dict(column.fields)
        for name, kind in seen.fields:
            inner = landing_name(name, fields, top=False)
            if inner in fields:
                fields[inner] = widened(fields[inner], kind, contract)
            elif contract.new_columns == "evolve" and (landed := settled(kind)) is not None:
                fields[inner] = landed
        return Struct(tuple(fields.items()))
    if isinstance(column, Array) and isinstance(seen, Array):
        return Array(widened(column.element, seen.element, contract))
    if contract.type_changes != "evolve":
        return column
    return settled(joined(column, seen)) or column


def _refused(column: Type, seen: Type, contract: SchemaContract) -> str | None:
    """What a frozen contract has against values of the type *seen* that did not fit; None: nothing."""
    if isinstance(column, Struct) and isinstance(seen, Struct):
        fields = dict(column.fields)
        for name, kind in seen.fields:
            inner = landing_name(name, fields, top=False)
            if inner not in fields and contract.new_columns == "freeze" and settled(kind) is not None:
                return f"a new part {name!r} ({kind})"
            if inner in fields and (refused := _refused(fields[inner], kind, contract)):
                return refused
        return None
    if isinstance(column, Array) and isinstance(seen, Array):
        return _refused(column.element, seen.element, contract)
    return f"a value ({seen}) that does not fit" if contract.type_changes == "freeze" else None


def _declare(declared: Mapping[str, Type], columns: dict[str, Type]) -> tuple[list[str], list[str]]:
    changes, notes = list[str](), list[str]()
    for name, kind in declared.items():
        column = landing_name(name, columns)
        if column not in columns:
            changes.append(f"{column} {kind}: declared{_renamed(name, column)}")
            columns[column] = kind
        elif columns[column] != kind:
            if joined(columns[column], kind) == kind:
                changes.append(f"{column} {columns[column]} → {kind}: declared")
                columns[column] = kind
            else:
                notes.append(f"{column} is declared {kind}, but the table has {columns[column]} and types only widen: it stays")
    return changes, notes


def _renamed(name: str, column: str) -> str:
    return "" if name == column else f", for the field {name!r}, a name that the table cannot carry"
