"""Classes that are not ours: found by entry point or ``module:Class``, their options checked before they are made."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from importlib.metadata import entry_points
from typing import Any

from pydantic import TypeAdapter, ValidationError

from medallion.config.custom import is_module_class
from medallion.config.names import closest
from medallion.config.secret import PREFIX, SecretResolver
from medallion.config.values import RUN_DATE
from medallion.errors import ConfigError, Problem


class NotThereError(Exception):
    """Why a class was not found."""


def loaded(name: str, group: str) -> Any:
    """What *name* stands for, an entry point of *group* or a ``module:Class``; NotThereError where there is nothing to be had."""
    if is_module_class(name):
        module, _, called = name.partition(":")
        try:
            return getattr(importlib.import_module(module), called)
        except (ImportError, AttributeError) as error:
            raise NotThereError(f"{name} cannot be imported ({error}); install its package, or put its folder into PYTHONPATH") from error
        except Exception as error:
            raise NotThereError(f"importing {module} fails ({type(error).__name__}: {error})") from error
    points = list(entry_points(group=group))
    named = [point for point in points if point.name == name]
    if len(named) != 1:
        known = ", ".join(sorted({point.name for point in points})) or "none"
        why = f"several packages have an entry point {name}" if named else f"no entry point is called {name!r}, there are {known}"
        raise NotThereError(f"{why} (group {group}); a class in a module is written module:Class")
    try:
        return named[0].load()
    except Exception as error:
        raise NotThereError(f"{name} ({named[0].value}) cannot be loaded: {error}") from error


def options_of(found: Any) -> TypeAdapter[Any] | None:
    """What checks the options of a class: its ``Options``; None where it takes the mapping as it is."""
    options = getattr(found, "Options", None)
    return None if options is None else TypeAdapter(options)


def checked_options(options: TypeAdapter[Any] | None, given: Mapping[str, Any], path: str) -> Any:
    """The options that a class is made with; ConfigError with every problem, below *path*."""
    if options is None:
        return given
    schema = options.json_schema()
    known = list(schema.get("properties", given if schema.get("additionalProperties") else ()))
    problems = [Problem(path=f"{path}.{name}", message=_unknown(name, known)) for name in given if name not in known]
    try:
        value = options.validate_python({name: given[name] for name in given if name in known})
    except ValidationError as error:
        raise ConfigError([*problems, *_problems(error, path)]) from error
    if problems:
        raise ConfigError(problems)
    return value


def settled(value: Any, resolver: SecretResolver, logical_date: datetime | None) -> Any:
    """*value* with secrets in place of their references, and the run's day, if there is one, in place of ``{run.date}``."""
    if isinstance(value, dict):
        return {key: settled(child, resolver, logical_date) for key, child in value.items()}
    if isinstance(value, list):
        return [settled(child, resolver, logical_date) for child in value]
    if not isinstance(value, str):
        return value
    if value.startswith(PREFIX):
        return resolver.resolve(value)
    return value if logical_date is None else value.replace(RUN_DATE, f"{logical_date:%Y-%m-%d}")


def _problems(error: ValidationError, path: str) -> Iterator[Problem]:
    for one in error.errors(include_url=False, include_input=False):  # an input may be a secret
        said = "required" if one["type"] in ("missing", "missing_argument") else f"{one['msg'][:1].lower()}{one['msg'][1:]}"
        yield Problem(path=".".join([path, *map(str, one["loc"])]), message=said)


def _unknown(name: str, known: Sequence[str]) -> str:
    meant = closest(name, known)
    return f"unknown option; did you mean {meant}?" if meant else f"unknown option; there are {', '.join(known) or 'none'}"
