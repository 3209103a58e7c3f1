"""Named places where a test kills the process, to see that nothing depends on it living on.

``MEDALLION_FAILPOINT=name`` kills (SIGKILL) the first time that the place is reached, ``name:3`` the third time.
Unset, as always outside tests, a failpoint is one dictionary look-up.
"""

from __future__ import annotations

import os
import signal

VARIABLE = "MEDALLION_FAILPOINT"

NAMES = (
    "chunk.spool",  # in the middle of a chunk file
    "chunk.spooled",  # the file is complete on the driver, not uploaded
    "chunk.uploaded",  # uploaded, its entry not written
    "entry.before",  # before an entry is put
    "entry.after",  # after an entry is put
    "batch.before",  # before a micro-batch writes anything
    "batch.quarantine",  # after the rows that are set aside
    "batch.journal",  # after the journal or the tombstones
    "batch.target",  # after the table
    "batch.applied",  # after `applied`, before the checkpoint's commit
    "export.written",  # after an export's folder, before it is current
    "export.current",  # after `_current.json`, before older exports are removed
)

_hits: dict[str, int] = {}


def failpoint(name: str) -> None:
    """Kills the process here if ``MEDALLION_FAILPOINT`` says so; *name* is one of :data:`NAMES`."""
    wanted = os.environ.get(VARIABLE)
    if wanted is None:
        return
    target, _, count = wanted.partition(":")
    if target == name:
        _hits[name] = _hits.get(name, 0) + 1
        if _hits[name] == int(count or 1):
            if os.getpgrp() == os.getpid():  # a test started us as a group of our own: take the JVM along
                os.killpg(os.getpid(), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
