"""What of an incremental source contradicts that it is asked for each of another's records, or is not built for it."""

from __future__ import annotations

import pytest

from medallion.errors import ConfigError, NotYetError

PIPELINE = """\
config_version: 1
sources:
  - {name: sensors, system: s, table: sensors, load_pattern: full, api: {base_url: http://127.0.0.1, endpoint: /sensors}}
  - name: readings
    system: s
    table: readings
    load_pattern: cdc
    parent: {source: sensors, fields: [id]}
    api:
      base_url: http://127.0.0.1
      endpoint: "/sensors/{parent.id}/readings"
      incremental: {cursor_field: n, initial_value: 0, end_value: 9, start_param: since, end_param: until}
"""


def test_a_child_may_ask_only_for_what_is_new(loaded) -> None:
    """By a cursor of any kind."""
    assert loaded(PIPELINE).pipeline.sources[1].incremental.by_number


@pytest.mark.parametrize(
    ("setting", "kind", "path", "says"),
    [
        ("window=3", NotYetError, "window", "not built"),
        ("sorted=true", ConfigError, "sorted", "side by side"),
    ],
)
def test_what_a_child_cannot_have_is_refused(loaded, setting: str, kind: type[ConfigError], path: str, says: str) -> None:
    """By its key."""
    with pytest.raises(kind) as caught:
        loaded(PIPELINE, sets=[f"sources.readings.api.incremental.{setting}"])
    problem = caught.value.problems[0]
    assert problem.path == f"sources.readings.api.incremental.{path}"
    assert says in problem.message
