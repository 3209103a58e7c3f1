"""The one error tree: each error has a code, the sentence it shows, and the exit status it leads to.

    MedallionError                    1  RUN000
    * ConfigError                     2  CFG001
      - NotYetError                   2  CFG002
      - SecretError                   2  CFG003
      - ChangedTableError             2  CFG004
    * SourceError                     4  EXT001
      - SourceUnavailable             4  EXT002   retryable
      - ThrottledError                4  EXT003   retryable
      - OriginError                   4  EXT004
      - AuthError                     4  AUTH001
      - PageError                     4  PAGE001  retryable
      - PaginationError               4  PAGE002
      - PageTooLargeError             4  PAGE003
    * StoppedEarly                    3  RETRY001
      - BreakerOpenError              3  RETRY002
      - TerminatedError               3  RETRY003
    * StorageError                    5  STG001
      - StorageUnavailable            5  STG002   retryable
      - NotFoundError                 5  STG003
      - AlreadyExistsError            5  STG004
      - UnknownSchemeError            5  STG005
      - DiskFullError                 5  STG006
      - UnsafeStoreError              5  STG007
      - ChecksumError                 5  STG008
    * StateError                      5  STATE001
      - LogEntryError                 5  STATE002
      - ChainError                    5  STATE003
      - NewerFormatError              5  STATE004
      - CheckpointMissingError        5  STATE005
      - TableRolledBackError          5  STATE006
    * QualityError                    6  QUAL001
      - SequenceTieError              6  QUAL002
      - SnapshotError                 6  QUAL003
      - DifferenceError               6  QUAL004
      - ExpectationError              6  QUAL005
      - QuarantineLimitError          6  QUAL006
    * ConcurrentRunError              7  CON001
      - FencedError                   7  CON002
      - BusyError                     7  CON003

Lower-level errors are translated where they enter, with ``raise … from``; nothing returns False for a failure.
An error that crosses a process border (a batch function under Spark Connect) travels as text that begins with
``[CODE]``; :func:`from_text` finds the type again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar


class MedallionError(Exception):
    """An error of this product: one sentence that says what, where, and what to do."""

    code: ClassVar[str] = "RUN000"
    retryable: ClassVar[bool] = False
    exit_status: ClassVar[int] = 1

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence

    def __str__(self) -> str:
        return f"[{self.code}] {self.sentence}"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong with a configuration: where it stands, and what is allowed there."""

    path: str
    message: str
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.file and self.line else f"{self.file}: " if self.file else ""
        return f"{place}{self.path}: {self.message}" if self.path else f"{place}{self.message}"


class ConfigError(MedallionError):
    """The configuration cannot be run; every problem found is in *problems*."""

    code, exit_status = "CFG001", 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in problems))


class NotYetError(ConfigError):
    """Everything that is wrong is valid configuration that this version does not build yet."""

    code = "CFG002"


class SecretError(ConfigError):
    """A secret reference cannot be resolved."""

    code = "CFG003"


class ChangedTableError(ConfigError):
    """What the configuration now says of a live table contradicts what it was built with."""

    code = "CFG004"


class SourceError(MedallionError):
    """The source cannot give what was asked."""

    code, exit_status = "EXT001", 4


class SourceUnavailable(SourceError):
    """The source did not answer, or answered that it cannot at the moment (connection, time-out, 5xx)."""

    code, retryable = "EXT002", True


