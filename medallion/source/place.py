"""Where a parameter goes into a request: the query, or the JSON body where that has a key of its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from medallion.config.filled import PLACEHOLDER
from medallion.errors import SourceError
from medallion.source.request import Request


def spelled(value: object) -> str:
    """A configured or decoded value as it stands in a query: true and false in lower case, the rest as JSON writes it."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def with_param(request: Request, name: str, value: str | float) -> Request:
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


def filled(request: Request, fields: Mapping[str, Any]) -> Request:
    """*request* with the values of *fields* in path, query, headers and body, where a value alone keeps its type.

    *fields* are by what stands in braces, ``parent.name`` or ``incremental.start``; others stay as they are. In the path a value is
    one segment, or a part of one: SourceError where it would be none, or one that leads elsewhere.
    """

    def text(template: str) -> str:
        return PLACEHOLDER.sub(lambda found: spelled(fields[found[1]]) if found[1] in fields else found[0], template)

    def value(template: Any) -> Any:
        if isinstance(template, dict):
            return {key: value(child) for key, child in template.items()}
        if isinstance(template, list):
            return [value(child) for child in template]
        if not isinstance(template, str):
            return template
        alone = PLACEHOLDER.fullmatch(template)
        return fields[alone[1]] if alone is not None and alone[1] in fields else text(template)

    parts = urlsplit(request.url)
    headers = tuple((name, text(given)) for name, given in request.headers)
    if any("\r" in given or "\n" in given for _, given in headers):
        raise SourceError(f"{request.shown}: a line break in a value of {dict(fields)!r} cannot stand in a header")
    return replace(
        request,
        url=urlunsplit(parts._replace(path="/".join(_segment(part, fields, request) for part in parts.path.split("/")))),
        params=tuple((name, text(given)) for name, given in request.params),
        headers=headers,
        body=None if request.body is None else msgspec.json.encode(value(msgspec.json.decode(request.body))),
    )


def _segment(template: str, fields: Mapping[str, Any], request: Request) -> str:
    whole = PLACEHOLDER.sub(lambda found: quote(spelled(fields[found[1]]), safe="") if found[1] in fields else found[0], template)
    if whole != template and whole in ("", ".", ".."):
        raise SourceError(f"{request.shown}: the values {dict(fields)!r} make no path; leave such records out by parent.where")
    return whole


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
