"""One promotion of a table at a time: a numbered claim, created at most once, that a micro-batch looks at before it writes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import msgspec

from medallion.bronze.entry import Writer
from medallion.bronze.writer import gone, this_process
from medallion.clock import Clock
from medallion.config.values import parse_instant
from medallion.errors import AlreadyExistsError, BusyError
from medallion.storage.filesystem import FileSystem


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What a claim's file holds."""

    attempt: str
    at: str
    writer: Writer
    released: bool = False


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim that was won: it holds while its own file is there and *next_path* is not."""

    path: str
    next_path: str
    held: Held


def _number(path: str) -> int:
    return int(path.rsplit("/", 1)[-1].removesuffix(".json"))


def acquire(fs: FileSystem, folder: str, *, attempt: str, clock: Clock, takeover_after: timedelta, take_over: bool) -> Claim:
    """The next claim in *folder* is ours, and all promotions before us are fenced.

    Raises BusyError while another promotion holds it: one that has not released it, whose process is not known to be gone, and that
    took it less than *takeover_after* ago; *take_over* does not wait. Of several newcomers one wins, the others get BusyError.
    """
    numbers = sorted(_number(file.path) for file in fs.files(folder) if file.path.endswith(".json"))
    newest = numbers[-1] if numbers else -1
    if newest >= 0 and not take_over:
        held = msgspec.json.decode(fs.read(_path(folder, newest)), type=Held)
        age = clock.now() - parse_instant(held.at)
        if not held.released and age < takeover_after and not gone(held.writer):
            raise BusyError(
                f"promotion {held.attempt} on {held.writer.host} (process {held.writer.pid}) has held {folder} since {held.at}; "
                f"wait for it, or pass --take-over if it is dead (after {takeover_after} that happens by itself)"
            )
    claim = Claim(
        path=_path(folder, newest + 1),
        next_path=_path(folder, newest + 2),
        held=Held(attempt=attempt, at=clock.now().isoformat(), writer=this_process()),
    )
    try:
        fs.put_if_absent(claim.path, msgspec.json.encode(claim.held))
    except AlreadyExistsError as error:
        raise BusyError(f"another promotion has just claimed {folder}; run again when it is done") from error
    for number in numbers[:-1]:  # the newest stays until its successor's successor: its holder may still have to see ours
        fs.delete(_path(folder, number))
    return claim


def release(fs: FileSystem, claim: Claim) -> None:
    """Newcomers need not wait for this claim any more; taken over or not, it holds nobody up."""
    if not fs.exists(claim.next_path):
        fs.put(claim.path, msgspec.json.encode(msgspec.structs.replace(claim.held, released=True)))


def _path(folder: str, number: int) -> str:
    return f"{folder}/{number:020d}.json"
