"""A configuration before it is checked: a tree of values, each of which knows where it was written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Value: TypeAlias = "dict[str, Node] | list[Node] | str | int | float | bool | None"
Path: TypeAlias = tuple[str, ...]

NAMED = {"sources": "name", "silver": "entity"}
"""Lists whose items are addressed, and merged, by a key of theirs."""
ONE_OF = ("auth", "pagination")
"""Sections whose ``type`` decides their keys: another type replaces the whole section."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a value was written: ``nyc.yaml:12``, ``--set``, or the name of an environment variable.

    *file* and *line* are there only where it was a file.
    """

    label: str
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        return self.label if self.line is None else f"{self.label}:{self.line}"


@dataclass(frozen=True, kw_only=True)
class Node:
    """A value and its origin. Trees are never changed, only made anew."""

    value: Value
    origin: Origin

    def child(self, key: str) -> Node | None:
        """What stands at *key* of a mapping, or at the index *key* of a list; None where there is nothing."""
        if isinstance(self.value, dict):
            return self.value.get(key)
        if isinstance(self.value, list) and key.isdigit() and int(key) < len(self.value):
            return self.value[int(key)]
        return None

    def text(self, key: str) -> str | None:
        """The text at *key* of a mapping; None where there is none."""
        found = self.child(key)
        return found.value if found is not None and isinstance(found.value, str) else None

    def items(self) -> list[Node]:
        """The items of a list; none where it is no list."""
        return self.value if isinstance(self.value, list) else []

    def with_child(self, key: str, node: Node) -> Node:
        """This mapping or list with *node* at *key*; anything else becomes a mapping with this one key."""
        if isinstance(self.value, list):
            return Node(value=[node if str(at) == key else item for at, item in enumerate(self.value)], origin=self.origin)
        return Node(value={**(self.value if isinstance(self.value, dict) else {}), key: node}, origin=self.origin)

    def without(self, *keys: str) -> Node:
        """This mapping without *keys*."""
        if not isinstance(self.value, dict):
            return self
        return Node(value={key: node for key, node in self.value.items() if key not in keys}, origin=self.origin)


def plain(node: Node) -> Any:
    """The bare values of a tree."""
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    return [plain(item) for item in node.value] if isinstance(node.value, list) else node.value


def names(items: Sequence[Node], handle: str) -> Iterator[str]:
    """How each of *items* is addressed: by its handle, or by its index where it has none."""
    for at, item in enumerate(items):
        yield item.text(handle) or str(at)


def at(tree: Node, path: Path) -> Node | None:
    """The node at *path*, items of named lists by name; None where there is nothing."""
    here: Node | None = tree
    for depth, key in enumerate(path):
        if here is None:
            return None
        here = here.child(index(here, path[depth - 1] if depth == 1 else "", key))
    return here


def nearest(tree: Node, path: Path) -> Node:
    """The node at *path*, or the deepest one above it."""
    for length in range(len(path), 0, -1):
        found = at(tree, path[:length])
        if found is not None:
            return found
    return tree


def index(node: Node, name: str, key: str) -> str:
    """The key under which *node*, called *name*, holds what people call *key*."""
    if name in NAMED and isinstance(node.value, list):
        return next((str(at) for at, item in enumerate(node.value) if item.text(NAMED[name]) == key), key)
    return key


def merge(under: Node, over: Node, name: str = "") -> Node:
    """*over* laid upon *under*: mappings merge, named lists merge item by item, anything else is replaced."""
    if isinstance(under.value, dict) and isinstance(over.value, dict):
        kinds = under.text("type"), over.text("type")
        if name in ONE_OF and kinds[1] is not None and kinds[0] != kinds[1]:
            return over
        merged = dict(under.value)
        for key, node in over.value.items():
            merged[key] = merge(merged[key], node, key) if key in merged else node
        return Node(value=merged, origin=under.origin)
    if isinstance(under.value, list) and isinstance(over.value, list) and name in NAMED:
        return Node(value=_by_name(under.value, over.value, NAMED[name]), origin=under.origin)
    return over


def _by_name(under: list[Node], over: list[Node], handle: str) -> list[Node]:
    merged = list(under)
    for node in over:
        called = node.text(handle)
        only = called is None and len(under) == len(over) == 1
        place = 0 if only else next((at for at, item in enumerate(merged) if called is not None and item.text(handle) == called), None)
        if place is None:
            merged.append(node)
        else:
            merged[place] = merge(merged[place], node)
    return merged
