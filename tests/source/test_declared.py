"""What a configuration declares of a table."""

from __future__ import annotations

from typing import Any

import pytest

from medallion.config.source import Source
from medallion.errors import ConfigError
from medallion.schema import BIGINT, STRING
from medallion.source.declared import declared_of


def source(**more: Any) -> Source:
    """A source of an API."""
    return Source.model_validate({"name": "s", "system": "s", "table": "t", "load_pattern": "cdc", "api": {"base_url": "http://a"}, **more})


def test_columns_come_with_their_types() -> None:
    """None where nothing is declared; a field that lands as text may be declared as text."""
    assert declared_of(source()) == {}
    assert declared_of(source(schema="id INT, p STRING", as_json=["p"])) == {"id": BIGINT, "p": STRING}


@pytest.mark.parametrize(
    ("more", "path", "says"),
    [
        ({"schema": "id"}, "sources.s.schema", "no type"),
        ({"schema": "p BIGINT", "as_json": ["p"]}, "sources.s.as_json", "declare it STRING"),
    ],
)
def test_a_contradiction_is_a_configuration_error(more: dict[str, Any], path: str, says: str) -> None:
    """It names the key."""
    with pytest.raises(ConfigError) as caught:
        declared_of(source(**more))
    assert caught.value.problems[0].path == path
    assert says in caught.value.problems[0].message
