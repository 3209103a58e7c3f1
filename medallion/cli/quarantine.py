"""The commands about rows that were set aside: which they are, landing them again, letting them go."""

from __future__ import annotations

import getpass
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from medallion.cli import options as given
from medallion.cli.flow import start_spark
from medallion.cli.report import plain_table
from medallion.cli.state import open_at
from medallion.cli.terminal import Terminal
from medallion.clock import SystemClock
from medallion.config.pipeline import Pipeline
from medallion.config.silver import Entity
from medallion.errors import ConfigError, Problem
from medallion.events import nobody

if TYPE_CHECKING:
    from medallion.quarantine import Done, Quarantine
    from medallion.silver.quarantine import Aside, Chosen, Counted

quarantine = typer.Typer(
    help="Rows that were set aside: look at them, land them again, discard them.", no_args_is_help=True, rich_markup_mode=None
)

OneEntity = Annotated[str | None, typer.Option("--entity", metavar="NAME", help="Of which table (not needed where there is only one).")]
Reason = Annotated[
    list[str] | None, typer.Option("--reason", metavar="REASON", help="Rows set aside for it, such as NULL_KEY; several times.")
]
Rule = Annotated[list[str] | None, typer.Option("--rule", metavar="NAME", help="Rows that an expectation set aside; several times.")]
At = Annotated[
    list[str] | None, typer.Option("--at", metavar="VERSION:CHUNK:ROW", help="The row at this position in Bronze; several times.")
]
All = Annotated[bool, typer.Option("--all", help="Every row that is still open.")]
By = Annotated[str | None, typer.Option("--by", metavar="WHO", help="Who does it (default: the user of this process).")]


@quarantine.command(name="list")
def list_(
    context: typer.Context,
    config: given.Config,
    entity: OneEntity = None,
    env: given.Env = None,
    sets: given.Sets = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> int:
    """How many rows were set aside, by table, reason and rule, and what became of them."""
    from medallion.pipeline import select

    terminal: Terminal = context.obj
    pipeline = given.read(terminal, config, env=env, sets=sets).pipeline
    entities = select(pipeline, []).entities if entity is None else [_one(pipeline, entity)]
    found = [(one.entity, counted) for one in entities for counted in _of(terminal, pipeline, one).counts()]
    if as_json:
        terminal.show(json.dumps([{"entity": name, **_fields(counted)} for name, counted in found], indent=2, ensure_ascii=False))
    elif not found:
        terminal.show("No row was set aside.")
    else:
        terminal.table(_counts(found))
    return 0


@quarantine.command()
def show(
    context: typer.Context,
    config: given.Config,
    entity: OneEntity = None,
    reason: Reason = None,
    rule: Rule = None,
    at: At = None,
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="At most so many rows of the table.")] = 20,
    env: given.Env = None,
    sets: given.Sets = None,
    as_json: Annotated[bool, typer.Option("--json", help="All of them, one JSON object a line: what replay --file takes.")] = False,
) -> int:
    """The rows that were set aside: reason, rule, position in Bronze, and what became of them."""
    terminal: Terminal = context.obj
    pipeline = given.read(terminal, config, env=env, sets=sets).pipeline
    chosen, one = _chosen(reason, rule, at), _one(pipeline, entity)
    rows = _of(terminal, pipeline, one).rows(chosen, limit=None if as_json or chosen.positions else limit)
    if as_json:
        for row in rows:
            terminal.show(json.dumps({**_fields(row), "record": json.loads(row.record)}, default=str, ensure_ascii=False))
    elif not rows:
        terminal.show(f"{one.entity}: no row was set aside{'' if chosen.everything else ' of that kind'}.")
    else:
        terminal.table(_rows(terminal, rows))
    return 0


@quarantine.command()
def replay(
    context: typer.Context,
    config: given.Config,
    entity: OneEntity = None,
    reason: Reason = None,
    rule: Rule = None,
    at: At = None,
    every: All = False,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="The rows, mended: JSON lines as show --json prints them, or the same as .parquet."),
    ] = None,
    by: By = None,
    why: Annotated[str | None, typer.Option("--why", metavar="TEXT", help="Is kept with the rows.")] = None,
    env: given.Env = None,
    sets: given.Sets = None,
) -> int:
    """Lands rows again, once, as a run of their own in the Bronze log: as they stand, or mended. The next promotion takes them.

    Of the rows of a file, columns that are not in it stay as they landed.
    """
    from medallion.bronze.mend import read_mended
    from medallion.silver.quarantine import Chosen

    terminal: Terminal = context.obj
    pipeline = given.read(terminal, config, env=env, sets=sets).pipeline
    one = _one(pipeline, entity)
    if file is None:
        chosen, mended = _chosen(reason, rule, at), []
        _something(chosen, every, "--file, --at, --reason, --rule, or --all")
    else:
        if reason or rule or at or every:
            raise ConfigError([Problem(path="--file", message="names its rows itself: take the other choices out")])
        mended = read_mended(file.name, _bytes(file))
        chosen = Chosen(positions=tuple(row.position for row in mended))
        if not mended:
            terminal.show(f"{file}: no row")
            return 0
    done = _of(terminal, pipeline, one).replay(chosen, mended, who=_who(by), why=why)
    if done.rows:
        terminal.show(f"{one.entity}: {_count(done.rows)} landed again as log version {done.landed_version} (run {done.run_id})")
        terminal.show(f"The next promotion takes them: medallion promote {config}")
    _before(terminal, one, done, "nothing landed")
    return 0


