"""The columns that a configuration declares, with their types."""

from __future__ import annotations

from medallion.config.source import Source
from medallion.errors import ConfigError, Problem
from medallion.schema import STRING, Type, parse_ddl


def declared_of(source: Source) -> dict[str, Type]:
    """The columns of ``schema``, none where there is no such key. Raises ConfigError where it is no schema, or contradicts ``as_json``."""
    try:
        declared = {} if source.schema_ is None else parse_ddl(source.schema_)
    except ValueError as error:
        raise ConfigError([Problem(path=f"sources.{source.name}.schema", message=str(error))]) from error
    for name in source.as_json:
        if declared.get(name, STRING) != STRING:
            message = f"{name} is declared {declared[name]}, and lands as text: declare it STRING, or leave it out of schema"
            raise ConfigError([Problem(path=f"sources.{source.name}.as_json", message=message)])
    return declared
