"""What a Silver table says, apart from how it came about: the same wherever and however often the same log was promoted."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from medallion.config.pipeline import Pipeline
from medallion.silver.home import table_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

HISTORY = ("__START_AT", "__END_AT")
"""Of the columns that begin with ``__`` those that are content; the others say which batch wrote a row."""


def content_columns(columns: Iterable[str]) -> list[str]:
    """Business and history columns, by name."""
    return sorted(column for column in columns if not column.startswith("__") or column in HISTORY)


def content_hash(table: DataFrame) -> str:
    """The SHA-256 of all rows of a small table, sorted: equal for equal multisets of rows with the same columns and types."""
    content = table.select(*[f"`{name}`" for name in content_columns(table.columns)])
    lines = [repr(content.dtypes), *sorted(repr(tuple(row)) for row in content.collect())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def content_hashes(spark: SparkSession, pipeline: Pipeline, *, names: Collection[str] = ()) -> dict[str, str]:
    """:func:`content_hash` of each table of a pipeline, or of those of these *names*, by the name of its entity."""
    tables = {entity.entity: table_of(pipeline, entity) for entity in pipeline.silver if entity.entity in names or not names}
    return {name: content_hash(spark.read.format("delta").load(table)) for name, table in tables.items()}
