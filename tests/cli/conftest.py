"""A command line whose output is caught, and a pipeline to use it on."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from medallion.testing.commandline import CommandLine

PIPELINE = """
config_version: 1
pipeline: shop
platform:
  bronze: {root: LAKE/bronze}
  silver: {root: LAKE/silver}
  state: {root: LAKE/_state}
defaults:
  system: shop
  api:
    base_url: URL
    auth: {type: bearer, token: "secret:env:TOKEN"}
    records_path: data
    retry: {attempts: 2, longest_wait: 10ms}
    pagination: {type: page, size: 2}
sources:
  - {name: orders, table: orders, load_pattern: full, api: {endpoint: /orders}}
  - {name: customers, table: customers, load_pattern: full, api: {endpoint: /customers}}
silver:
  - {entity: orders, source: orders, model: full_merge_dedupe, keys: [id]}
  - {entity: buyers, source: customers, model: full_merge_dedupe, keys: [id]}
"""


@pytest.fixture
def medallion() -> Iterator[CommandLine]:
    """The command line, with the token in its environment; afterwards signals do what they did before."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield CommandLine(environ={"TOKEN": "s3cret-t0ken"})
    assert {number: signal.getsignal(number) for number in before} == before


@pytest.fixture
def shop(tmp_path: Path) -> Callable[[str], str]:
    """Writes the file of a pipeline with two full sources at a URL and two tables, on a lake of its own, and says where it is."""

    def write(url: str) -> str:
        path = tmp_path / "shop.yaml"
        path.write_text(PIPELINE.replace("LAKE", str(tmp_path / "lake")).replace("URL", url), encoding="utf-8")
        return str(path)

    return write
