"""Pulls the plug: kills the job in mid-extraction and in mid-MERGE, runs it again, and compares with a run that nobody disturbed.

Kills are SIGKILL of the job's whole process group, JVM included. The exit status is 0 only if no row is lost, none is
doubled, and every table is equal. Environment: LAKE is an empty folder for the two lakes (default: a temporary one).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from medallion.clock import SystemClock
from medallion.demo.process import RunningApi, started
from medallion.errors import MedallionError
from scripts.lake_compare import Difference, bronze_rows, completed, differences, uncommitted

ROOT = Path(__file__).resolve().parent.parent
PIPELINE = ROOT / "conf" / "pipelines" / "quickstart.yaml"
MEDALLION = Path(sys.executable).with_name("medallion")
CHANGES = "/flights/changes"
LOG = Path("bronze/system=nyc/table=flight_changes/_log")
MERGED = ("flights_history", "flights")
CHUNKS_BEFORE_THE_KILL = 4
LATENCY_MS = 250
SMALL_CHUNKS = ("--set", "platform.bronze.max_rows_per_file=4000")
"""January is 81,000 rows: with chunks of the usual size there would be no middle to be killed in."""
UNTIL = "2013-02-01T00:00:00Z"
SAME_DATE = ("--run-date", UNTIL)
"""A snapshot's date stands in its table: without one of their own the two lakes would differ by when they were made."""

console = Console()
clock = SystemClock()


@dataclass(frozen=True, kw_only=True)
class Killed:
    """A job that was killed, and what was seen at that moment."""

    where: str
    seen: str


class Missed(Exception):
    """The job ended before it could be killed where it was to be."""


