"""A class of somebody else's in a configuration: it runs only by leave, and its section is checked like any other."""

from __future__ import annotations

import pytest

from medallion.config.filled import has_end

SHOP = """\
config_version: 1
run: {allow_classes: ["shop.sources:Orders"]}
source:
  name: orders
  system: shop
  table: orders
  load_pattern: cdc
  type: custom
  custom:
    class: shop.sources:Orders
    options: {url: "http://127.0.0.1", token: "secret:env:TOKEN", deep: [{a: 1}]}
    incremental: {cursor_field: at, initial_value: "2026-01-01", window: 1d}
"""


def test_a_custom_source_is_loaded(loaded) -> None:
    """Its options stay as they are written, references included; it says itself what is new."""
    source = loaded(SHOP).pipeline.sources[0]

    assert source.custom.options == {"url": "http://127.0.0.1", "token": "secret:env:TOKEN", "deep": [{"a": 1}]}
    assert source.incremental is source.custom.incremental
    assert has_end(source)


@pytest.mark.parametrize(
    ("setting", "path", "word"),
    [
        ("custom.class=shop.sources:Others", "custom.class", "run.allow_classes"),
        ("custom.class='a b:C'", "custom.class", "module:Class"),
        ("custom.class=' '", "custom.class", "entry point"),
        ("custom.class=null", "custom.class", "text"),
        ("custom.options=5", "custom.options", "mapping"),
        ("custom.options={a: {b: ['secret:vault:x']}}", "custom.options", "reference"),
        ("custom.clas=a", "custom.clas", "did you mean class?"),
        ("custom.incremental.window=0s", "custom.incremental", "longer than 0"),
        ("custom.incremental.start_param=a", "custom.incremental.start_param", "unknown key"),
        ("load_pattern=full", "custom.incremental", "complete snapshot"),
        ("custom=null", "custom", "required"),
    ],
)
def test_what_is_wrong_is_told_with_its_path(problems, setting, path, word) -> None:
    """As everywhere."""
    found = [problem for problem in problems(SHOP, sets=[f"sources.orders.{setting}"]) if problem.path == f"sources.orders.{path}"]

    assert found, [str(problem) for problem in problems(SHOP, sets=[f"sources.orders.{setting}"])]
    assert word in found[0].message


def test_leave_can_be_given_on_the_command_line(problems) -> None:
    """By exactly that name; a list that is no list of classes is wrong in itself."""
    without = SHOP.replace('run: {allow_classes: ["shop.sources:Orders"]}\n', "")
    assert [problem.path for problem in problems(without)] == ["sources.orders.custom.class"]
    assert problems(without, sets=['run.allow_classes=["shop.sources:Orders"]']) == []
    assert "module:Class" in problems(SHOP, sets=["run.allow_classes=[shop]"])[0].message


def test_an_entry_point_needs_no_leave(problems) -> None:
    """Whoever installed it allowed it."""
    assert problems(SHOP, sets=["sources.orders.custom.class=orders", "run.allow_classes=[]"]) == []