@quarantine.command()
def discard(
    context: typer.Context,
    config: given.Config,
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="Is kept with the rows.")],
    entity: OneEntity = None,
    reason: Reason = None,
    rule: Rule = None,
    at: At = None,
    every: All = False,
    by: By = None,
    env: given.Env = None,
    sets: given.Sets = None,
) -> int:
    """Marks rows as discarded, with who, why and when. They stay in the quarantine and in Bronze; nobody is asked about them again."""
    terminal: Terminal = context.obj
    pipeline = given.read(terminal, config, env=env, sets=sets).pipeline
    chosen, one = _chosen(reason, rule, at), _one(pipeline, entity)
    _something(chosen, every, "--at, --reason, --rule, or --all")
    done = _of(terminal, pipeline, one).discard(chosen, who=_who(by), why=why)
    if done.rows:
        terminal.show(f"{one.entity}: {_count(done.rows)} discarded")
    _before(terminal, one, done, "nothing discarded")
    return 0


def _of(terminal: Terminal, pipeline: Pipeline, entity: Entity) -> Quarantine:
    from medallion.quarantine import Quarantine

    return Quarantine(
        spark=start_spark(pipeline, terminal.secrets),
        pipeline=pipeline,
        entity=entity,
        state=open_at(terminal, pipeline, pipeline.platform.state.root),
        bronze=open_at(terminal, pipeline, pipeline.platform.bronze.root),
        clock=SystemClock(),
        listener=nobody,
    )


def _one(pipeline: Pipeline, name: str | None) -> Entity:
    names = [entity.entity for entity in pipeline.silver]
    if name is None and len(names) != 1:
        raise ConfigError([Problem(path="--entity", message=f"required, one of {', '.join(names)}" if names else "there is no entity")])
    found = next((entity for entity in pipeline.silver if name in (None, entity.entity)), None)
    if found is None:
        raise ConfigError([Problem(path="--entity", message=f"no entity is called {name}; there are {', '.join(names)}")])
    return found


def _chosen(reason: list[str] | None, rule: list[str] | None, at: list[str] | None) -> Chosen:
    from medallion.silver.quarantine import Chosen

    positions, problems = list[tuple[int, int, int]](), list[Problem]()
    for text in at or ():
        parts = text.split(":")
        if len(parts) == 3 and all(part.isdecimal() for part in parts):
            version, chunk, row = map(int, parts)
            positions.append((version, chunk, row))
        else:
            problems.append(Problem(path="--at", message=f"{text!r}: say VERSION:CHUNK:ROW, such as 12:0:3"))
    if problems:
        raise ConfigError(problems)
    return Chosen(reasons=tuple(reason or ()), rules=tuple(rule or ()), positions=tuple(dict.fromkeys(positions)))


def _something(chosen: Chosen, every: bool, choices: str) -> None:
    if chosen.everything and not every:
        raise ConfigError([Problem(path="--all", message=f"say which rows: {choices}")])
    if every and not chosen.everything:
        raise ConfigError([Problem(path="--all", message="contradicts the other choices: take one of them out")])


def _who(by: str | None) -> str:
    if by is not None:
        return by
    try:
        return getpass.getuser()
    except (OSError, KeyError) as error:
        raise ConfigError([Problem(path="--by", message="required: this process has no user name")]) from error


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError([Problem(path="--file", message=f"{file} cannot be read: {error.strerror or error}")]) from error


def _before(terminal: Terminal, entity: Entity, done: Done, nothing: str) -> None:
    """What was resolved before is said; and that nothing was open, if so."""
    if done.found:
        killed = f"landed as log version {done.found_version} by a replay that was killed; marked as replayed now"
        terminal.show(f"{entity.entity}: {_count(done.found)} {killed}")
    if done.replayed:
        terminal.show(f"{entity.entity}: {_count(done.replayed)} landed again before")
    if done.discarded:
        terminal.show(f"{entity.entity}: {_count(done.discarded)} discarded before")
    if not done.rows:
        terminal.show(f"{entity.entity}: no open row was chosen; {nothing}")


def _count(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows:,} rows"


def _fields(one: Counted | Aside) -> dict[str, Any]:
    return dict(vars(one))


def _counts(found: Sequence[tuple[str, Counted]]) -> Table:
    titles = ("entity", "reason", "rule", "rows", "open", "replayed", "discarded", "first log version")
    table = plain_table(*titles, left=titles[:3])
    for name, one in found:
        still = Text(f"{one.open:,}", style="yellow" if one.open else "dim")
        numbers = (f"{one.replayed:,}", f"{one.discarded:,}", str(one.first_version))
        table.add_row(name, one.reason, one.rule or "", f"{one.rows:,}", still, *numbers)
    return table


def _rows(terminal: Terminal, rows: Sequence[Aside]) -> Table:
    titles = ("at", "reason", "rule", "state", "record")
    table = plain_table(*titles, left=titles)
    for row in rows:
        state: str = row.state
        if row.state == "replayed":
            state = f"replayed as {row.landed_version} by {row.who}"
        elif row.state == "discarded":
            state = f"discarded by {row.who}: {row.why}"
        place = "{}:{}:{}".format(*row.position)
        table.add_row(place, row.reason, row.rule or "", Text(terminal.mask(state)), Text(terminal.mask(row.record)))
    return table
