"""What was measured, as a table for people and as JSON for programs."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psutil
from rich.table import Table
from rich.text import Text

from scripts.bench.measure import Bar, Measured

FORMAT = 1


def table(found: Sequence[Measured]) -> Table:
    """One row a bar: the limit, the median with its middle half, the medians of the parts, met or missed."""
    shown = Table(title="Median and middle half (25 to 75 %) of the turns", title_justify="left")
    shown.add_column("bar", no_wrap=True)
    shown.add_column("limit", justify="right", no_wrap=True)
    shown.add_column("measured", justify="right", no_wrap=True)
    shown.add_column("25 to 75 %", justify="right", no_wrap=True)
    shown.add_column("turns", justify="right", no_wrap=True)
    shown.add_column("", no_wrap=True)
    for one in found:
        low, high = one.middle
        shown.add_row(
            Text(one.bar.name),
            limit(one.bar),
            number(one.median, one.bar),
            f"{number(low, one.bar)} to {number(high, one.bar)}",
            str(len(one.values)),
            Text("met", style="green") if one.met else Text("missed", style="red"),
        )
    return shown


def sentence(one: Measured) -> str:
    """What was measured, how it came out, and the medians of what it was made of."""
    parts = [f"{name} {statistics.median(values):.4g}" for name, values in one.parts.items()]
    made = f" ({'; '.join([*parts, *([one.note] if one.note else [])])})" if parts or one.note else ""
    verdict = "met" if one.met else "missed"
    return f"{one.bar.name}: {one.bar.says}: {number(one.median, one.bar)} {one.bar.unit}, {limit(one.bar)} {verdict}{made}"


def limit(bar: Bar) -> str:
    """The promise, such as ``≤ 1.3 ×``."""
    return f"{'≥' if bar.at_least else '≤'} {bar.limit:g} {bar.unit}"


def number(value: float, bar: Bar) -> str:
    """A value as it is read: two decimals for ratios and below one, one otherwise."""
    return f"{value:.2f}" if bar.unit == "×" or abs(value) < 1 else f"{value:.1f}"


def document(found: Sequence[Measured], *, at: datetime) -> dict[str, Any]:
    """Everything as JSON, each single turn included. *at* is when the measuring ended."""
    return {
        "format": FORMAT,
        "at": at.isoformat(),
        "machine": machine(),
        "bars": [
            {
                "name": one.bar.name,
                "says": one.bar.says,
                "limit": one.bar.limit,
                "at_least": one.bar.at_least,
                "unit": one.bar.unit,
                "median": one.median,
                "low": one.middle[0],
                "high": one.middle[1],
                "values": list(one.values),
                "parts": {name: list(values) for name, values in one.parts.items()},
                "note": one.note,
                "met": one.met,
            }
            for one in found
        ],
    }


def machine() -> dict[str, Any]:
    """On what it was measured, and how busy that was with other things."""
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1024**3, 1),
        "load_1m": round(psutil.getloadavg()[0], 2),
    }
