"""What stands for a value of a parent's record in a request: ``{parent.faa}``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from medallion.config.api import Api
from medallion.config.node import Path

PLACEHOLDER = re.compile(r"\{parent\.([^{}]+)\}")
"""Its group is the field's name."""


def placeholders(api: Api) -> Iterator[tuple[Path, str]]:
    """Where a field of the parent is named, and its name; paths are relative to *api*."""
    for path, value in _texts(api):
        for name in PLACEHOLDER.findall(value):
            yield path, name


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
