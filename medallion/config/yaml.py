"""YAML without surprises: only true and false are booleans; no implicit dates, octals or sexagesimals; no key twice."""

from __future__ import annotations

import re
from typing import Any

import yaml

from medallion.config.node import Node, Origin, Value
from medallion.errors import ConfigError, Problem

MOST_NODES = 50_000
"""Aliases repeat what they name; a file that would grow beyond this is refused."""

LONGEST_NUMBER = 100

_CORE = "tag:yaml.org,2002:"
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)?\.[0-9]+(?:[eE][-+]?[0-9]+)?")


class StrictLoader(yaml.SafeLoader):
    """Reads plain scalars by four rules: null, booleans, decimal integers, decimal fractions; all else is text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


for _tag, _pattern, _first in (
    ("null", re.compile(r"~|null|"), ["~", "n", ""]),
    ("bool", re.compile(r"true|false"), list("tf")),
    ("int", _INTEGER, list("-+0123456789")),
    ("float", _FLOAT, list("-+.0123456789")),
):
    StrictLoader.add_implicit_resolver(_CORE + _tag, re.compile(rf"^(?:{_pattern.pattern})$"), _first)


def read(text: str, *, file: str, label: str | None = None) -> Node:
    """The tree that *text* spells; *file* stands in problems, *label* in origins.

    Raises ConfigError with every problem of the text, each with its line.
    """
    try:
        root = _composed(text)
        if root is None:
            return Node(value={}, origin=Origin(label=label or file, file=file, line=1))
        builder = _Builder(file=file, label=label or file)
        tree = builder.node(root, "", root.start_mark.line + 1)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = ", ".join(part for part in (error.context, error.problem) if part)
        raise ConfigError([Problem(path="", message=f"not YAML: {said}", file=file, line=mark.line + 1 if mark else None)]) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, int(error.position)) + 1
        raise ConfigError([Problem(path="", message=f"not YAML: {error.reason}", file=file, line=line)]) from error
    except RecursionError as error:
        raise ConfigError([Problem(path="", message="not a configuration: it is nested too deeply", file=file)]) from error
    if builder.problems:
        raise ConfigError(builder.problems)
    return tree


def _composed(text: str) -> yaml.Node | None:
    loader = StrictLoader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


class _Builder:
    """Turns what PyYAML composed into nodes, and collects what is wrong."""

    def __init__(self, *, file: str, label: str) -> None:
        self.file, self.label = file, label
        self.problems: list[Problem] = []
        self._open: set[int] = set()
        self._count = 0

    def node(self, composed: yaml.Node, path: str, line: int) -> Node:
        origin = Origin(label=self.label, file=self.file, line=line)
        self._count += 1
        if self._count > MOST_NODES or id(composed) in self._open:
            if self._count <= MOST_NODES or not self.problems:
                self._problem(path, line, "an alias here repeats itself without end; write the values out")
            return Node(value=None, origin=origin)
        self._open.add(id(composed))
        value = self._value(composed, path, line)
        self._open.discard(id(composed))
        return Node(value=value, origin=origin)

    def _value(self, composed: yaml.Node, path: str, line: int) -> Value:
        kind = str(composed.tag).removeprefix(_CORE)
        if isinstance(composed, yaml.MappingNode) and kind == "map":
            return self._mapping(composed, path)
        if isinstance(composed, yaml.SequenceNode) and kind == "seq":
            return [self.node(item, _join(path, str(at)), item.start_mark.line + 1) for at, item in enumerate(composed.value)]
        if isinstance(composed, yaml.ScalarNode):
            text = str(composed.value)
            if kind == "str":
                return text
            if kind == "null" and text in ("", "~", "null"):
                return None
            if kind == "bool" and text in ("true", "false"):
                return text == "true"
            if kind == "int" and _INTEGER.fullmatch(text) and len(text) <= LONGEST_NUMBER:
                return int(text)
            if kind == "float" and (_FLOAT.fullmatch(text) or _INTEGER.fullmatch(text)):
                return float(text)
        self._problem(path, line, f"the tag {composed.tag} is not allowed here; write plain values")
        return None

    def _mapping(self, composed: yaml.MappingNode, path: str) -> dict[str, Node]:
        mapping: dict[str, Node] = {}
        lines: dict[str, int] = {}
        pairs: list[tuple[Any, yaml.Node]] = composed.value
        for key, value in pairs:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self._problem(path, line, "a key must be plain text")
                continue
            name = str(key.value)
            here = _join(path, name)
            if name == "<<" and key.style is None:
                self._problem(here, line, "merge keys are not read; what sources have in common stands in defaults:")
            elif name in mapping:
                self._problem(here, line, f"stands twice; the first is in line {lines[name]}")
            else:
                mapping[name], lines[name] = self.node(value, here, line), line
        return mapping

    def _problem(self, path: str, line: int, message: str) -> None:
        self.problems.append(Problem(path=path, message=message, file=self.file, line=line))


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
