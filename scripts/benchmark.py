"""Measures what is promised about speed and memory, beside what people would write by hand: a table, and JSON for programs.

``--list`` says what can be measured, ``--only NAME`` (several times) measures that, ``--pairs N`` sets how often, ``--json FILE``
keeps every single figure. The exit status is 0 where every bar is met, 1 where one is missed or could not be measured.
docs/performance.md says what each bar means.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from medallion.clock import SystemClock
from medallion.errors import MedallionError
from scripts.bench import extraction, increments, jdbc, memory, parsing, peer, politeness, runs, silver, stores
from scripts.bench.measure import Benchmark, Measured, Settings
from scripts.bench.report import document, sentence, table

BENCHMARKS: Sequence[Benchmark] = (
    *jdbc.BENCHMARKS,
    *extraction.BENCHMARKS,
    *peer.BENCHMARKS,
    *parsing.BENCHMARKS,
    *politeness.BENCHMARKS,
    *silver.BENCHMARKS,
    *increments.BENCHMARKS,
    *memory.BENCHMARKS,
    *runs.BENCHMARKS,
    *stores.BENCHMARKS,
)


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m scripts.benchmark", description="Measures speed and memory against the bars.")
    names = [benchmark.name for benchmark in BENCHMARKS]
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help="measure this one; may be given several times")
    parser.add_argument("--pairs", type=_count, metavar="N", help="turns that count (default: 7, or 3 where a run takes minutes)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--list", action="store_true", help="say what can be measured")
    return parser.parse_args(given)


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def measure(chosen: Sequence[Benchmark], *, pairs: int | None, console: Console) -> tuple[list[Measured], list[str]]:
    """What was measured, and a sentence for each benchmark that failed; one that fails does not stop the others."""
    found: list[Measured] = []
    failed: list[str] = []
    for benchmark in chosen:
        with console.status(f"{benchmark.name} …") as status:
            settings = Settings(
                clock=SystemClock(),
                turns=pairs,
                progress=lambda text, name=benchmark.name, status=status: status.update(escape(f"{name}: {text}")),  # type: ignore[misc]
            )
            try:
                measured = benchmark.measure(settings)
            except MedallionError as error:
                failed.append(f"{benchmark.name}: {error}")
                console.print(f"{benchmark.name}: {error}", markup=False, style="red")
                continue
        for one in measured:
            found.append(one)
            console.print(sentence(one), markup=False, highlight=False, soft_wrap=True)
    return found, failed


def main(given: Sequence[str]) -> int:
    """The exit status."""
    asked = arguments(given)
    console = Console()
    if asked.list:
        for benchmark in BENCHMARKS:
            console.print(f"{benchmark.name:12} {benchmark.says}", markup=False, highlight=False, soft_wrap=True)
        return 0
    chosen = [benchmark for benchmark in BENCHMARKS if asked.only is None or benchmark.name in asked.only]
    found, failed = measure(chosen, pairs=asked.pairs, console=console)
    if found:
        console.print(table(found))
    if asked.json is not None:
        asked.json.write_text(json.dumps(document(found, at=SystemClock().now()) | {"failed": failed}, indent=2) + "\n", "utf-8")
    return 0 if not failed and all(one.met for one in found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
