"""What keeps a lane from going round in circles, in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from medallion.errors import PaginationError

REMEMBERED = 65_536
"""How many marks are kept, as 8-byte digests: a circle of at most this length is seen when it closes."""


class Guard:
    """Watches one lane. A longer circle is seen as well, later: every so often one mark is kept for good, at doubling distances."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._seen: dict[int, None] = {}
        self._milestone: int | None = None
        self._steps, self._stride = 0, remembered
        self._previous: Sequence[bytes] = ()

    def pass_mark(self, mark: str) -> None:
        """Takes note of *mark*, which stands for a position whose page was read."""
        digest = _digest(mark)
        self._seen[digest] = None
        if len(self._seen) > self._remembered:
            del self._seen[next(iter(self._seen))]
        self._steps += 1
        if self._steps == self._stride:
            self._milestone, self._stride = digest, self._stride * 2

    def refuse(self, mark: str) -> None:
        """Raises PaginationError if the page that *mark* stands for was read before."""
        digest = _digest(mark)
        if digest in self._seen or digest == self._milestone:
            raise PaginationError("the next page is one that was read before; the source goes round in circles")

    def pass_records(self, records: Sequence[bytes]) -> None:
        """Takes note of a page's records; PaginationError if they are, one by one, those of the page before."""
        if records and records == self._previous:
            raise PaginationError(f"the same {len(records)} records as on the page before; the source seems to ignore the page parameter")
        self._previous = records


def _digest(mark: str) -> int:
    return int.from_bytes(blake2b(mark.encode(), digest_size=8).digest(), "big")