@contextmanager
def job(api: RunningApi, lake: Path, output: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The job as a process group of its own; none of it is left at the end."""
    environment = os.environ | api.environment | {"LAKE": str(lake), "FLIGHTS_UNTIL": UNTIL}
    command = [str(MEDALLION), "run", str(PIPELINE), *SMALL_CHUNKS, *SAME_DATE]
    with output.open("ab") as sink, subprocess.Popen(command, env=environment, stdout=sink, stderr=sink, start_new_session=True) as run:
        try:
            yield run
        finally:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)


def run_to_the_end(api: RunningApi, lake: Path, output: Path) -> None:
    """Raises MedallionError where the job fails."""
    with job(api, lake, output) as run:
        status = run.wait()
    if status != 0:
        raise MedallionError(f"the job ended with status {status}; its output is in {output}")


def kill_when(api: RunningApi, lake: Path, output: Path, seen: Callable[[], str | None]) -> str:
    """Runs the job and kills it as soon as *seen* sees something, which is returned.

    Raises Missed where the job ends before that.
    """
    with job(api, lake, output) as run:
        while run.poll() is None:
            what = seen()
            if what is not None:
                os.killpg(run.pid, signal.SIGKILL)
                run.wait()
                return what
            clock.sleep(0.002)
    if run.returncode != 0:
        raise MedallionError(f"the job ended with status {run.returncode}; its output is in {output}")
    raise Missed


def kill_in_extraction(api: RunningApi, lake: Path, output: Path) -> Killed:
    """Killed when a few chunks are committed and more are on their way."""

    def seen() -> str | None:
        entries = sum(1 for _ in (lake / LOG).glob("*.json"))
        return f"{entries} log entries" if entries >= CHUNKS_BEFORE_THE_KILL + 2 else None

    what = kill_when(api, lake, output, seen)
    if completed(lake / LOG):
        raise Missed
    return Killed(where="in the middle of extraction", seen=what)


def kill_in_merge(api: RunningApi, lake: Path, output: Path) -> Killed:
    """Killed when data files of a MERGE stand in the table's folder and no version names them yet."""
    tables = [lake / "silver" / "domain=travel" / f"entity={entity}" / "v1" for entity in MERGED]

    def seen() -> str | None:
        return next((str(table) for table in tables if uncommitted(table)), None)

    for _ in range(len(MERGED)):
        table = Path(kill_when(api, lake, output, seen))
        orphans = uncommitted(table)
        if orphans:  # else its commit came between our look and the kill: the next table's MERGE is still to come
            return Killed(
                where=f"in the middle of a MERGE into {table.parent.name.removeprefix('entity=')}", seen=f"{orphans} uncommitted files"
            )
    raise Missed


def queries(api: RunningApi) -> Mapping[str, int]:
    """How often each page of the changes was asked."""
    found: dict[str, int] = api.stats()["queries"]
    return {query: count for query, count in found.items() if query.startswith(CHANGES)}


def report(asked: int, reference: int, again: int, kills: list[Killed], rows: tuple[int, int], found: list[Difference]) -> bool:
    """Prints the closing table; whether nothing is lost, doubled or different."""
    lost = max(0, rows[0] - rows[1]) + sum(difference.lost for difference in found)
    doubled = max(0, rows[1] - rows[0]) + sum(difference.doubled for difference in found)
    equal = [difference for difference in found if difference.equal]
    table = Table(title="The plug was pulled " + ", and ".join(kill.where for kill in kills), title_justify="left")
    table.add_column("")
    table.add_column("undisturbed", justify="right")
    table.add_column("killed twice", justify="right")
    table.add_row("pages asked", f"{reference:,}", f"{asked:,}")
    table.add_row("pages asked again", "0", f"{again:,}")
    table.add_row("rows in Bronze", f"{rows[0]:,}", f"{rows[1]:,}")
    for difference in found:
        table.add_row(f"rows in {difference.name}", f"{difference.expected:,}", f"{difference.actual:,}")
    table.add_row("rows lost", "", f"{lost:,}")
    table.add_row("rows doubled", "", f"{doubled:,}")
    table.add_row("tables equal", "", f"{len(equal)} of {len(found)}")
    console.print(table)
    return bool(found) and lost == 0 and doubled == 0 and len(equal) == len(found)


def demonstrate(base: Path) -> bool:
    """Both runs and their comparison; whether they are equal."""
    undisturbed, killed, output = base / "undisturbed", base / "killed", base / "output.txt"
    with started("--latency", str(LATENCY_MS)) as api:
        console.print("1 of 4  a run that nobody disturbs …")
        run_to_the_end(api, undisturbed, output)
        reference = sum(queries(api).values())
    with started("--latency", str(LATENCY_MS)) as api:
        console.print("2 of 4  the same run, killed in the middle of extraction …")
        kills = [kill_in_extraction(api, killed, output)]
        console.print(f"        SIGKILL at {kills[-1].seen}, {sum(queries(api).values())} pages asked")
        console.print("3 of 4  run again, killed in the middle of a MERGE …")
        kills.append(kill_in_merge(api, killed, output))
        console.print(f"        SIGKILL at {kills[-1].seen}, {kills[-1].where.removeprefix('in the middle of ')}")
        console.print("4 of 4  run again, to the end …")
        run_to_the_end(api, killed, output)
        counts = queries(api)
    asked, again = sum(counts.values()), sum(count - 1 for count in counts.values())
    rows = (bronze_rows(undisturbed / LOG), bronze_rows(killed / LOG))
    return report(asked, reference, again, kills, rows, differences(undisturbed / "silver", killed / "silver"))


def main() -> int:
    """0 where the killed lake equals the other one, 1 where not, 2 where there is no room for them."""
    chosen = os.environ.get("LAKE")
    if chosen and Path(chosen).exists() and any(Path(chosen).iterdir()):
        console.print(f"LAKE={chosen} is not empty: pull-the-plug compares two new lakes; give a new folder")
        return 2
    try:
        if chosen:
            Path(chosen).mkdir(parents=True, exist_ok=True)
            return 0 if demonstrate(Path(chosen).resolve()) else 1
        with tempfile.TemporaryDirectory(prefix="pull-the-plug-") as folder:
            return 0 if demonstrate(Path(folder)) else 1
    except Missed:
        console.print("the job ended before it could be killed where it was to be: nothing is shown by that; run it again")
        return 1
    except MedallionError as error:
        console.print(str(error), markup=False)
        return error.exit_status


if __name__ == "__main__":
    sys.exit(main())
