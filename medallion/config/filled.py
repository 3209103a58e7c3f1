"""What stands in a request for a value that is known later: ``{parent.faa}`` of a parent's record, ``{incremental.start}`` of a window."""

from __future__ import annotations

import re
from collections.abc import Iterator

from medallion.config.api import Api
from medallion.config.node import Path
from medallion.config.source import Source

PLACEHOLDER = re.compile(r"\{(parent\.[^{}]+|incremental\.[A-Za-z_]+)\}")
"""Its group is what stands inside the braces."""
START, END = "incremental.start", "incremental.end"


def placeholders(api: Api) -> Iterator[tuple[Path, str]]:
    """Where something stands that is known later, and what; paths are relative to *api*."""
    for path, value in _texts(api):
        for name in PLACEHOLDER.findall(value):
            yield path, name


def names_end(api: Api) -> bool:
    """Whether requests of *api* say where a range ends."""
    asked = api.incremental
    return asked is not None and (asked.end_param is not None or any(name == END for _, name in placeholders(api)))


def has_end(source: Source) -> bool:
    """Whether *source* can be told where a range ends."""
    return source.type != "api" or source.api is None or names_end(source.api)


def _texts(api: Api) -> Iterator[tuple[Path, str]]:
    yield ("endpoint",), api.endpoint or ""
    for section, given in (("params", api.params), ("headers", api.headers), ("json", api.json_)):
        yield from _below((section,), given)


def _below(path: Path, value: object) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, child in value.items():
            yield from _below((*path, key), child)
    elif isinstance(value, list):
        for number, child in enumerate(value):
            yield from _below((*path, str(number)), child)
