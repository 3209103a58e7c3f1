"""A small pipeline, and the problems of a text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest

from medallion.config.load import Loaded, load
from medallion.errors import ConfigError, Problem


class Loader(Protocol):
    def __call__(
        self,
        text: str,
        *,
        env: str | None = None,
        sets: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
        name: str = "nyc.yaml",
    ) -> Loaded: ...


@pytest.fixture
def loaded(tmp_path: Path) -> Loader:
    """Loads a text as ``pipelines/nyc.yaml`` of a fresh folder."""

    def from_text(
        text: str, *, env: str | None = None, sets: Sequence[str] = (), environ: Mapping[str, str] | None = None, name: str = "nyc.yaml"
    ) -> Loaded:
        path = tmp_path / "pipelines" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return load(path, env=env, sets=sets, environ=environ or {})

    return from_text


@pytest.fixture
def problems(loaded: Loader) -> Callable[..., list[Problem]]:
    """The problems of a text, none where it loads."""

    def of(text: str, **options: Any) -> list[Problem]:
        try:
            loaded(text, **options)
        except ConfigError as error:
            return list(error.problems)
        return []

    return of


@pytest.fixture
def small() -> str:
    """Two sources and two tables, nothing that has a default."""
    return SMALL


SMALL = """\
config_version: 1
defaults:
  system: nyc
  api:
    base_url: http://127.0.0.1:8013
    auth: {type: bearer, token: "secret:env:TOKEN"}
sources:
  - name: changes
    table: flight_changes
    load_pattern: cdc
    api:
      endpoint: /changes
      rate_limit: {rps: 50}
  - name: airlines
    table: airlines
    load_pattern: full
    api: {endpoint: /airlines, auth: {type: none}}
silver:
  - entity: flights
    source: changes
    model: scd_type_1
    keys: [id]
    sequence_by: [updated_at]
  - {entity: airlines, source: airlines, model: full_merge_dedupe, keys: [carrier]}
"""
