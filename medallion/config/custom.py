"""What is read by a class that is not ours: which class, and what it is made with."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from medallion.config.incremental import Incremental
from medallion.config.secret import PREFIX, WITHIN, check_reference
from medallion.config.shape import texts
from medallion.config.values import Section

SOURCE_GROUP = "medallion.sources"
"""The entry points that offer sources."""
_MODULE_CLASS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def is_module_class(name: str) -> bool:
    """Whether *name* is ``module:Class`` instead of an entry point's name."""
    return ":" in name


def _module_class(name: str) -> str:
    if not _MODULE_CLASS.fullmatch(name):
        raise ValueError(f"must be module:Class, such as shop.sources:Orders, got {name!r}")
    return name


def class_name(group: str) -> Callable[[str], str]:
    """Gives a name back that can be an entry point's of *group* or a ``module:Class``; ValueError for any other."""

    def check(name: str) -> str:
        if is_module_class(name):
            return _module_class(name)
        if not name.strip() or name != name.strip():
            raise ValueError(f"must be the name of an entry point in the group {group}, or module:Class")
        return name

    return check


def with_references(options: dict[str, Any]) -> dict[str, Any]:
    """*options* if every text in it that begins as a secret reference is one; ValueError otherwise."""
    for text in texts(options):
        if text.startswith(PREFIX):
            check_reference(text)
    return options


ModuleClass = Annotated[str, AfterValidator(_module_class)]
"""``module:Class``."""


class Custom(Section):
    """A class of your own."""

    class_: Annotated[str, Field(alias="class"), AfterValidator(class_name(SOURCE_GROUP))]
    """Name of an entry point in the group medallion.sources; or module:Class, which run.allow_classes has to name too."""
    options: Annotated[dict[str, Any], AfterValidator(with_references), WITHIN] = {}
    """What it is made with, checked by its Options; secret references become their values, {run.date} the day of the run."""
    incremental: Incremental | None = None
    """Asks only for what is new: the bounds of the run are the window of each lane."""
