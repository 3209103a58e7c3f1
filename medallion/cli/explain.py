"""The command that tells the story of one key."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from medallion.cli import options as given
from medallion.cli.flow import start_spark
from medallion.cli.report import plain_table
from medallion.cli.terminal import Terminal
from medallion.errors import ConfigError, Problem

if TYPE_CHECKING:
    from medallion.explain import Explained

_STYLES = {
    "opened": "green",
    "continued": "green",
    "closed": "yellow",
    "aside": "red",
    "lost": "dim",
    "overtaken": "dim",
    "repeated": "dim",
}


def explain(
    context: typer.Context,
    config: given.Config,
    key: Annotated[list[str], typer.Option("--key", metavar="COLUMN=VALUE", help="The key; once for each of its columns.")],
    entity: Annotated[str | None, typer.Option("--entity", metavar="NAME", help="Of one table (default: of all with such a key).")] = None,
    env: given.Env = None,
    sets: given.Sets = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with the values of every event.")] = False,
) -> int:
    """Tells every event of a key in order: what it did, why, and which file and request it comes from. Reads all of Bronze."""
    from medallion.explain import entities_of
    from medallion.explain import explain as tell
    from medallion.pipeline import select

    terminal: Terminal = context.obj
    pipeline = given.read(terminal, config, env=env, sets=sets).pipeline
    pairs = [text.partition("=") for text in key]
    wrong = [Problem(path="--key", message=f"{name!r}: say COLUMN=VALUE") for name, sign, _ in pairs if not sign]
    if wrong:
        raise ConfigError(wrong)
    wanted = {name.strip(): value for name, _, value in pairs}
    asked = select(pipeline, [] if entity is None else [entity]).entities
    chosen = entities_of([one for one in asked if entity in (None, one.entity)], list(wanted))
    spark = start_spark(pipeline, terminal.secrets)
    stories = [tell(spark, pipeline, one, wanted) for one in chosen]
    if as_json:
        terminal.show(json.dumps([_json(story) for story in stories], indent=2, default=str, ensure_ascii=False))
    else:
        for story in stories:
            _show(terminal, story)
    return 0


def _show(terminal: Terminal, story: Explained) -> None:
    key = ", ".join(f"{name}={value}" for name, value in story.key.items())
    if not story.events:
        terminal.show(f"{story.entity}: Bronze has no event of {key}")
        return
    shown = plain_table("sequence", "event", "did", "why", "log version", "chunk", "row", left=("sequence", "event", "did", "why"))
    shown.title, shown.title_justify = f"{story.entity}: {key}", "left"
    for told in story.events:
        place = [str(part) for part in told.position] + [""] * (3 - len(told.position))
        event = f"{told.kind}, late" if told.late else told.kind
        did = Text(told.what, style=_STYLES.get(told.what, ""))
        shown.add_row(_spelled(told.sequence), event, did, Text(terminal.mask(told.why)), *place)
    terminal.table(shown)
    for (version, chunk), origin in story.origins.items():
        terminal.show(f"log version {version}, chunk {chunk}: {origin.file}")
        asked = json.dumps(origin.asked, default=str, ensure_ascii=False)
        terminal.show(f"  run {origin.run_id} at {origin.at[:19]}, asked: {terminal.mask(asked)}")
    found = len(story.rows)
    terminal.show(
        f"The table has {found or 'no'} {'row' if found == 1 else 'rows'} of the key, and goes to log version {story.last_version}."
    )


def _spelled(sequence: Any) -> str:
    return ", ".join(map(str, sequence)) if isinstance(sequence, tuple) else str(sequence)


def _json(story: Explained) -> dict[str, Any]:
    def placed(told: dict[str, Any]) -> dict[str, Any]:
        version, *inside = told.pop("position")
        origin = story.origins.get((version, inside[0])) if inside else None
        place = dict(zip(("version", "chunk", "row"), (version, *inside), strict=False))
        return {**told, "position": place, "origin": None if origin is None else asdict(origin)}

    return {
        "entity": story.entity,
        "key": dict(story.key),
        "last_version": story.last_version,
        "events": [placed(asdict(told)) for told in story.events],
        "rows": [dict(row) for row in story.rows],
    }
