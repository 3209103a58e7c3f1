"""Fields whose shape nobody promises: in each record they become the text of their JSON, before anything looks at them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, cast

from medallion.source.joined import Joined
from medallion.source.protocol import Lane, Page, PageSource

_space = re.compile(r"[ \t\r\n]*").match
_decoder = json.JSONDecoder()


@dataclass(frozen=True, kw_only=True)
class TextPages:
    """The pages of *inner* with the *fields* of each record as text; null stays null."""

    inner: PageSource
    fields: frozenset[str]

    def pages(self, lanes: Sequence[Lane]) -> Iterator[Page]:
        """See PageSource."""
        with closing(cast(Any, self.inner.pages(lanes))) as pages:
            for page in pages:
                records = [with_text(record, self.fields) for record in page.records]
                yield replace(page, records=Joined(b"\n".join(records), len(records)))


def with_text(record: bytes, fields: frozenset[str]) -> bytes:
    """*record*, a JSON object, with the values of *fields* as strings of what stands there; all else as it is, keys that come twice too.

    A record that cannot be taken apart is given back as it is: it is rescued as a whole.
    """
    if record[:1] != b"{":
        return record
    text = record.decode("utf-8", "surrogateescape")
    try:
        places = [(start, end) for key, start, end in _members(text) if key in fields and text[start:end] != "null"]
    except (ValueError, RecursionError):
        return record
    for start, end in reversed(places):
        text = f"{text[:start]}{json.dumps(text[start:end], ensure_ascii=False)}{text[end:]}"
    return text.encode("utf-8", "surrogateescape")


def _members(text: str) -> Iterator[tuple[str, int, int]]:
    """Each key of an object and where its value begins and ends. Raises ValueError."""
    at = _after_space(text, 1)
    while text[at : at + 1] != "}":
        key, at = _decoder.raw_decode(text, at)
        start = _after_space(text, _after_space(text, at) + 1)
        _, end = _decoder.raw_decode(text, start)
        yield key, start, end
        at = _after_space(text, end)
        if text[at : at + 1] == ",":
            at = _after_space(text, at + 1)


def _after_space(text: str, at: int) -> int:
    found = _space(text, at)
    return at if found is None else found.end()
