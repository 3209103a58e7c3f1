"""Follow the log: promotions started again at each interval, until somebody says stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

from medallion.bronze.opening import ExtractOptions
from medallion.flow import Flow
from medallion.outcome import EntityOutcome, Outcome
from medallion.pipeline import Selection, run

_LOOK_EVERY = 1.0
"""Seconds between two looks at the stop flag. To wait for the flag itself could hang: a signal handler of this thread sets it."""


def follow(
    flow: Flow,
    selection: Selection,
    options: ExtractOptions,
    *,
    replay: bool = False,
    accept_quarantine: bool = False,
    rebuild: bool = False,
) -> Outcome:
    """As :func:`medallion.pipeline.run`; under ``trigger: processing_time`` its promotions are then started again at each interval.

    Sources are read once, and *replay*, *accept_quarantine* and *rebuild* are meant for the first round alone. It ends when a round
    fails, with that failure, or at SIGTERM: between two rounds everything is done and the outcome is that of all rounds together; within
    one the round ends as it always does, with TerminatedError.
    """
    interval = flow.pipeline.run.promote.interval
    began = round_began = flow.clock.monotonic()
    outcome = run(flow, selection, options, replay=replay, accept_quarantine=accept_quarantine, rebuild=rebuild)
    if interval is None or not selection.entities:
        return outcome
    tables = Selection(sources=(), entities=selection.entities)
    while outcome.exit_status == 0:
        due = round_began + interval.total_seconds()
        while (left := due - flow.clock.monotonic()) > 0 and not flow.stop.requested:
            flow.clock.sleep(min(left, _LOOK_EVERY))
        if flow.stop.requested:
            break
        round_began = max(due, flow.clock.monotonic() - interval.total_seconds())
        latest = run(flow, tables, ExtractOptions())
        outcome = replace(outcome, entities=_together(outcome.entities, latest.entities))
    return replace(outcome, seconds=flow.clock.monotonic() - began)


def _together(before: Sequence[EntityOutcome], latest: Sequence[EntityOutcome]) -> tuple[EntityOutcome, ...]:
    """Each entity as it stands now, with what all rounds did to it."""
    known = {one.entity: one for one in before}
    return tuple(_sum(known[one.entity], one) if one.entity in known else one for one in latest)


def _sum(before: EntityOutcome, latest: EntityOutcome) -> EntityOutcome:
    if before.promoted is None or latest.promoted is None:
        return latest
    counted = [field.name for field in fields(latest.promoted) if field.name not in ("entity", "last_version", "table_rows", "unmet")]
    totals = {name: getattr(before.promoted, name) + getattr(latest.promoted, name) for name in counted}
    last = max(before.promoted.last_version, latest.promoted.last_version)
    done = "done" if "done" in (before.status, latest.status) and latest.error is None else latest.status
    now = {rule.name: rule.rows for rule in latest.promoted.unmet}
    unmet = tuple(replace(rule, rows=rule.rows + now.get(rule.name, 0)) for rule in before.promoted.unmet) or latest.promoted.unmet
    return replace(latest, status=done, promoted=replace(latest.promoted, last_version=last, unmet=unmet, **totals))
