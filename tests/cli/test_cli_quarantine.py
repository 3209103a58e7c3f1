"""What is asked of a quarantine in the wrong way is refused before Spark starts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from medallion.cli import quarantine
from medallion.testing.commandline import CommandLine


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show"], "--entity: required, one of orders, buyers"),
        (["show", "--entity", "order"], "no entity is called order; there are orders, buyers"),
        (["show", "--entity", "orders", "--at", "3:x:1"], "'3:x:1': say VERSION:CHUNK:ROW"),
        (["replay", "--entity", "orders"], "say which rows: --file, --at, --reason, --rule, or --all"),
        (["replay", "--entity", "orders", "--all", "--rule", "a"], "contradicts the other choices"),
        (["replay", "--entity", "orders", "--file", "nowhere.jsonl"], "nowhere.jsonl cannot be read: No such file"),
        (["replay", "--entity", "orders", "--file", "a.jsonl", "--all"], "names its rows itself"),
        (["discard", "--entity", "orders", "--why", "old"], "say which rows: --at, --reason, --rule, or --all"),
    ],
)
def test_each_wrong_choice_has_its_sentence(
    medallion: CommandLine, shop: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    """Status 2, and nothing was looked at."""

    def starts(*_: object) -> None:
        raise AssertionError("no Spark for this")

    monkeypatch.setattr(quarantine, "_of", starts)
    answer = medallion("quarantine", words[0], shop("http://x"), *words[1:])
    assert answer.status == 2, answer
    assert said in answer.err


def test_a_file_without_a_row_is_no_work(medallion: CommandLine, shop: Callable[[str], str], tmp_path: Path) -> None:
    """And says so; a discard without a reason is no command at all."""
    empty = tmp_path / "none.jsonl"
    empty.write_text("\n")
    answer = medallion("quarantine", "replay", shop("http://x"), "--entity", "orders", "--file", str(empty))
    assert (answer.status, answer.out.strip().endswith("no row")) == (0, True)
    assert medallion("quarantine", "discard", shop("http://x"), "--entity", "orders", "--all").status == 2
