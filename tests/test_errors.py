"""One error tree: drawn in full, with codes that are unique, an exit status each, and a way across process borders."""

from __future__ import annotations

import itertools
import re
from datetime import timedelta

import pytest

from medallion import errors
from medallion.errors import (
    EXIT_ORDER,
    ConfigError,
    FencedError,
    MedallionError,
    Problem,
    StorageError,
    ThrottledError,
    from_text,
    tree,
    worst,
)

KINDS = [kind for kind in tree() if kind.__module__ == errors.__name__]
DRAWN = re.findall(r"^ +(?:[*-] )?(\w+) +(\d)  ([A-Z]+\d{3})(?: +(retryable))?$", errors.__doc__ or "", re.MULTILINE)


def test_the_drawing_is_the_tree() -> None:
    """The docstring lists every class once, with its exit status, its code and whether it is worth another try, in order."""
    assert [(kind.__name__, str(kind.exit_status), kind.code, "retryable" if kind.retryable else "") for kind in KINDS] == DRAWN


def test_codes_are_unique_and_in_order() -> None:
    """No two classes share a code, and within a family numbers grow as drawn."""
    codes = [kind.code for kind in KINDS]
    assert len(set(codes)) == len(codes)
    for _, family in itertools.groupby(codes, key=lambda code: code.rstrip("0123456789")):
        numbers = list(family)
        assert numbers == sorted(numbers)


def test_every_error_leads_to_an_exit_status() -> None:
    """Each exit status of the tree has its place in the order of badness; children exit as their parents do."""
    assert {kind.exit_status for kind in KINDS} <= set(EXIT_ORDER)
    for kind in KINDS:
        if (parent := kind.__mro__[1]) is not MedallionError and issubclass(parent, MedallionError):
            assert kind.exit_status == parent.exit_status


def test_every_error_has_a_sentence_about_itself() -> None:
    """The docstring of each class is a sentence."""
    assert [kind.__name__ for kind in KINDS if not (kind.__doc__ or "").strip().endswith(".")] == []


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [([], 0), ([0, 0], 0), ([0, 3], 3), ([3, 1], 1), ([1, 6], 6), ([6, 4], 4), ([4, 7], 7), ([7, 5], 5), ([0, 5, 2, 7], 2)],
)
def test_the_worst_status_wins(statuses: list[int], expected: int) -> None:
    """Of several the worst is the process's, in the order 2 5 7 4 6 1 3 0."""
    assert worst(statuses) == expected


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_crosses_a_process_border_as_text(kind: type[MedallionError]) -> None:
    """What is found in the text of a foreign exception has its type, its code and its sentence."""
    error = from_text(
        f"StreamingQueryException: failed\nTraceback …\nmedallion.errors.{kind.__name__}: [{kind.code}] what, where, what to do\nat java"
    )
    assert type(error) is kind
    assert str(error) == f"[{kind.code}] what, where, what to do"
    assert error.exit_status == kind.exit_status


def test_the_first_known_code_counts() -> None:
    """Other brackets, such as Spark's own error classes, are passed over; a text without a code is no error of ours."""
    assert type(from_text("[ABC123] of somebody else [STG006] no space left")) is errors.DiskFullError
    assert from_text("[DELTA_CONCURRENT_APPEND] and [stg001] low") is None
    assert from_text("") is None


def test_a_config_error_from_text_has_its_problems() -> None:
    """Whoever reads problems finds the sentence there."""
    error = from_text("[CFG001] keys: required")
    assert isinstance(error, ConfigError)
    assert error.problems == (Problem(path="", message="keys: required"),)


def test_problems_are_shown_with_their_place() -> None:
    """File, line and path come first, as far as they are known; all problems are in one error."""
    assert str(Problem(path="a.b", message="unknown", file="p.yaml", line=3)) == "p.yaml:3: a.b: unknown"
    assert str(Problem(path="a.b", message="unknown", file="p.yaml")) == "p.yaml: a.b: unknown"
    assert str(Problem(path="", message="empty")) == "empty"
    error = ConfigError([Problem(path="a", message="x"), Problem(path="b", message="y")])
    assert str(error) == "[CFG001] a: x; b: y"
    assert len(error.problems) == 2


def test_attributes_are_kept() -> None:
    """What a decision needs stands in attributes, not in prose."""
    assert ThrottledError("slow", retry_after=timedelta(seconds=3)).retry_after == timedelta(seconds=3)
    assert ThrottledError("slow").retry_after is None
    assert FencedError("taken", attempt="b").attempt == "b"
    assert StorageError("why").sentence == "why"
