"""Any file system, with patience: what a store refuses for the moment is asked again, and a store that is down is left alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from medallion.clock import Clock
from medallion.errors import AlreadyExistsError, StorageError, StorageUnavailable
from medallion.events import Listener, RequestRetried, nobody
from medallion.policy.breaker import Breaker, BreakerPolicy, Outcome, after, before, permits, seconds_until_permitted
from medallion.policy.retry import FailedAttempt, RetryPolicy, retrying
from medallion.storage.filesystem import FileInfo, FileSystem, head
from medallion.storage.location import Location

STORE_BREAKER = BreakerPolicy(failures=10, cooldown=timedelta(seconds=5))
"""Looser than for a source: a store is shared by everything a run does, and its bad moments are short."""

Result = TypeVar("Result")


class ResilientFileSystem:
    """The file system *inner*, asked again by *retry* while it is unavailable; safe to share between threads.

    A call waits at most ``attempts`` times the longer of ``longest_wait`` and the breaker's cooldown, then raises the last error.
    """

    def __init__(
        self,
        inner: FileSystem,
        *,
        name: str,
        retry: RetryPolicy,
        clock: Clock,
        breaker: BreakerPolicy = STORE_BREAKER,
        listener: Listener = nobody,
    ) -> None:
        self._inner = inner
        self._name = name
        self._retry = retry
        self._clock = clock
        self._policy = breaker
        self._listener = listener
        self._breaker = Breaker()
        self._lock = threading.Lock()

    @property
    def root(self) -> Location:
        """See FileSystem."""
        return self._inner.root

    def put_if_absent(self, path: str, data: bytes) -> None:
        """See FileSystem.

        A file with exactly *data* that is found after an attempt of this very call has failed is that attempt's: its answer was
        lost. So *data* has to say who wrote it.
        """
        uncertain = False

        def attempt() -> None:
            nonlocal uncertain
            try:
                self._inner.put_if_absent(path, data)
            except AlreadyExistsError:
                if not uncertain or self._inner.read(path) != data:
                    raise
            except StorageError as error:
                uncertain = uncertain or error.retryable
                raise

        self._call(attempt)

    def put(self, path: str, data: bytes) -> None:
        """See FileSystem."""
        self._call(lambda: self._inner.put(path, data))

    def upload(self, local: Path, path: str) -> None:
        """See FileSystem."""
        uncertain = False

        def attempt() -> None:
            nonlocal uncertain
            if uncertain and not local.exists() and self._inner.exists(path):
                return  # it was moved by an attempt whose answer was lost
            try:
                self._inner.upload(local, path)
            except StorageError as error:
                uncertain = uncertain or error.retryable
                raise

        self._call(attempt)

    def read(self, path: str) -> bytes:
        """See FileSystem."""
        return self._call(lambda: self._inner.read(path))

    def head(self, path: str, size: int) -> bytes:
        """See :func:`medallion.storage.filesystem.head`."""
        return self._call(lambda: head(self._inner, path, size))

    def exists(self, path: str) -> bool:
        """See FileSystem."""
        return self._call(lambda: self._inner.exists(path))

    def files(self, path: str = "") -> Iterator[FileInfo]:
        """See FileSystem. The listing is complete before the first file is given, so that it can be asked again as a whole."""
        yield from self._call(lambda: list(self._inner.files(path)))

    def delete(self, path: str) -> None:
        """See FileSystem."""
        self._call(lambda: self._inner.delete(path))

    def _call(self, work: Callable[[], Result]) -> Result:
        result: Result = retrying(self._retry, sleep=self._clock.sleep, on_retry=self._tell)(self._attempt, work)
        return result

    def _attempt(self, work: Callable[[], Result]) -> Result:
        started = self._admit()
        outcome: Outcome = "cancelled"
        try:
            result = work()
            outcome = "ok"
        except StorageError as error:
            outcome = "failed" if error.retryable else "ok"  # a refusal is an answer
            raise
        finally:
            with self._lock:
                self._breaker = after(self._breaker, outcome, self._clock.monotonic(), self._policy, started=started)
        return result

    def _admit(self) -> float:
        """Returns the time when the breaker lets this attempt through; waits for its cooldown once, then gives the attempt up."""
        with self._lock:
            wait = seconds_until_permitted(self._breaker, self._clock.monotonic(), self._policy)
        if wait > 0:
            self._clock.sleep(wait)
        with self._lock:
            now = self._clock.monotonic()
            if not permits(self._breaker, now, self._policy):
                raise StorageUnavailable(
                    f"{self.root} failed {self._breaker.failures} times in a row and is left alone for a moment; "
                    "run again when the store is back"
                )
            self._breaker = before(self._breaker, now, self._policy)
            return now

    def _tell(self, failed: FailedAttempt) -> None:
        self._listener(
            RequestRetried(source=f"storage {self._name}", reason=failed.error.sentence, attempt=failed.number, wait=failed.wait)
        )
