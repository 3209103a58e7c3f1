"""From a tree to a model: every problem of the tree as a sentence with its path, file and line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from medallion.config.names import closest, suggest
from medallion.config.node import Node, Path, at, nearest, plain
from medallion.config.shape import chosen, fields, is_secret, kinds, scalars, sections
from medallion.config.values import Section
from medallion.errors import Problem

S = TypeVar("S", bound=Section)

_NAME = "must be lower-case letters, digits, _ and -, beginning with a letter or digit, at most 128"


def problem(tree: Node, path: Path, message: str, *, prefix: Path = ()) -> Problem:
    """A problem at *path* of *tree*; its line is that of the deepest key there is. *prefix* is where *tree* itself stands."""
    origin = nearest(tree, path).origin
    return Problem(path=".".join((*prefix, *path)), message=message, file=origin.file or origin.label, line=origin.line)


@dataclass(frozen=True, kw_only=True)
class _Place:
    """The section in which an error is, and the field, if it is one that the section knows."""

    section: type[Section]
    field: FieldInfo | None


@dataclass(frozen=True, kw_only=True)
class Checked(Generic[S]):
    """What became of a tree: the model, None where there are problems, and those.

    *sound* is the model without what is wrong, as far as there is one: enough to look for contradictions in the rest.
    *wrong* are the paths of the problems, relative to the tree.
    """

    model: S | None
    sound: S | None
    problems: tuple[Problem, ...]
    wrong: tuple[Path, ...]

    def concerns(self, path: Path) -> bool:
        """Whether a problem is known already at *path*, above or below it."""
        return any(path[: len(known)] == known or known[: len(path)] == path for known in self.wrong)


def checked(kind: type[S], tree: Node, prefix: Path, *, root: type[Section]) -> Checked[S]:
    """The model that *tree* spells, or every problem; *prefix* is where the tree stands in the configuration."""
    if not isinstance(tree.value, dict):
        no_mapping = problem(tree, (), "must be a mapping (key: value)", prefix=prefix)
        return Checked(model=None, sound=None, problems=(no_mapping,), wrong=((),))
    messages: dict[Path, str] = {}
    settled = _booleans(tree, kind, (), messages)
    model, errors = _tried(kind, settled)
    for path, found in errors.items():
        messages.setdefault(path, _message(found, root))
    problems = tuple(problem(tree, path, message, prefix=prefix) for path, message in messages.items())
    sound, rest = model, settled
    for path in messages:
        rest = _pruned(rest, path)
    while sound is None:
        sound, errors = _tried(kind, rest)
        smaller = rest
        for path in errors:
            smaller = _pruned(smaller, path if at(smaller, path) is not None else path[:-1])
        if smaller is rest:
            break
        rest = smaller
    return Checked(model=None if messages else model, sound=sound, problems=problems, wrong=tuple(messages))


def _tried(kind: type[S], tree: Node) -> tuple[S | None, dict[Path, list[tuple[ErrorDetails, _Place]]]]:
    """The model, or None and pydantic's errors by their path."""
    errors: dict[Path, list[tuple[ErrorDetails, _Place]]] = {}
    try:
        return kind.model_validate(plain(tree)), errors
    except ValidationError as error:
        for details in error.errors(include_url=False):
            path, place = _path(kind, details)
            errors.setdefault(path, []).append((details, place))
        return None, errors


def _pruned(tree: Node, path: Path) -> Node:
    """*tree* without what stands at *path*, or *tree* itself where nothing can be taken out there."""
    child = tree.child(path[0]) if path else None
    if child is None or not isinstance(tree.value, dict):
        return tree
    smaller = _pruned(child, path[1:])
    return tree.without(path[0]) if smaller is child else tree.with_child(path[0], smaller)


