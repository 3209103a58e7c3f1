"""Events as lines of JSON."""

from __future__ import annotations

import json

from medallion.events import ChunkCommitted, SchemaChanged
from medallion.observe.jsonl import JsonLines
from medallion.testing.clock import FakeClock


def test_an_event_is_one_line_with_its_time_and_name() -> None:
    """Names are those of the events, in snake case."""
    lines: list[str] = []
    listener = JsonLines(lines.append, clock=FakeClock())
    listener(ChunkCommitted(source="a", version=2, rows=7, bytes=100))
    listener(SchemaChanged(source="a", version=3, changes=("ü: new\nline",)))
    assert json.loads(lines[0]) == {
        "at": "2026-11-23T08:00:00Z",
        "event": "chunk_committed",
        "source": "a",
        "version": 2,
        "rows": 7,
        "bytes": 100,
    }
    assert json.loads(lines[1])["changes"] == ["ü: new\nline"]
    assert not any("\n" in line for line in lines)
