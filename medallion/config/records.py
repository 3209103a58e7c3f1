"""How the body of an answer holds its records."""

from __future__ import annotations

import codecs
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from medallion.config.values import Section

RecordsFormat = Literal["json", "jsonl", "csv"]


def _encoding(name: str) -> str:
    try:
        codecs.lookup(name)
    except LookupError:
        raise ValueError(f"must be an encoding such as utf-8, utf-16 or latin-1, got {name!r}") from None
    return name


class Csv(Section):
    """How rows of CSV are written."""

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    """What stands between two fields: one character."""
    quote: Annotated[str, Field(min_length=1, max_length=1)] = '"'
    """What stands around fields that hold a delimiter or a line break; doubled inside them."""
    header: bool = True
    """Whether the first row of every answer holds the names of the columns."""
    columns: tuple[str, ...] | None = None
    """Names of the columns in order, in place of those in the header; needed where there is none."""
    null_values: tuple[str, ...] = ("",)
    """Texts that mean null, quoted or not."""
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    """Of the text."""

    @model_validator(mode="after")
    def _columns_have_names(self) -> Csv:
        if not self.header and not self.columns:
            raise ValueError("without a header the columns need names: columns: [id, name]")
        if self.columns is not None and len(set(self.columns)) != len(self.columns):
            raise ValueError("columns names one twice")
        if self.delimiter == self.quote or {self.delimiter, self.quote} & {"\n", "\r"}:
            raise ValueError("delimiter and quote must differ, and be no line break")
        return self
