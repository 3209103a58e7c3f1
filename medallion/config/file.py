"""Which files are read, and how rows are told apart in them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from medallion.config.values import Section, Size, parse_size


def _one(character: str) -> str:
    if len(character) != 1:
        raise ValueError('must be one character; a tabulator is written "\\t"')
    return character


Character = Annotated[str, AfterValidator(_one)]


class File(Section):
    """Files of any storage, read by Spark."""

    path: str | None = None
    """A folder, or one file: a path or URI. What stands in it from the first ``*``, ``?``, ``[`` or ``{`` on is taken as glob."""
    glob: str | None = None
    """Which files below path: ``*`` within a name, ``**`` through folders, ``?``, ``[abc]``, ``{a,b}``. Default: ``**``, all of them."""
    format: Literal["csv", "jsonl", "parquet"] | None = None
    """csv, jsonl (a JSON object a line) or parquet; compressed ones by their ending, such as .gz."""
    header: bool = True
    """Of CSV: whether the first line of each file has the names; files may have other columns, in another order."""
    columns: tuple[str, ...] = ()
    """Of CSV without header: the names, in order."""
    delimiter: Character = ","
    """Of CSV: between two fields."""
    quote: Character = '"'
    """Of CSV: around fields that hold a delimiter."""
    escape: Character = '"'
    """Of CSV: in front of a quote within quotes; the quote itself where it is doubled."""
    encoding: Literal["utf-8", "us-ascii", "iso-8859-1", "utf-16", "utf-16le", "utf-16be"] = "utf-8"
    """Of CSV and JSON; those of two bytes need multiline."""
    null_value: str | None = None
    """Of CSV: the text of a field that has no value, as well as an empty field; two quotes are an empty text."""
    multiline: bool = False
    """Whether a row may span lines: fields of CSV with newlines, or a JSON array. Such files are not cut into parts."""
    file_column: str | None = None
    """A column that gets the path of a row's file, below path."""
    max_files_per_job: Annotated[int, Field(ge=1, le=20_000)] = 10_000
    """Files that one Spark job reads and one log entry brings; a full snapshot is one job whatever it holds."""
    max_bytes_per_job: Size = parse_size("16gb")
    """Bytes of files that one Spark job reads, if they are several; a full snapshot is one job whatever it holds."""
