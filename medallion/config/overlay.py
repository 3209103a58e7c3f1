"""What is laid over a file before it is checked: short forms, an environment's file, --set, ${VAR}, defaults, environment variables."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path as FilePath

from medallion.config import yaml
from medallion.config.api import Api
from medallion.config.check import problem
from medallion.config.names import closest
from medallion.config.node import NAMED, Node, Origin, Path, index, merge, names
from medallion.config.rules import SECTIONS
from medallion.config.shape import fields, is_secret, sections
from medallion.config.silver import Entity
from medallion.errors import ConfigError, Problem

SET = "--set"
ASYNC_HTTP, API_RPS, ENV = "MEDALLION_ASYNC_HTTP", "MEDALLION_API_RPS", "MEDALLION_ENV"
_OPEN_AUTH_KEYS = {
    key for option in sections(fields(Api)["auth"].annotation) for key, info in fields(option).items() if not is_secret(info)
}
_VARIABLE = re.compile(r"\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::([^{}]*))?\})?")


def read_file(path: FilePath, *, label: str) -> Node:
    """The tree of a file, its short forms as lists. Raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError([Problem(path="", message="is not UTF-8 text", file=str(path))]) from error
    except OSError as error:
        raise ConfigError([Problem(path="", message=f"cannot be read: {error.strerror}", file=str(path))]) from error
    tree = yaml.read(text, file=str(path), label=label)
    if not isinstance(tree.value, dict):
        raise ConfigError([problem(tree, (), "a pipeline is a mapping (key: value)")])
    source, several = tree.child("source"), tree.child("sources")
    if source is not None and several is not None:
        raise ConfigError([problem(tree, ("source",), "is the short form of sources: give one of them")])
    if source is not None:
        tree = tree.without("source").with_child("sources", _list(source))
    silver = tree.child("silver")
    return tree.with_child("silver", _list(silver)) if silver is not None and isinstance(silver.value, dict) else tree


def _list(item: Node) -> Node:
    return Node(value=[item], origin=item.origin)


def environment_file(path: FilePath, name: str) -> Node:
    """The tree of ``env/NAME.yaml`` beside the file's folder, or in it. Raises ConfigError."""
    folders = [path.absolute().parent / "env", path.absolute().parent.parent / "env"]
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
        for folder in folders:
            if (folder / f"{name}.yaml").is_file():
                return read_file(folder / f"{name}.yaml", label=f"env/{name}.yaml")
    there = sorted({file.stem for folder in folders for file in folder.glob("*.yaml")})
    known = f"there are {', '.join(there)}" if there else f"looked in {' and '.join(str(folder) for folder in folders)}"
    raise ConfigError([Problem(path="--env", message=f"no file env/{name}.yaml; {known}")])


def with_setting(tree: Node, setting: str) -> Node:
    """*tree* with one ``a.b=value`` in it; items of named lists by name. Raises ConfigError."""
    dotted, equals, text = setting.partition("=")
    path = tuple(dotted.strip().split("."))
    if not equals or not all(path):
        raise ConfigError([Problem(path=SET, message=f"must be a.b=value, got {dotted!r}")])
    try:
        value = yaml.read(text, file=SET) if text.strip() else Node(value=None, origin=Origin(label=SET))
    except ConfigError as error:
        raise ConfigError([Problem(path=dotted, message=found.message, file=SET) for found in error.problems]) from error
    return _assigned(tree, _whole(tree, path), _stamped(value, Origin(label=SET)), dotted)


def _whole(tree: Node, path: Path) -> Path:
    """*path* with the short forms ``source.…`` and ``silver.…`` spelled out."""
    if path[0] == "source":
        return ("sources", "0", *path[1:])
    entities = tree.child("silver")
    if path[0] == "silver" and len(path) > 1 and entities is not None and len(entities.items()) == 1:
        called = entities.items()[0].text("entity")
        return ("silver", "0", *path[1:]) if path[1] != called and path[1] in fields(Entity) else path
    return path


def _assigned(node: Node, path: Path, value: Node, dotted: str, name: str = "") -> Node:
    key = index(node, name, path[0])
    child = node.child(key)
    if isinstance(node.value, list) and child is None:
        known = list(names(node.value, NAMED.get(name, "")))
        meant = closest(path[0], known)
        hint = f"did you mean {meant}?" if meant else f"there are {', '.join(known) or 'none'}"
        raise ConfigError([Problem(path=dotted, message=f"nothing is called {path[0]!r} here; {hint}", file=SET)])
    if len(path) == 1:
        return node.with_child(key, value)
    below = child if child is not None else Node(value={}, origin=value.origin)
    return node.with_child(key, _assigned(below, path[1:], value, dotted, path[0]))


