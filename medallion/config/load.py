"""A file becomes a checked pipeline, with the origin of every value; or one error with everything that is wrong."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medallion.config import overlay
from medallion.config.node import NAMED, Node, Origin, at, merge
from medallion.config.parts import Parts
from medallion.config.pipeline import Pipeline
from medallion.config.platform import Platform
from medallion.config.run import Run
from medallion.errors import ConfigError, NotYetError, Problem

DEFAULT = "default"


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A pipeline that can be run.

    *origins* says for each dotted path of a value (sources by name, tables by entity) where it comes from:
    ``default``, ``nyc.yaml:12``, ``env/prod.yaml:3``, ``--set`` or the name of an environment variable.
    """

    pipeline: Pipeline
    origins: Mapping[str, str]
    path: Path


def load(path: Path, *, env: str | None = None, sets: Sequence[str] = (), environ: Mapping[str, str] | None = None) -> Loaded:
    """The pipeline of the file at *path*.

    *env* names a file ``env/NAME.yaml`` laid over it, *sets* are ``a.b=value`` laid over both, *environ* are the
    environment variables (default: those of the process). Raises ConfigError with all problems, and NotYetError where
    the only problems are things that this version does not build.
    """
    variables = os.environ if environ is None else environ
    problems: list[Problem] = []
    tree = _tree(path, env or variables.get(overlay.ENV) or None, sets, variables, problems)
    parts = Parts(tree)
    known = {(found.file, found.line) for found in problems if found.line}
    problems += [found for found in parts.problems if (found.file, found.line) not in known]
    if problems:
        raise ConfigError(_ordered([*problems, *parts.not_yet]))
    if parts.not_yet:
        raise NotYetError(_ordered(parts.not_yet))
    assert parts.document is not None, "a document without problems is whole"
    assert parts.document.pipeline is not None, "the file's name is filled in"
    pipeline = Pipeline(
        config_version=parts.document.config_version,
        pipeline=parts.document.pipeline,
        platform=parts.platform or Platform(),
        sources=parts.sources,
        silver=parts.entities,
        run=parts.run or Run(),
    )
    origins = {".".join(path): _origin(tree, path) for path, _ in _flat(pipeline.model_dump(mode="json", by_alias=True), ())}
    return Loaded(pipeline=pipeline, origins=origins, path=path)


def values(pipeline: Pipeline) -> dict[str, Any]:
    """Each value of a pipeline as it is written in a file, by its dotted path: the keys of :attr:`Loaded.origins`."""
    return {".".join(path): value for path, value in _flat(pipeline.model_dump(mode="json", by_alias=True), ())}


def _tree(path: Path, env: str | None, sets: Sequence[str], variables: Mapping[str, str], problems: list[Problem]) -> Node:
    """Everything that was written, one laid over the other."""
    tree = overlay.read_file(path, label=path.name)
    if env is not None:
        try:
            tree = merge(tree, overlay.environment_file(path, env))
        except ConfigError as error:
            problems += error.problems
    for setting in sets:
        try:
            tree = overlay.with_setting(tree, setting)
        except ConfigError as error:
            problems += error.problems
    named = tree.child("pipeline")
    if named is None or named.value is None:
        tree = tree.with_child("pipeline", Node(value=path.stem, origin=Origin(label=path.name, file=str(path))))
    tree = overlay.with_defaults(overlay.interpolated(tree, variables, problems))
    try:
        return overlay.with_variables(tree, variables)
    except ConfigError as error:
        problems += error.problems
        return tree


def _ordered(problems: Iterable[Problem]) -> list[Problem]:
    """Each problem once, in the order of files and lines; what stands in ``defaults`` is found under every source."""
    once = {(found.file, found.line, found.path.rsplit(".", 1)[-1], found.message): found for found in reversed(list(problems))}
    return sorted(once.values(), key=lambda found: (found.file or "", found.line or 0, found.path))


def _flat(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each value below *path*: what is neither a mapping with keys nor a list of named items."""
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from _flat(child, (*path, key))
    elif isinstance(value, list) and value and len(path) == 1 and path[0] in NAMED:
        for item in value:
            yield from _flat(item, (*path, item[NAMED[path[0]]]))
    else:
        yield path, value


def _origin(tree: Node, path: tuple[str, ...]) -> str:
    node = at(tree, path)
    return DEFAULT if node is None else str(node.origin)
