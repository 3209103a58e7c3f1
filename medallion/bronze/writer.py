"""Which process writes, and whether another one is known to be gone: courtesy between runs, never what makes them safe."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from medallion.bronze.entry import Writer


def _started(pid: int) -> str | None:
    """When a process of this host started, in its system's own terms; None where there is no such process."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.parent.parent.joinpath("self").exists():  # no /proc: the number alone has to do
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        except PermissionError:
            return ""
        return ""
    try:
        text = stat.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, fields = text.rsplit(")", 1)[1].split()[0], text.rsplit(")", 1)[1].split()
    return None if state in ("Z", "X") else fields[19]


def this_process() -> Writer:
    """This process as a writer."""
    return Writer(host=socket.gethostname(), pid=os.getpid(), started=_started(os.getpid()) or "")


def gone(writer: Writer) -> bool:
    """Whether the writer's process is known to have ended: it ran on this host and no process is it any more."""
    if writer.host != socket.gethostname():
        return False
    return _started(writer.pid) != writer.started
