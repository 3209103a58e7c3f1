"""JSON lines: a record on each line. A line that is none is kept as it stands, as text; what is no such body at all is an error."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from medallion.errors import PageError
from medallion.source.decode import BOM, Decoded, check_text, is_markup
from medallion.source.joined import Joined

_line = msgspec.json.Decoder(Raw)


class LineDecoder:
    """Takes bodies of JSON lines (NDJSON) apart."""

    def decode(self, body: bytes, *, page: str) -> Decoded:
        """The records of *body*, one a line; empty lines are none. See RecordDecoder.

        Raises PageError where the last line was cut off, and where no line is a JSON object.
        """
        body = body.removeprefix(BOM)
        if is_markup(body):
            raise PageError(f"{page}: the body is HTML or XML, not JSON lines; it may be a login or error page")
        if body.lstrip()[:1] == b"[":
            raise PageError(f"{page}: the body looks like a JSON list, not JSON lines; check records_format")
        if not body.isascii():
            check_text(body, page)
        lines = [line for line in map(bytes.strip, body.split(b"\n")) if line]
        if not _are_objects(lines):
            whole = [is_object(line) for line in lines]
            if not whole[-1] and not body.rstrip(b" \t\r").endswith(b"\n"):
                raise PageError(f"{page}: the last of {len(lines)} lines is not whole JSON; the body of {len(body)} bytes was cut off")
            if not any(whole):
                raise PageError(f"{page}: none of {len(lines)} lines is a JSON object; check records_format")
            lines = [line if good else as_text(line.decode()) for line, good in zip(lines, whole, strict=True)]
        return Decoded(records=Joined(b"\n".join(lines), len(lines)), found={})


def as_text(line: str) -> bytes:
    """A line that is no record, as the JSON string that stands for it among records: its row lands with the text in ``_rescued``."""
    return msgspec.json.encode(line)


def is_object(line: bytes) -> bool:
    """Whether *line* is one JSON object."""
    try:
        return line[:1] == b"{" and bool(_line.decode(line))
    except (msgspec.DecodeError, RecursionError):
        return False


def _are_objects(lines: list[bytes]) -> bool:
    """Whether all *lines* are: the common case, at once."""
    try:
        return all(line[:1] == b"{" for line in lines) and list(map(bytes, _line.decode_lines(b"\n".join(lines)))) == lines
    except (msgspec.DecodeError, RecursionError):
        return False