def _booleans(node: Node, annotation: Any, path: Path, messages: dict[Path, str]) -> Node:
    """*node* with ``true`` and ``false`` that came as text made booleans; a boolean in place of a number is a problem, so is ``yes``."""
    options = sections(annotation)
    if options and isinstance(node.value, list):
        items = [_booleans(item, options[0], (*path, str(place)), messages) for place, item in enumerate(node.value)]
        return Node(value=items, origin=node.origin)
    section = chosen(options, node.text("type"))
    if section is not None and isinstance(node.value, dict):
        known = fields(section)
        children = {
            key: _booleans(child, known[key].annotation, (*path, key), messages) if key in known else child
            for key, child in node.value.items()
        }
        return Node(value=children, origin=node.origin)
    wanted = scalars(annotation)
    if isinstance(node.value, bool) and bool not in wanted and wanted & {int, float}:
        messages[path] = f"must be a number, got {str(node.value).lower()}"
    elif bool in wanted and str not in wanted and isinstance(node.value, str | int | float) and not isinstance(node.value, bool):
        if node.value in ("true", "false"):
            return Node(value=node.value == "true", origin=node.origin)
        messages[path] = f"must be true or false, got {node.value!r}"
    return node


def _path(kind: type[Section], details: ErrorDetails) -> tuple[Path, _Place]:
    """Where an error is, without pydantic's names for the branches of a union."""
    path: list[str] = []
    annotation: Any = kind
    place = _Place(section=kind, field=None)
    for part in details["loc"]:
        options = sections(annotation)
        if isinstance(part, int):
            annotation = options[0] if options else None
        elif len(options) > 1:  # part is the type that was chosen
            annotation = chosen(options, part)
            continue
        elif options:
            known = fields(options[0])
            place = _Place(section=options[0], field=known.get(part))
            annotation = known[part].annotation if part in known else None
        elif get_origin(annotation) is dict:
            annotation = get_args(annotation)[1]
        else:  # part names a branch of a union
            break
        path.append(str(part))
    return tuple(path), place


def _message(found: Sequence[tuple[ErrorDetails, _Place]], root: type[Section]) -> str:
    """One sentence for all that pydantic says of one place."""
    details, place = found[0]
    if details["type"] == "extra_forbidden":
        meant = suggest(str(details["loc"][-1]), place.section, root)
        return f"unknown key; did you mean {meant}?" if meant else f"unknown key; the keys here are {', '.join(fields(place.section))}"
    if details["type"] == "missing":
        return "required"
    wanted = " or ".join(dict.fromkeys(_wanted(one, owner) for one, owner in found))
    if details["type"] in ("value_error", "union_tag_not_found"):
        return wanted
    secret = place.field is not None and is_secret(place.field)
    shown = "" if secret or (isinstance(details["input"], dict) and details["type"] != "union_tag_invalid") else f", got {_shown(details)}"
    return f"{'' if wanted.startswith('must') else 'must be '}{wanted}{shown}"


def _shown(details: ErrorDetails) -> str:
    given = details["ctx"]["tag"] if details["type"] == "union_tag_invalid" else details["input"]
    text = "null" if given is None else str(given).lower() if isinstance(given, bool) else repr(given)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _wanted(details: ErrorDetails, place: _Place) -> str:
    """What is allowed, as the end of "must be …"."""
    kind, context = details["type"], details.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        options = _options(str(context["expected"]))
        meant = closest(str(details["input"]), options)
        return f"{_one_of(options)}{f' (did you mean {meant}?)' if meant else ''}"
    if kind == "union_tag_invalid":
        options = _options(str(context["expected_tags"]))
        meant = closest(str(context["tag"]), options)
        return f"{_one_of(options)}{f' (did you mean {meant}?)' if meant else ''}"
    if kind == "union_tag_not_found":
        tags = [tag for option in sections(place.field.annotation if place.field else None) for tag in kinds(option)]
        return f"type: required{f', {_one_of(tags)}' if tags else ''}"
    if kind == "string_pattern_mismatch":
        return _NAME
    limits = {"greater_than_equal": ("ge", "{} or more"), "less_than_equal": ("le", "{} or less"), "greater_than": ("gt", "more than {}")}
    if kind in limits:
        name, text = limits[kind]
        return text.format(f"{context[name]:g}")
    return _SENTENCES.get(kind) or f"otherwise: {details['msg']}"


def _options(text: str) -> list[str]:
    return [option.strip().strip("'") for option in text.replace(" or ", ", ").split(",")]


def _one_of(options: Sequence[str]) -> str:
    return options[0] if len(options) == 1 else f"one of {', '.join(options)}"


_SENTENCES: Mapping[str, str] = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "string_too_short": "text that is not empty",
    "tuple_type": "a list",
    "too_short": "a list that is not empty",
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
}
