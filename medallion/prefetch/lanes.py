"""Where each lane stands: what was asked, in order, and what may be handed on. Pure; it is told what came."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from medallion.errors import MedallionError, PaginationError
from medallion.prefetch.attempt import Fetched
from medallion.prefetch.handover import Delivery
from medallion.source.decode import Decoded
from medallion.source.guard import PATIENCE, Guard
from medallion.source.http import Endpoint
from medallion.source.protocol import DONE, Lane, Page, Position
from medallion.source.request import Request


@dataclass(eq=False, kw_only=True)
class Asked:
    """A page that was asked for: a guess until the page before it says that it exists."""

    position: Position
    request: Request
    guess: bool
    booked: int = 0
    """Bytes of memory that are kept free for it, or that it takes."""
    outcome: Fetched | MedallionError | None = None


class LaneState:
    """One lane: its head is the page that comes next, everything asked behind it is a guess."""

    def __init__(self, lane: Lane, endpoint: Endpoint) -> None:
        self.name = lane.name
        self._endpoint = endpoint
        self._base = endpoint.lane(lane.window, lane.parent)
        self._head: Position = lane.position if lane.position is not None else endpoint.paginator.first()
        self._asked: deque[Asked] = deque()
        self._known: Decoded | None = None
        self._failed = False
        self._guess_was_empty = False
        self._guard = Guard()
        self.done = self._head == DONE

    def ask(self, *, guesses: int) -> Asked | None:
        """The page to ask for next, noted as asked; None if there is none now. At most *guesses* pages are asked for at a guess."""
        if self.done or self._failed:
            return None
        if not self._asked:
            return self._note(self._head, guess=False)
        if len(self._asked) > guesses or self._guess_was_empty:
            return None
        ahead = self._endpoint.paginator.ahead(self._asked[-1].position, self._known)
        return None if ahead is None else self._note(ahead, guess=True)

    def came(self, asked: Asked, outcome: Fetched | MedallionError) -> None:
        """Takes note of how a request ended."""
        asked.outcome = outcome
        if isinstance(outcome, Fetched):
            self._known = Decoded(records=[], found=outcome.decoded.found)
            self._guess_was_empty |= asked.guess and not outcome.decoded.records
        else:
            self._failed = True

    def settle(self, dropped: list[Asked]) -> Iterator[Delivery]:
        """The pages that are in their place now, in order; *dropped* receives what was asked for in vain.

        Raises the error of the head, once every page before it was given.
        """
        while self._asked and (outcome := self._asked[0].outcome) is not None:
            if not isinstance(outcome, Fetched):
                raise outcome
            self._asked.popleft()
            position, following = self._head, self._next(outcome)
            self._head, self.done = following, following == DONE
            self._keep(dropped)
            yield Delivery(
                page=Page(
                    lane=self.name,
                    position=position,
                    next=following,
                    records=outcome.decoded.records,
                    wire_bytes=outcome.answer.wire_bytes,
                    missing=self._endpoint.is_missing(position, outcome.answer.status),
                ),
                held=outcome.held,
                seconds=outcome.seconds,
            )

    def _note(self, position: Position, *, guess: bool) -> Asked:
        asked = Asked(position=position, request=self._endpoint.request(self._base, position), guess=guess)
        self._asked.append(asked)
        return asked

    def _next(self, fetched: Fetched) -> Position:
        """Where the lane goes on; PaginationError if it goes round in circles."""
        paginator, request = self._endpoint.paginator, fetched.request
        following = fetched.next
        if following is None:
            following = self._endpoint.next_after(request, self._head, fetched.decoded, fetched.answer)
        mark = paginator.mark(request, self._head)
        try:
            self._guard.pass_records(fetched.decoded.records, patience=1 if mark is None else PATIENCE)
            if mark is not None and following != DONE:
                self._guard.pass_mark(mark)
                self._guard.refuse(paginator.mark(self._endpoint.request(self._base, following), following) or "")
        except PaginationError as error:
            raise PaginationError(f"{request.shown}: {error.sentence}") from error
        return following

    def _keep(self, dropped: list[Asked]) -> None:
        """Keeps what was asked ahead only if it is what the lane goes on with; its position is the exact one then."""
        if not self._asked:
            return
        first = self._asked[0]
        if not self.done:
            if first.position == self._head:
                return
            # The exact position may hold more than the guess did; an error may mean something else there, so that is asked again.
            if not isinstance(first.outcome, MedallionError) and first.request == self._endpoint.request(self._base, self._head):
                first.position = self._head
                return
        dropped.extend(self._asked)
        self._asked.clear()
        self._failed = self._guess_was_empty = False
