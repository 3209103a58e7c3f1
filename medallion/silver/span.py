"""The range of a batch's keys: files of a table in which none of them can be are passed over, and so are parts of files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medallion.layout import literal, quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType

_ORDERED = ("bigint", "date", "string", "timestamp")
"""Types of which Delta keeps the least and the greatest value of a file, and whose values SQL can spell as literals of the same type."""
_LONGEST = 256
_LEAST = -(2**63)
"""SQL has no literal for it."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """Between which values the keys of a batch are: name of the column, least and greatest as SQL literals. A key that is not named may be
    anything."""

    bounds: tuple[tuple[str, str, str], ...] = ()

    def sql(self, *, alias: str | None = None, rename: Mapping[str, str] | None = None) -> str:
        """An SQL condition that is true of every row with a key of the batch; *rename* says what the columns are called there."""
        before = f"{alias}." if alias else ""
        said = []
        for name, least, greatest in self.bounds:
            column = f"{before}{quoted((rename or {}).get(name, name))}"
            said.append(f"{column} >= {least} AND {column} <= {greatest}")
        return " AND ".join(said) or "true"

    def of(self, rows: DataFrame) -> DataFrame:
        """The rows that are within; they have the keys under the names that they have here."""
        return rows.where(self.sql()) if self.bounds else rows


ANYTHING = Span()
"""The span of keys that nobody looked at."""


def ordered(keys: Sequence[str], schema: StructType) -> list[str]:
    """Those of *keys* that have an order by which files can be told apart."""
    return [name for name in keys if schema[name].dataType.simpleString() in _ORDERED]


def span(found: Mapping[str, tuple[str | None, str | None]], schema: StructType) -> Span:
    """The span between what was found: the least and the greatest value of each key, as text; None where there was none."""
    bounds = []
    for name, (least, greatest) in found.items():
        kind = schema[name].dataType.simpleString()
        low, high = _literal(least, kind), _literal(greatest, kind)
        if low is not None and high is not None:
            bounds.append((name, low, high))
    return Span(bounds=tuple(bounds))


def _literal(text: str | None, kind: str) -> str | None:
    """How SQL spells a value; None where it had better not be spelled: too long, or not sure to be read back as it is."""
    if text is None or len(text) > _LONGEST:
        return None
    if kind == "bigint":
        return None if int(text) == _LEAST else f"{text}L"
    if kind == "string":
        if "$" in text:  # Spark replaces variables in SQL before it reads it
            return None
        return literal(text)
    if not re.fullmatch(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d(\.\d{1,6})?)?", text):
        return None
    return f"{kind.upper()}'{text}'"
