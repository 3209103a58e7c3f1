"""Many records as one piece of memory: what is parsed and hashed as a whole is not taken apart before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload


class Joined(Sequence[bytes]):
    """Records on a line each, *text* being the lines; a record is cut out when somebody looks at it.

    No record may hold a newline.
    """

    __slots__ = ("_count", "text")

    def __init__(self, text: bytes, count: int) -> None:
        self.text = text
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._cut())

    @overload
    def __getitem__(self, index: int) -> bytes: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes]: ...

    def __getitem__(self, index: int | slice) -> bytes | Sequence[bytes]:
        return self._cut()[index]

    def _cut(self) -> list[bytes]:
        return self.text.split(b"\n") if self._count else []


def joined(records: Sequence[bytes]) -> bytes:
    """*records* with newlines between."""
    return records.text if isinstance(records, Joined) else b"\n".join(records)