class ThrottledError(SourceError):
    """The host asked us to slow down; *retry_after* is how long it said, if it did."""

    code, retryable = "EXT003", True

    def __init__(self, sentence: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class OriginError(SourceError):
    """The source pointed to another host, by redirect or next link, that is not allow-listed."""

    code = "EXT004"


class AuthError(SourceError):
    """The source refuses our credentials (401, 403)."""

    code = "AUTH001"


class PageError(SourceError):
    """A page is not what an answer of this source looks like (HTML, truncated JSON, wrong envelope)."""

    code, retryable = "PAGE001", True


class PaginationError(SourceError):
    """The pages do not advance: a cursor or a page came twice."""

    code = "PAGE002"


class PageTooLargeError(SourceError):
    """A page is larger than the caps on wire bytes or decoded bytes allow."""

    code = "PAGE003"


class StoppedEarly(MedallionError):
    """The run ended before its end and can be resumed; what was read is committed."""

    code, exit_status = "RETRY001", 3


class BreakerOpenError(StoppedEarly):
    """The host failed so often that it is left alone for a while."""

    code = "RETRY002"


class TerminatedError(StoppedEarly):
    """The run was told to stop (SIGTERM)."""

    code = "RETRY003"


class StorageError(MedallionError):
    """A store cannot do what was asked."""

    code, exit_status = "STG001", 5


class StorageUnavailable(StorageError):
    """The store did not answer or is overloaded."""

    code, retryable = "STG002", True


class NotFoundError(StorageError):
    """There is no file at this path."""

    code = "STG003"


class AlreadyExistsError(StorageError):
    """A file that was to be created stands there already."""

    code = "STG004"


class UnknownSchemeError(StorageError):
    """No storage provider serves this scheme."""

    code = "STG005"


class DiskFullError(StorageError):
    """There is no space left for what is to be written."""

    code = "STG006"


class UnsafeStoreError(StorageError):
    """The store lets two writers create the same file, so a log on it would lose entries."""

    code = "STG007"


class ChecksumError(StorageError):
    """The bytes of a chunk file are not those that were landed."""

    code = "STG008"


class StateError(MedallionError):
    """What is stored about earlier runs contradicts itself."""

    code, exit_status = "STATE001", 5


class LogEntryError(StateError):
    """A log entry cannot be read as one."""

    code = "STATE002"


class ChainError(StateError):
    """The log is not the one that was read before: a hash in it does not follow from the one before."""

    code = "STATE003"


class NewerFormatError(StateError):
    """The log or state was written by a newer version."""

    code = "STATE004"


class CheckpointMissingError(StateError):
    """There is a table but no checkpoint that says how far it goes."""

    code = "STATE005"


class TableRolledBackError(StateError):
    """The Silver table is older than what was applied to it."""

    code = "STATE006"


class QualityError(MedallionError):
    """The data must not be published as it is."""

    code, exit_status = "QUAL001", 6


class SequenceTieError(QualityError):
    """Two events of one key have one sequence and different content, and the configuration forbids that."""

    code = "QUAL002"


class SnapshotError(QualityError):
    """A snapshot is empty, older than the newest, or would delete too much."""

    code = "QUAL003"


class DifferenceError(QualityError):
    """A Silver table differs from what its Bronze log says."""

    code = "QUAL004"


class ExpectationError(QualityError):
    """Rows do not meet an expectation whose action is to fail."""

    code = "QUAL005"


class QuarantineLimitError(QualityError):
    """More rows would be set aside than max_quarantined allows."""

    code = "QUAL006"


class ConcurrentRunError(MedallionError):
    """Another run works on the same table."""

    code, exit_status = "CON001", 7


class FencedError(ConcurrentRunError):
    """Another attempt has taken over; *attempt* names it, as far as it is known."""

    code = "CON002"

    def __init__(self, sentence: str, *, attempt: str | None = None) -> None:
        super().__init__(sentence)
        self.attempt = attempt


class BusyError(ConcurrentRunError):
    """Another attempt is at work, or was until a moment ago."""

    code = "CON003"


EXIT_ORDER = (2, 5, 7, 4, 6, 1, 3, 0)
"""Exit statuses from worst to best."""


def worst(statuses: Iterable[int]) -> int:
    """The exit status of several sources and entities together; 0 for none."""
    return min(statuses, key=EXIT_ORDER.index, default=0)


def tree(root: type[MedallionError] = MedallionError) -> Iterator[type[MedallionError]]:
    """Every error type from *root* down, parents first."""
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


def from_text(text: str) -> MedallionError | None:
    """The typed error that the first ``[CODE]`` of *text* names, or None where there is none."""
    for found in re.finditer(r"\[([A-Z]+\d{3})\] (?=([^\n]*))", text):
        for kind in tree():
            if kind.code == found[1]:
                error = kind.__new__(kind)
                MedallionError.__init__(error, found[2])
                if isinstance(error, ConfigError):
                    error.problems = (Problem(path="", message=found[2]),)
                return error
    return None
