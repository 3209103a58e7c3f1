"""Servers for tests and for ``make services``: started on a free port of this machine, stopped by whoever started them."""

from __future__ import annotations

import collections
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path


class ServiceMissing(Exception):
    """A server cannot be started here; the sentence says what to install."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens to now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def reached(process: subprocess.Popen[bytes], condition: Callable[[], bool]) -> bool:
    """Whether *condition* became true while *process* ran. It is looked at every few milliseconds: looking all the time would take the
    processor from the one that is looked at."""
    while process.poll() is None:
        if condition():
            return True
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.005)
    return False


@contextmanager
def running(command: Sequence[str | Path], *, ready: str, environ: Mapping[str, str] | None = None, patience: float = 20) -> Iterator[str]:
    """A program that serves while inside, from the line that holds *ready*; gives that line.

    In the end it has *patience* seconds to end by itself. Raises RuntimeError with its last words where it ends before.
    """
    process = subprocess.Popen(
        [str(part) for part in command],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # Ctrl-C at the tests is not for the server
    )
    with process:
        try:
            assert process.stdout is not None, "it was asked for"
            words = collections.deque(maxlen=20)  # type: collections.deque[str]
            for line in process.stdout:
                words.append(line)
                if ready in line:
                    break
            else:
                raise RuntimeError(f"{command[0]} ended with {process.wait()} before it served: {''.join(words)}")
            threading.Thread(target=process.stdout.read, daemon=True).start()  # a full pipe would stop it
            yield words[-1]
        finally:
            process.terminate()
            try:
                process.wait(timeout=patience)
            except subprocess.TimeoutExpired:
                process.kill()
