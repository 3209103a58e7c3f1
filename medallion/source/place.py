"""Where a parameter goes into a request: the query, or the JSON body where that has a key of its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import msgspec

from medallion.source.request import Request


def spelled(value: object) -> str:
    """A configured or decoded value as it stands in a query: true and false in lower case, the rest as JSON writes it."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def with_param(request: Request, name: str, value: str | int) -> Request:
    """*request* with one parameter: in the JSON body if that has the (dotted) key *name* already, otherwise in the query."""
    if request.body is not None and _has(msgspec.json.decode(request.body), name.split(".")):
        return with_json(request, name, value)
    return with_query(request, name, value)


def placed(request: Request, name: str, value: str | int, location: Literal["query", "body"]) -> Request:
    """*request* with one parameter where it is declared to stand; in the query as :func:`with_param` has it."""
    return with_json(request, name, value) if location == "body" else with_param(request, name, value)


def with_query(request: Request, name: str, value: object) -> Request:
    """*request* with one query parameter; another value that it had is replaced."""
    kept = [pair for pair in request.params if pair[0] != name]
    return replace(request, params=(*kept, (name, spelled(value))))


def with_json(request: Request, path: str, value: Any) -> Request:
    """*request* with *value* at a dotted path of its JSON body, which is made where there is none."""
    content = msgspec.json.decode(request.body) if request.body is not None else {}
    return replace(request, body=msgspec.json.encode(_put(content, path.split("."), value)))


def _has(content: Any, steps: Sequence[str]) -> bool:
    for step in steps:
        if not isinstance(content, Mapping) or step not in content:
            return False
        content = content[step]
    return True


def _put(content: Any, steps: Sequence[str], value: Any) -> Any:
    if not steps:
        return value
    level = content if isinstance(content, dict) else {}
    return {**level, steps[0]: _put(level.get(steps[0]), steps[1:], value)}
