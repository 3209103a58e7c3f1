"""How a run ended, as tables; and how to look further."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from medallion.cli.result import status_of
from medallion.cli.terminal import Terminal
from medallion.errors import MedallionError
from medallion.observe.tally import Tally
from medallion.silver.home import is_name

if TYPE_CHECKING:
    from medallion.outcome import EntityOutcome, Outcome, SourceOutcome

_STYLES = {"done": "green", "unchanged": "dim", "failed": "bold red", "stopped": "yellow", "skipped": "yellow"}


def report(terminal: Terminal, outcome: Outcome, tally: Tally, *, config: Path) -> None:
    """Prints what each source and entity did."""
    if outcome.sources:
        terminal.table(_sources(outcome.sources, tally))
    if outcome.entities:
        terminal.table(_entities(outcome.entities))
    unmet = [(one.entity, rule.name, rule.action, rule.rows) for one in outcome.entities if one.promoted for rule in one.promoted.unmet]
    if unmet:
        terminal.table(expectations(unmet))
    stores = [(name, counts.retries) for (_, name), counts in tally.all.items() if name.startswith("storage ") and counts.retries]
    for name, retries in stores:
        terminal.show(f"{name}: {retries:,} retries")
    if outcome.nothing_new:
        what = "no table has changed" if outcome.entities else "no source had anything to land"
        terminal.show(f"Nothing new: {what} ({outcome.seconds:.1f} s).")
    elif outcome.exit_status == 0:
        terminal.show(f"Done in {outcome.seconds:.1f} s.")
    else:
        terminal.show(f"Ended in {outcome.seconds:.1f} s with exit status {outcome.exit_status}: see the errors above.")
    _further(terminal, outcome, config)


def plain_table(*columns: str, left: Sequence[str] = ()) -> Table:
    """A table as all of ours are; columns that are not in *left* hold numbers and stand to the right."""
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in columns:
        is_left = column in left
        table.add_column(column, justify="left" if is_left else "right", overflow="fold" if is_left else "ellipsis", no_wrap=not is_left)
    return table


def _sources(outcomes: Sequence[SourceOutcome], tally: Tally) -> Table:
    table = plain_table("source", "", "rows", "chunks", "pages", "retries", "seconds", left=("source", ""))
    for one in outcomes:
        counts, result = tally.of(("source", one.source)), one.result
        table.add_row(
            one.source,
            _status(status_of(one), one.error, _why(one)),
            f"{counts.committed_rows if result is None else result.rows:,}",
            "" if result is None else f"{result.chunks:,}",
            f"{counts.pages:,}",
            f"{counts.retries:,}",
            "" if result is None else f"{result.seconds:.1f}",
        )
    return table


def _why(one: SourceOutcome) -> str:
    result = one.result
    if result is None:
        return ""
    if result.nothing_to_ask:
        return "read to its end before"
    if result.same_as is not None:
        return "the same as before"
    return "resumed" if result.resumed else ""


def _entities(outcomes: Sequence[EntityOutcome]) -> Table:
    titles = ("entity", "", "rows taken", "inserted", "updated", "deleted", "quarantined", "rows in Silver", "seconds")
    table = plain_table(*titles, left=("entity", ""))
    for one in outcomes:
        done = one.promoted
        counts = ["" for _ in range(5)]
        if done is not None:
            counts = [f"{count:,}" for count in (done.rows, done.inserted, done.updated, done.deleted, done.quarantined)]
        table.add_row(
            one.entity,
            _status(status_of(one), one.error, ""),
            *counts,
            "" if one.silver_rows is None else f"{one.silver_rows:,}",
            "" if done is None else f"{done.seconds:.1f}",
        )
    return table


def expectations(unmet: Sequence[tuple[str, str, str, int]]) -> Table:
    """How many rows do not meet each expectation: entity, name, action and rows."""
    titles = ("entity", "expectation", "action", "rows that do not meet it")
    table = plain_table(*titles, left=titles[:3])
    for entity, name, action, rows in unmet:
        table.add_row(entity, name, action, f"{rows:,}")
    return table


def _status(status: str, error: MedallionError | None, why: str) -> Text:
    text = Text(status, style=_STYLES[status])
    if error is not None:
        text.append(f" [{error.code}]")
    elif why:
        text.append(f", {why}", style="not bold dim")
    return text


def _further(terminal: Terminal, outcome: Outcome, config: Path) -> None:
    table = next((one for one in outcome.entities if one.silver_rows), None)
    lines = [f"medallion status {config}"]
    if outcome.entities:
        lines.append(f"medallion verify {config}")
    if table is not None and table.path is not None:
        in_catalog = is_name(table.path)
        lines.append(f'spark.table("{table.path}")' if in_catalog else f'spark.read.format("delta").load("{table.path}")')
    terminal.show("Look further:")
    for line in lines:
        terminal.show(f"  {line}")
