"""An answer's body taken apart: the records as the source wrote them, and the few values that pagination needs.

The common case is one pass: a decoder is made once for the paths that are needed, and everything else in the body is skipped.
Whatever that decoder does not accept is looked at again, level by level, to say what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
from msgspec import UNSET, Raw

from medallion.errors import PageError
from medallion.source.joined import Joined

BOM = b"\xef\xbb\xbf"
_level = msgspec.json.Decoder(dict[str, Raw])
_array = msgspec.json.Decoder(list[Raw])
_anything = msgspec.json.Decoder()


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """*records* are JSON objects as the source wrote them, each on one line; *found* holds the values of the other paths that are there.

    Where records stand on lines, a JSON string among them is a line that is no record: its row lands with it in ``_rescued``.
    """

    records: Sequence[bytes]
    found: Mapping[str, Any]


class RecordDecoder(Protocol):
    """Takes the bodies of one endpoint apart."""

    def decode(self, body: bytes, *, page: str) -> Decoded:
        """The records and values of *body*; *page* names it in the sentence of a PageError, which is raised for what holds no records."""


class PageDecoder:
    """A RecordDecoder of JSON; *records_path* and *paths* are dotted, "" being the whole body."""

    def __init__(self, records_path: str, paths: Iterable[str] = ()) -> None:
        self._records_path = records_path
        self._paths = tuple(dict.fromkeys(paths))
        wanted = (records_path, *self._paths)
        nested = any(one != other and (one == "" or other.startswith(f"{one}.")) for one in wanted for other in wanted)
        self._fast = None if nested or records_path in self._paths else _Fast(records_path, self._paths)

    def decode(self, body: bytes, *, page: str) -> Decoded:
        """The records and values of *body*; *page* names it in the sentence of a PageError.

        Raises PageError for what is not JSON in UTF-8 (HTML, a cut-off body), for an envelope without the records, for null
        instead of records, and for records that are no objects.
        """
        if body.startswith(BOM):
            body = body[len(BOM) :]
        if not body.isascii():
            check_text(body, page)
        if b"\n" in body or b"\r" in body:  # only between tokens: inside a JSON string a line break is always escaped
            body = body.replace(b"\r", b" ").replace(b"\n", b" ")
        try:
            fast = self._fast.decode(body) if self._fast is not None else None
            raws, found = fast if fast is not None else self._walk(body, page)
        except (msgspec.DecodeError, RecursionError) as error:
            raise _not_json(body, error, page) from error
        records = Joined(b"\n".join(raws), len(raws))
        if raws and (not records.text.startswith(b"{") or records.text.count(b"\n{") + 1 < len(raws)):
            odd = next(record for record in records if record[:1] != b"{")
            raise PageError(f"{page}: the records at {_spoken(self._records_path)} must be JSON objects, found {_kind(odd)}")
        return Decoded(records=records, found=found)

    def _walk(self, body: bytes, page: str) -> tuple[list[Raw], dict[str, Any]]:
        """:meth:`decode` level by level: slower, takes any envelope, and knows what is wrong."""
        raw = self._at(body, self._records_path, page)
        if bytes(raw)[:1] != b"[":
            raise PageError(f"{page}: {_spoken(self._records_path)} must be the list of records, found {_kind(bytes(raw))}")
        found = {path: value for path in self._paths if (value := _lookup(body, path)) is not UNSET}
        return _array.decode(raw), found

    def _at(self, body: bytes, path: str, page: str) -> Raw:
        raw, walked = Raw(body.strip()), ""
        for name in path.split(".") if path else ():
            if bytes(raw)[:1] != b"{":
                raise PageError(f"{page}: there is no {path!r}: {_spoken(walked)} is {_kind(bytes(raw))}, not an object")
            level = _level.decode(raw)
            if name not in level:
                keys = ", ".join(sorted(level)[:12]) or "no keys"
                raise PageError(f"{page}: there is no {path!r}: {_spoken(walked)} has {keys}")
            raw, walked = level[name], f"{walked}.{name}".lstrip(".")
        return raw


class _Fast:
    """One decoder for exactly the needed paths: nested structs with a field for each step."""

    def __init__(self, records_path: str, paths: tuple[str, ...]) -> None:
        self._records = tuple(records_path.split(".")) if records_path else ()
        self._paths = {path: tuple(path.split(".")) for path in paths}
        tree: dict[str, Any] = {}
        for steps in (self._records, *self._paths.values()):
            branch = tree
            for step in steps:
                branch = branch.setdefault(step, {})
        kind: Any = list[Raw]
        self._getters: dict[tuple[str, ...], tuple[str, ...]] = {(): ()}
        if self._records:
            kind, self._getters = _struct(tree, self._records, ())
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(kind)

    def decode(self, body: bytes) -> tuple[list[Raw], dict[str, Any]] | None:
        """Records and values; None where the envelope is another one."""
        try:
            page = self._decoder.decode(body)
        except msgspec.ValidationError:
            return None
        records = _follow(page, self._getters[self._records])
        if records is UNSET:
            return None
        found = {}
        for path, steps in self._paths.items():
            value = _follow(page, self._getters[steps]) if steps in self._getters else UNSET
            if value is not UNSET:
                found[path] = value
        return records, found


def _struct(tree: dict[str, Any], records: tuple[str, ...], above: tuple[str, ...]) -> tuple[Any, dict[tuple[str, ...], tuple[str, ...]]]:
    fields: list[tuple[str, Any, Any]] = []
    names: dict[str, str] = {}
    getters: dict[tuple[str, ...], tuple[str, ...]] = {}
    for number, (step, below) in enumerate(tree.items()):
        path, attribute = (*above, step), f"f{number}"
        kind: Any = Any
        if path == records:
            kind = list[Raw]
        elif below:
            kind, inner = _struct(below, records, path)
            getters |= {deeper: (attribute, *steps) for deeper, steps in inner.items()}
        fields.append((attribute, kind if kind is Any else kind | msgspec.UnsetType, UNSET))
        names[attribute] = step
        getters[path] = (attribute,)
    return msgspec.defstruct("Envelope", fields, rename=names, frozen=True), getters


def _follow(value: Any, attributes: tuple[str, ...]) -> Any:
    for attribute in attributes:
        value = getattr(value, attribute)
        if value is UNSET:
            break
    return value


def _lookup(body: bytes, path: str) -> Any:
    """The value at *path*, UNSET where it or anything above it is missing or no object."""
    raw = Raw(body)
    for name in path.split("."):
        if bytes(raw).lstrip()[:1] != b"{":
            return UNSET
        found = _level.decode(raw).get(name)
        if found is None:
            return UNSET
        raw = found
    return _anything.decode(raw)


def check_text(body: bytes, page: str) -> None:
    """Raises PageError for a body that is not UTF-8."""
    # Strings inside records are skipped, not decoded: without this, bytes that are no text would get into Bronze.
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PageError(f"{page}: the body is not UTF-8 (byte {error.start})") from error


def is_markup(body: bytes) -> bool:
    """Whether *body* looks like a page for people."""
    return body.lstrip()[:1] == b"<"


def _not_json(body: bytes, error: Exception, page: str) -> PageError:
    if not body.strip():
        return PageError(f"{page}: the body is empty")
    if is_markup(body):
        return PageError(f"{page}: the body is HTML or XML, not JSON; it may be a login or error page")
    return PageError(f"{page}: the body of {len(body)} bytes is not whole JSON ({error})")


def _kind(raw: bytes) -> str:
    kinds = {b"{": "an object", b"[": "a list", b'"': "a string", b"t": "true", b"f": "false", b"n": "null"}
    return kinds.get(raw[:1], "a number")


def _spoken(path: str) -> str:
    return repr(path) if path else "the body"
