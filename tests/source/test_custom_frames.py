"""A class that gives frames is found, made with its options, and what it gives is looked at."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from decimal import Decimal
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from medallion.config.secret import Secrets
from medallion.config.source import Source
from medallion.errors import NotYetError, PageError, PaginationError, SourceError, SourceUnavailable
from medallion.events import nobody
from medallion.source.custom_frames import CheckedFrames, is_frames
from medallion.source.frames import open_frames
from medallion.source.protocol import DONE, Frame, Lane, Window

LANE = Lane(name="all", window=Window(start=None, end=None))
ROWS: Any = SimpleNamespace(selectExpr=None)
SPARK: Any = None


class Tables:
    """Gives the frames that its options say."""

    def __init__(self, options: Any) -> None:
        self.options = options

    def frames(self, spark: Any, lanes: Sequence[Lane]) -> Iterator[Frame]:  # noqa: ARG002
        """See FrameSource."""
        yield from self.options["frames"]


class Failing(Tables):
    """Fails where it is asked."""

    def frames(self, spark: Any, lanes: Sequence[Lane]) -> Iterator[Frame]:  # noqa: ARG002
        """See FrameSource."""
        raise ValueError(f"no table for {self.options['token']}")

    def ceiling(self, spark: Any) -> Any:  # noqa: ARG002
        """See FrameSource."""
        return self.options.get("ceiling")

    def failure(self, said: str) -> Any:
        """See FrameSource."""
        return SourceUnavailable("it sleeps") if "asleep" in said else "nothing typed"


@pytest.fixture(autouse=True)
def classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The module of somebody else."""
    module = ModuleType("their_tables")
    module.Tables, module.Failing = Tables, Failing  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "their_tables", module)


def source(name: str = "Tables", **options: Any) -> Source:
    custom = {"class": f"their_tables:{name}", "options": options}
    return Source.model_validate({"name": "t", "system": "s", "table": "t", "load_pattern": "full", "type": "custom", "custom": custom})


def checked(*frames: Any) -> list[Frame]:
    made = CheckedFrames(called="Tables", source=Tables({"frames": frames}), mask=str)
    return list(made.frames(SPARK, [LANE]))


def frame(position: Any, following: Any, **more: Any) -> Frame:
    return Frame(**{"lane": "all", "position": position, "next": following, "rows": ROWS} | more)


def test_a_class_with_frames_is_read_by_spark() -> None:
    """Its method says so; a database and files are as well."""
    assert is_frames(source())
    assert not is_frames(Source.model_validate({"name": "a", "system": "s", "table": "t", "load_pattern": "full", "api": {}}))


def test_frames_that_keep_the_protocol_pass() -> None:
    """Position after position, up to the end."""
    frames = [frame({"at": 0}, {"at": 1}), frame({"at": 1}, DONE)]
    assert checked(*frames) == frames


@pytest.mark.parametrize(
    ("frames", "error", "message"),
    [
        (["row"], PageError, "gave a str; it must give a Frame"),
        ([frame({}, DONE, lane="other")], PageError, "gave the lane 'other'"),
        ([frame({}, {"at": (1, 2)})], PageError, "must be JSON"),
        ([frame({"at": 1}, {"at": 1})], PaginationError, "does not advance"),
        ([frame({"at": 0}, {"at": 1}), frame({"at": 0}, {"at": 1})], PaginationError, "does not advance"),
        ([frame({}, DONE), frame({}, DONE)], PaginationError, "does not advance"),
        ([frame({}, DONE, rows=[1])], PageError, "must be a DataFrame"),
    ],
)
def test_what_breaks_the_protocol_is_refused(frames: list[Any], error: type[Exception], message: str) -> None:
    """Before anything of it lands."""
    with pytest.raises(error, match=message):
        checked(*frames)


def test_what_the_class_raises_is_typed_and_shows_no_secret() -> None:
    """Its own errors are the source's; what Spark said it may turn into one, or not."""
    secrets = Secrets(environ={"TOKEN": "hunter2hunter2"})
    frames = open_frames(source("Failing", token="secret:env:TOKEN"), resolver=secrets, listener=nobody)
    with pytest.raises(SourceError, match="their_tables:Failing failed with ValueError") as failed:
        list(frames.frames(SPARK, [LANE]))
    assert "hunter2" not in str(failed.value)
    assert isinstance(frames.failure("the server is asleep"), SourceUnavailable)
    assert frames.failure("anything else") is None


@pytest.mark.parametrize(
    ("given", "fine"),
    [
        (None, True),
        (datetime(2026, 1, 1, tzinfo=timezone.utc), True),
        (8, True),
        (Decimal("8.5"), True),
        ("2026-01-01", False),
        (datetime(2026, 1, 1), False),  # noqa: DTZ001  on purpose
        (8.5, False),
        (True, False),
        (Decimal("NaN"), False),
    ],
)
def test_where_it_ends_is_an_instant_a_number_or_nothing(given: Any, fine: bool) -> None:
    """Anything else would move the end of a run somewhere."""
    made = CheckedFrames(called="Failing", source=Failing({"ceiling": given}), mask=str)
    if fine:
        assert made.ceiling(SPARK) == given
    else:
        with pytest.raises(PageError, match="ceiling must give an instant"):
            made.ceiling(SPARK)
    assert CheckedFrames(called="Tables", source=Tables({}), mask=str).ceiling(SPARK) is None
    assert CheckedFrames(called="Tables", source=Tables({}), mask=str).failure("anything") is None


def test_the_day_of_the_run_is_refused() -> None:
    """It would be another one where a run is resumed."""
    with pytest.raises(NotYetError, match="is not built for a class that gives frames"):
        open_frames(source(day="{run.date}"), resolver=Secrets(environ={}), listener=nobody)