def _stamped(node: Node, origin: Origin) -> Node:
    """*node* with *origin* in all of it."""
    if isinstance(node.value, dict):
        return Node(value={key: _stamped(child, origin) for key, child in node.value.items()}, origin=origin)
    if isinstance(node.value, list):
        return Node(value=[_stamped(item, origin) for item in node.value], origin=origin)
    return Node(value=node.value, origin=origin)


def interpolated(node: Node, environ: Mapping[str, str], problems: list[Problem], path: Path = ()) -> Node:
    """*node* with each ``${VAR:default}`` of its texts replaced; an empty variable counts as unset, ``$${`` is a plain ``${``."""
    if isinstance(node.value, dict):
        children = {key: interpolated(child, environ, problems, (*path, key)) for key, child in node.value.items()}
        return Node(value=children, origin=node.origin)
    if isinstance(node.value, list):
        labels = names(node.value, NAMED.get(path[0], "") if len(path) == 1 else "")
        items = [interpolated(item, environ, problems, (*path, label)) for label, item in zip(labels, node.value, strict=True)]
        return Node(value=items, origin=node.origin)
    if not isinstance(node.value, str) or "${" not in node.value:
        return node
    if _is_secret(path):
        problems.append(problem(node, (), "takes no ${…}: write the secret reference itself, such as secret:env:NAME", prefix=path))
        return node

    def replaced(found: re.Match[str]) -> str:
        if found[0] == "$${":
            return "${"
        if found[1] is None:
            problems.append(problem(node, (), "a ${ must be ${NAME} or ${NAME:default}; a plain ${ is written $${", prefix=path))
        elif environ.get(found[1]):
            return environ[found[1]]
        elif found[2] is None:
            problems.append(problem(node, (), f"the environment variable {found[1]} is not set and has no default", prefix=path))
        return found[2] or ""

    return Node(value=_VARIABLE.sub(replaced, node.value), origin=node.origin)


def _is_secret(path: Path) -> bool:
    below = path[1:] if path[:1] == ("defaults",) else path[2:] if path[:1] == ("sources",) else ()
    return len(below) >= 3 and below[:2] == ("api", "auth") and below[2] not in _OPEN_AUTH_KEYS


def with_defaults(tree: Node) -> Node:
    """*tree* with its ``defaults`` merged under every source; of the sections api, db, file and custom only the one of its type."""
    defaults, sources = tree.child("defaults"), tree.child("sources")
    if defaults is None or sources is None or not isinstance(defaults.value, dict) or not isinstance(sources.value, list):
        return tree

    def filled(source: Node) -> Node:
        if not isinstance(source.value, dict):
            return source
        kind = source.text("type") or defaults.text("type") or "api"
        under = defaults.without(*(section for section in SECTIONS if section != kind))
        merged = merge(under, source)
        return Node(value=merged.value, origin=source.origin)

    return tree.with_child("sources", Node(value=[filled(source) for source in sources.value], origin=sources.origin))


def with_variables(tree: Node, environ: Mapping[str, str]) -> Node:
    """*tree* with what the environment says over the file, but not over ``--set``. Raises ConfigError."""
    problems: list[Problem] = []
    value = environ.get(ASYNC_HTTP, "").strip().lower()
    if value in ("true", "1", "false", "0"):
        tree = _in_each_api(tree, ("api", "async"), Node(value=value in ("true", "1"), origin=Origin(label=ASYNC_HTTP)))
    elif value:
        problems.append(Problem(path=ASYNC_HTTP, message=f"must be true or false, got {value!r}"))
    rate = environ.get(API_RPS, "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", rate) and float(rate) > 0:
        node = Node(value=float(rate), origin=Origin(label=API_RPS))
        tree = _unless_set(tree, ("run", "rate_limit_rps"), node)
        tree = _in_each_api(tree, ("api", "rate_limit", "rps"), node, where=lambda source: _says_rate(source))
    elif rate:
        problems.append(Problem(path=API_RPS, message=f"must be a number of requests a second above 0, got {rate!r}"))
    if problems:
        raise ConfigError(problems)
    return tree


def _says_rate(source: Node) -> bool:
    api = source.child("api")
    limit = api.child("rate_limit") if api is not None else None
    return limit is not None and isinstance(limit.value, dict)


def _in_each_api(tree: Node, path: Path, value: Node, where: Callable[[Node], bool] = lambda _: True) -> Node:
    sources = tree.child("sources")
    for at, source in enumerate(sources.items() if sources is not None else []):
        api = source.child("api")
        if api is not None and isinstance(api.value, dict) and where(source):
            tree = _unless_set(tree, ("sources", str(at), *path), value)
    return tree


def _unless_set(node: Node, path: Path, value: Node) -> Node:
    child = node.child(path[0])
    if len(path) == 1:
        return node if child is not None and child.origin.label == SET else node.with_child(path[0], value)
    below = child if child is not None and child.value is not None else Node(value={}, origin=value.origin)
    return node.with_child(path[0], _unless_set(below, path[1:], value))
