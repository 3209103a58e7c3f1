"""What ``--result FILE`` holds: how each source and entity ended, for whoever sees nothing of a job but its files."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medallion.errors import DiskFullError, MedallionError, StoppedEarly, StorageError
from medallion.observe.tally import Tally

if TYPE_CHECKING:
    from medallion.outcome import EntityOutcome, Outcome, SourceOutcome

FORMAT = 1


def document(outcome: Outcome, tally: Tally) -> dict[str, Any]:
    """The outcome as JSON values."""
    runs = {one.source: one.result.run_id for one in outcome.sources if one.result is not None}
    return {
        "format": FORMAT,
        "pipeline": outcome.pipeline,
        "exit_status": outcome.exit_status,
        "seconds": round(outcome.seconds, 3),
        "error": None,
        "sources": [_source(one, tally) for one in outcome.sources],
        "entities": [_entity(one, runs.get(one.source or "")) for one in outcome.entities],
    }


def status_of(one: SourceOutcome | EntityOutcome) -> str:
    """``stopped`` for what ended early and can be resumed; otherwise as the outcome says."""
    return "stopped" if isinstance(one.error, StoppedEarly) else one.status


def failure(error: MedallionError) -> dict[str, Any]:
    """The document of a command that failed before anything was tried."""
    return {
        "format": FORMAT,
        "pipeline": None,
        "exit_status": error.exit_status,
        "seconds": 0.0,
        "error": _error(error),
        "sources": [],
        "entities": [],
    }


def write(path: Path, found: dict[str, Any], mask: Callable[[str], str]) -> None:
    """The document is in the file, whole. Raises StorageError where it cannot be written."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(mask(json.dumps(found, indent=2, ensure_ascii=False)) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):  # what could not be written may as well not be removable; that it failed is said below
            temporary.unlink()
        kind = DiskFullError if error.errno == errno.ENOSPC else StorageError
        raise kind(f"--result {path} cannot be written ({error.strerror}); the run itself went on to its end") from error


def _source(one: SourceOutcome, tally: Tally) -> dict[str, Any]:
    result, counts = one.result, tally.of(("source", one.source))
    return {
        "source": one.source,
        "status": status_of(one),
        "run_id": None if result is None else result.run_id,
        "rows": counts.committed_rows if result is None else result.rows,
        "chunks": None if result is None else result.chunks,
        "pages": counts.pages,
        "retries": counts.retries,
        "seconds": None if result is None else round(result.seconds, 3),
        "resumed": None if result is None else result.resumed,
        "same_as": None if result is None else result.same_as,
        "first_version": None if result is None else result.first_version,
        "last_version": None if result is None else result.last_version,
        "error": _error(one.error),
    }


def _entity(one: EntityOutcome, run_id: str | None) -> dict[str, Any]:
    names = ("rows", "batches", "inserted", "updated", "deleted", "quarantined", "dropped", "ties", "late", "last_version")
    counts = {name: None if one.promoted is None else getattr(one.promoted, name) for name in names}
    return {
        "entity": one.entity,
        "status": status_of(one),
        "run_id": run_id,
        **counts,
        "expectations": [] if one.promoted is None else [asdict(rule) for rule in one.promoted.unmet],
        "rows_in_silver": one.silver_rows,
        "path": one.path,
        "seconds": None if one.promoted is None else round(one.promoted.seconds, 3),
        "error": _error(one.error),
    }


def _error(error: MedallionError | None) -> dict[str, Any] | None:
    return None if error is None else {"code": error.code, "sentence": error.sentence, "exit_status": error.exit_status}
