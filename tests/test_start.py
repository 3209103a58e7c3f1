"""The session of a flow is started once, beside other work where there is none yet."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest

from medallion.errors import MedallionError
from medallion.start import SparkStart


class Starts:
    """A start that remembers in which threads it was called."""

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []

    def __call__(self) -> Any:
        self.threads.append(threading.current_thread())
        return "session"


def test_what_was_begun_aside_is_waited_for_and_not_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is begun or asked for."""
    monkeypatch.delitem(sys.modules, "pyspark", raising=False)
    starts = Starts()
    spark = SparkStart(starts)
    assert spark.ready
    spark.begin()
    spark.begin()
    assert [spark.session(), spark.session()] == ["session", "session"]
    assert len(starts.threads) == 1
    assert starts.threads[0] is not threading.current_thread()
    assert spark.ready


def test_where_pyspark_is_at_work_the_session_is_that_of_the_thread_that_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session is active by thread: in a notebook no other thread would find it."""
    monkeypatch.setitem(sys.modules, "pyspark", threading)
    starts = Starts()
    spark = SparkStart(starts)
    spark.begin()
    assert starts.threads == []
    spark.session()
    assert starts.threads == [threading.current_thread()]


def test_a_failed_start_is_told_to_everybody_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not tried again."""
    monkeypatch.delitem(sys.modules, "pyspark", raising=False)
    tried: list[int] = []

    def fails() -> Any:
        tried.append(1)
        raise MedallionError("no Java")

    spark = SparkStart(fails)
    spark.begin()
    for _ in range(2):
        with pytest.raises(MedallionError, match="no Java"):
            spark.session()
    assert len(tried) == 1
