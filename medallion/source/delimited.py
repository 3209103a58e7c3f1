"""CSV: a record in each row, its values as the declared schema says. A row that is none is kept as it stands, as text."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec
from msgspec import Raw

from medallion.config.records import Csv
from medallion.errors import PageError
from medallion.schema import Array, Atom, Struct, Type
from medallion.source.decode import BOM, Decoded, is_markup
from medallion.source.joined import Joined
from medallion.source.lines import as_text

Reading: TypeAlias = Callable[[str], Any]
"""A text as the value that it spells; the text where it spells none, which then does not fit its column."""

_WHOLE = re.compile(r"[+-]?\d{1,40}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_TRUTH = {"true": True, "false": False}
_raw = msgspec.json.Decoder(Raw)


@dataclass(frozen=True, kw_only=True)
class CsvDecoder:
    """A RecordDecoder of CSV (RFC 4180). *declared* are the columns with types; values of the others stay strings."""

    config: Csv
    declared: Mapping[str, Type] = field(default_factory=dict)

    def decode(self, body: bytes, *, page: str) -> Decoded:
        """The records of *body*; see RecordDecoder. Empty lines are none.

        Raises PageError for a body that is not CSV, whose header is missing or no header, or whose last quoted field has no end.
        """
        text = self._text(body, page)
        rows = _Rows(text, self.config)
        names = self._names(rows, page)
        readings = [_reading(self.declared.get(name)) for name in names]
        nulls, records, short = frozenset(self.config.null_values), list[bytes](), False
        for row in rows:
            if row is not None and len(row) == len(names):
                fields = zip(names, row, readings, strict=True)
                record = {name: None if value in nulls else reading(value) if reading else value for name, value, reading in fields}
                records.append(msgspec.json.encode(record))
            elif row != []:
                records.append(as_text(rows.taken))
                short = row is not None and len(row) < len(names)
        if rows.is_cut or (short and not text.endswith(("\n", "\r")) and records[-1][:1] == b'"'):
            what = "a quoted field has no end" if rows.is_cut else "the last row has fewer fields than the others"
            raise PageError(f"{page}: {what}; the body of {len(body)} bytes was cut off")
        return Decoded(records=Joined(b"\n".join(records), len(records)), found={})

    def _text(self, body: bytes, page: str) -> str:
        if is_markup(body):
            raise PageError(f"{page}: the body is HTML or XML, not CSV; it may be a login or error page")
        if body.lstrip()[:1] in (b"{", b"["):
            raise PageError(f"{page}: the body looks like JSON, not CSV; check records_format")
        try:
            return body.removeprefix(BOM).decode(self.config.encoding).removeprefix("\ufeff")
        except UnicodeError as error:
            raise PageError(f"{page}: the body is not {self.config.encoding} ({error})") from error

    def _names(self, rows: _Rows, page: str) -> Sequence[str]:
        given = self.config.columns
        if not self.config.header:
            return given or ()
        found = next((row for row in rows if row is None or row), ())
        if not found:
            raise PageError(f"{page}: the body of CSV begins with no header; check records_format and csv")
        if given is not None:
            if len(given) != len(found):
                raise PageError(f"{page}: csv.columns names {len(given)} columns, the header has {len(found)}")
            return given
        if len(set(found)) != len(found):
            twice = next(name for name in found if found.count(name) > 1)
            raise PageError(f"{page}: the header names the column {twice!r} twice; give all of them names in csv.columns")
        return found


class _Rows:
    """The rows of a text, in order; None for one that breaks the rules of quoting. *taken* is the row as it stands."""

    def __init__(self, text: str, config: Csv) -> None:
        # The limit is the module's, for all threads: it is only ever raised, and the caps on a page bound what is read.
        csv.field_size_limit(max(csv.field_size_limit(), len(text)))
        self._lines = io.StringIO(text, newline="")
        self._config = config
        self._kept: list[str] = []
        self.is_cut = False
        self.taken = ""

    def _each_line(self) -> Iterator[str]:
        for line in self._lines:
            self._kept.append(line)
            yield line

    def __iter__(self) -> Iterator[list[str] | None]:
        while True:
            reader = csv.reader(self._each_line(), delimiter=self._config.delimiter, quotechar=self._config.quote, strict=True)
            try:
                for row in reader:
                    self._take()
                    yield row
                return
            except csv.Error as error:
                self.is_cut = "unexpected end" in str(error)
                self._take()
            if self.is_cut:
                return
            yield None

    def _take(self) -> None:
        self.taken = "".join(self._kept).rstrip("\r\n")
        self._kept.clear()


def _reading(kind: Type | None) -> Reading | None:
    """How text for a column of this type is read; None: as it stands."""
    match kind:
        case Atom(name="bigint"):
            return _whole
        case Atom(name="double"):
            return _number
        case Atom(name="boolean"):
            return lambda text: _TRUTH.get(text.strip().lower(), text)
        case Atom(name="date" | "timestamp"):
            return str.strip
        case Struct() | Array():
            return _json
        case None | Atom():
            return None
        case _:  # decimals are read from text, digit by digit
            return str.strip


def _whole(text: str) -> Any:
    stripped = text.strip()
    return Raw(str(int(stripped)).encode()) if _WHOLE.fullmatch(stripped) else text


def _number(text: str) -> Any:
    stripped = text.strip()
    if _JSON_NUMBER.fullmatch(stripped):
        return Raw(stripped.encode())
    value = float(stripped) if _NUMBER.fullmatch(stripped) else math.inf
    return value if math.isfinite(value) else text


def _json(text: str) -> Any:
    try:
        return _raw.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text
