"""What keeps a lane from going round in circles, in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from medallion.errors import PaginationError
from medallion.source.joined import joined

REMEMBERED = 65_536
"""How many marks and pages are kept, as digests: a circle of at most this length is seen when it closes."""
MOST_EMPTY = 10_000
"""How many pages without a record a lane may have one after the other."""
PATIENCE = 16
"""How many pages may repeat others, one after the other, where each of them had a position of its own."""


class Guard:
    """Watches one lane. A longer circle of marks is seen as well, later: every so often a mark is kept for good, at doubling distances."""

    def __init__(self, remembered: int = REMEMBERED, *, most_empty: int = MOST_EMPTY) -> None:
        self._remembered, self._most_empty = remembered, most_empty
        self._seen: dict[int, None] = {}
        self._milestone: int | None = None
        self._steps, self._stride = 0, remembered
        self._pages: dict[int, int] = {}
        self._page = self._empty = 0
        self._lag = self._in_step = self._repeated = 0

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

    def pass_records(self, records: Sequence[bytes], *, patience: int = 1) -> None:
        """Takes note of a page's records; PaginationError if pages come again, in the order in which they came before.

        A page may be like an earlier one by chance. A source that goes round shows a whole circle of them: with one page in it, that
        is the second one; *patience* is how many pages it has to show at least. PaginationError as well if a lane has nothing but
        empty pages any more.
        """
        self._page += 1
        if not records:
            self._empty += 1
            self._in_step += bool(self._in_step)
            if self._empty > self._most_empty:
                raise PaginationError(f"{self._empty} pages one after the other hold no record, and the source always names a next one")
            return
        self._empty = 0
        digest = hash(joined(records))
        lag = self._page - self._pages.pop(digest, self._page)
        self._in_step = self._in_step + 1 if lag and lag == self._lag else min(lag, 1)
        self._repeated = self._repeated + 1 if lag else 0
        self._lag = lag
        if lag and self._in_step >= max(lag, patience):
            before = "on the page before" if lag == 1 else f"{lag} pages before, and all pages between them came twice"
            raise PaginationError(f"the same {len(records)} records as {before}; the source seems to ignore the page parameter")
        self._pages[digest] = self._page
        if self._repeated >= max(2 * len(self._pages), patience):
            raise PaginationError(f"the last {self._repeated} pages were all read before; the source goes round in circles")
        if len(self._pages) > self._remembered:
            del self._pages[next(iter(self._pages))]


def _digest(mark: str) -> int:
    return int.from_bytes(blake2b(mark.encode(), digest_size=8).digest(), "big")
