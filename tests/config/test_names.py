"""Suggestions never name a key that does not exist."""

from __future__ import annotations

import pytest

from medallion.config.api import Api
from medallion.config.names import SYNONYMS, VALUES, closest, suggest
from medallion.config.node import NAMED
from medallion.config.pipeline import Document
from medallion.config.shape import fields, sections
from medallion.config.silver import Entity
from medallion.config.source import Source
from medallion.config.values import Section


def everything(section: type[Section]) -> set[str]:
    """All keys of a section and below."""
    keys = set(fields(section))
    for info in fields(section).values():
        for child in sections(info.annotation):
            keys |= everything(child)
    return keys


def test_every_synonym_stands_for_a_key_that_there_is() -> None:
    """A suggestion can be followed."""
    assert set(SYNONYMS) <= everything(Document)


@pytest.mark.parametrize("section", [Document, Source, Api, Entity])
def test_a_suggestion_is_a_path_that_exists(section: type[Section]) -> None:
    """Whatever word is asked for, the answer can be written into the file."""
    for word in {word for theirs in SYNONYMS.values() for word in theirs}:
        meant = suggest(word, section, Document)
        if meant is not None:
            assert exists(meant, section) or exists(meant, Document), (word, meant)


def exists(dotted: str, section: type[Section]) -> bool:
    first, _, rest = dotted.partition(".")
    if first not in fields(section):
        return False
    return not rest or any(exists(rest, child) for child in sections(fields(section)[first].annotation))


def test_a_suggested_value_is_one_that_is_offered() -> None:
    """Synonyms of values count only where that value is possible."""
    assert closest("upsert", ["scd_type_1"]) == "scd_type_1"
    assert closest("upsert", ["page"]) is None
    assert len(VALUES) > 20


def test_named_lists_are_lists_of_the_configuration() -> None:
    """What is addressed by name has that name as a key."""
    for name, handle in NAMED.items():
        assert handle in fields(sections(fields(Document)[name].annotation)[0])
