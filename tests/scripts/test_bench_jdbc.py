"""What the benchmark of a database says of the cores: the run times of tasks, as Spark's event log has them."""

from __future__ import annotations

import json
from pathlib import Path

from scripts.bench.jdbc import tasks


def test_the_run_times_of_finished_tasks_are_counted(tmp_path: Path) -> None:
    """In seconds; other events, and a line that is still being written, do not count."""
    ended = {"Event": "SparkListenerTaskEnd", "Task Metrics": {"Executor Run Time": 1500}}
    lines = [json.dumps({"Event": "SparkListenerJobStart"}), json.dumps(ended), json.dumps(ended)[:30]]
    (tmp_path / "local-1.inprogress").write_text("\n".join(lines), encoding="utf-8")
    assert list(tasks(tmp_path)) == [1.5]
