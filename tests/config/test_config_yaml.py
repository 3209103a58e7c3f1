"""The strict YAML: what a plain scalar means, and where a problem stands."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion.config import yaml
from medallion.config.node import at, plain
from medallion.errors import ConfigError


def read(text: str) -> object:
    return plain(yaml.read(text, file="a.yaml"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True), ("false", False), ("null", None), ("~", None), ("", None),
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("True", "True"), ("FALSE", "FALSE"), ("Null", "Null"), ("y", "y"),
        ("0", 0), ("-7", -7), ("+3", 3), ("016", "016"), ("0o17", "0o17"), ("0x1F", "0x1F"), ("1_000", "1_000"), ("12:30:45", "12:30:45"),
        ("1.5", 1.5), (".5", 0.5), ("1.5e3", 1500.0), ("1e3", "1e3"), (".inf", ".inf"), (".nan", ".nan"), ("1.", "1."),
        ("2013-01-01", "2013-01-01"), ("2013-01-01T00:00:00Z", "2013-01-01T00:00:00Z"), ("=", "="), ("'1'", "1"), ('"true"', "true"),
    ],
)  # fmt: skip
def test_plain_scalars_mean_what_they_look_like(text: str, value: object) -> None:
    """Only true and false are booleans; dates, octals, sexagesimals and exponents without a point are text."""
    found = read(f"a: {text}")

    assert found == {"a": value}
    assert type(found["a"]) is type(value)  # type: ignore[index]


FRACTIONS = st.integers(-9999, 9999).map(lambda number: number / 8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FRACTIONS | st.text("abc é\n\"'#:{}[]", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), JSON, max_size=3))
def test_json_reads_as_it_is(value: dict[str, object]) -> None:
    """Every JSON document is one of ours and means the same."""
    assert read(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a: 1\nb: 2\na: 3\n", "a", 3),
        ("x:\n  b: 1\n  c: 1\n  b: 2\n", "x.b", 4),
        ("a: !!python/object:os.system x\n", "a", 1),
        ("a: !secret x\n", "a", 1),
        ("a: !!int 0x10\n", "a", 1),
        ("a:\n  <<: {b: 1}\n", "a.<<", 2),
        ("a: &x [*x]\n", "a.0", 1),
        ("? [a]\n: 1\n", "", 1),
        ("a: {b: 1\nc: 2", "", 2),
        ("a: 1\n\tb: 2\n", "", 2),
        ("a: *nothing\n", "", 1),
        ("a: 1\n---\nb: 2\n", "", 2),
        ("b: 1\na: \x00\n", "", 2),
        ("a: " + "9" * 5000, "a", 1),
        ("[" * 600, "", None),
    ],
)
def test_what_is_refused_is_refused_with_its_line(text: str, path: str, line: int | None) -> None:
    """Duplicate keys, tags, merge keys, endless aliases and broken syntax are problems that say where."""
    with pytest.raises(ConfigError) as caught:
        read(text)

    assert [(problem.path, problem.file, problem.line) for problem in caught.value.problems] == [(path, "a.yaml", line)]


def test_all_problems_of_a_text_come_together() -> None:
    """Two duplicate keys are two problems."""
    with pytest.raises(ConfigError) as caught:
        read("a: 1\na: 2\nb: 1\nb: 2\n")

    assert [problem.line for problem in caught.value.problems] == [2, 4]


def test_an_alias_stands_for_its_anchor() -> None:
    """Anchors are plain repetition."""
    assert read("a: &x {b: 1}\nc: *x\n") == {"a": {"b": 1}, "c": {"b": 1}}


def test_aliases_cannot_grow_without_end() -> None:
    """A billion laughs are refused before they are laughed."""
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]

    with pytest.raises(ConfigError, match="without end"):
        read("\n".join(levels))


def test_every_value_knows_the_line_of_its_key() -> None:
    """The origin of a nested value is where its key stands."""
    tree = yaml.read("a:\n  b: 1\n  c:\n    - x\n    - y\n", file="dir/a.yaml", label="a.yaml")

    places = {path: str(node.origin) for path in (("a",), ("a", "b"), ("a", "c"), ("a", "c", "1")) if (node := at(tree, path))}
    assert list(places.values()) == ["a.yaml:1", "a.yaml:2", "a.yaml:3", "a.yaml:5"]


def test_an_empty_text_is_an_empty_mapping() -> None:
    """Nothing, or only comments, says nothing."""
    assert read("# nothing\n") == {}
