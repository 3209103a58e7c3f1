"""What the models say of a place in a tree: its keys, the sections below it, which of its values are secrets."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from medallion.config.secret import PREFIX, REFERENCE, WITHIN
from medallion.config.values import Section


def fields(section: type[Section]) -> dict[str, FieldInfo]:
    """The keys of a section as they are written in a file, in order."""
    return {info.alias or name: info for name, info in section.model_fields.items()}


def sections(annotation: Any) -> list[type[Section]]:
    """The sections that a value of this type can be, items of a list included; several where a ``type`` key decides."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    origin = get_origin(annotation)
    if origin is Annotated:
        return sections(get_args(annotation)[0])
    if origin in (Union, UnionType) or origin is tuple:
        return [found for argument in get_args(annotation) for found in sections(argument)]
    return []


def chosen(options: list[type[Section]], kind: object) -> type[Section] | None:
    """The section that is meant: the only one, or the one of this ``type``; None where that is not to be said."""
    if len(options) < 2:
        return options[0] if options else None
    return next((option for option in options if kind in kinds(option)), None)


def kinds(section: type[Section]) -> tuple[Any, ...]:
    """The values of ``type`` that mean this section."""
    return get_args(section.model_fields["type"].annotation)


def is_list(annotation: Any) -> bool:
    """Whether a value of this type is a list."""
    return get_origin(annotation) is tuple or any(is_list(argument) for argument in alternatives(annotation))


def scalars(annotation: Any) -> set[type]:
    """The plain types (str, int, float, bool) that a value of this type can have; not those of its items."""
    if annotation in (str, int, float, bool):
        return {annotation}
    return {found for argument in alternatives(annotation) for found in scalars(argument)}


def is_secret(info: FieldInfo) -> bool:
    """Whether the field takes a secret reference."""
    return REFERENCE in info.metadata


def references(section: Section) -> Iterator[str]:
    """Every secret reference that a section holds, those of the sections below it included."""
    for name, info in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from references(value)
        elif value is not None and is_secret(info):
            yield value
        elif WITHIN in info.metadata:
            yield from (text for text in texts(value) if text.startswith(PREFIX))


def texts(value: Any) -> Iterator[str]:
    """Every text in a value of a configuration, at any depth."""
    if isinstance(value, str):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        yield from texts(child)


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """The types of which a union is made; none for any other type."""
    if get_origin(annotation) is Annotated:
        return get_args(annotation)[:1]
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else ()
