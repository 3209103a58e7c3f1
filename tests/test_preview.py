"""One page of a source, without landing anything."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from medallion.config.secret import Secrets
from medallion.config.source import Source
from medallion.errors import NotYetError, PageError
from medallion.events import Event, RequestRetried
from medallion.preview import Preview, preview
from medallion.testing.clock import FakeClock
from medallion.testing.server import Reply, html_reply, json_reply, one_by_one, pages, serve

ROWS = [{"id": 1, "a": {"b": [1]}}, {"id": 2, "c": None}, {"id": 3}]


def look(url: str, *, rows: int = 20, listener: Any = None, **api: Any) -> Preview:
    """The first page of a source with records under ``data``."""
    settings = {"base_url": url, "endpoint": "/p", "records_path": "data", "pagination": {"type": "page", "size": 3}, **api}
    source = Source.model_validate({"name": "s", "system": "s", "table": "t", "load_pattern": "cdc", "api": settings})
    more = {} if listener is None else {"listener": listener}
    return preview(source, resolver=Secrets(environ={"KEY": "s3cret"}), clock=FakeClock(), rows=rows, **more)


def test_the_first_page_is_shown_as_rows_and_columns() -> None:
    """Columns come in the order of their first row; only so many rows as asked for, of one request."""
    with serve(pages(ROWS * 2, size=3)) as server:
        seen = look(server.url, rows=2)
        assert len(server.seen) == 1
    assert seen.columns == ("id", "a", "c")
    assert seen.rows == (ROWS[0], ROWS[1])
    assert (seen.records, seen.more) == (3, True)


def test_a_short_page_is_probably_all() -> None:
    """Fewer records than asked for: no more."""
    with serve(pages(ROWS[:1], size=3)) as server:
        assert not look(server.url).more


def test_an_empty_page_has_no_rows() -> None:
    """Nothing to see is no error."""
    with serve(pages([], size=3)) as server:
        assert look(server.url).rows == ()


def test_the_request_is_shown_without_credentials() -> None:
    """A key in the query is masked; the first window of an incremental source is asked for."""
    incremental = {"cursor_field": "at", "initial_value": "2013-01-01", "start_param": "since", "end_param": "until", "window": "7d"}
    with serve(pages(ROWS, size=3)) as server:
        seen = look(server.url, incremental=incremental, auth={"type": "api_key", "name": "key", "value": "secret:env:KEY", "in": "query"})
        assert server.seen[0].query["key"] == "s3cret"
        assert server.seen[0].query["until"] == "2013-01-08T00:00:00Z"
    assert "since=2013-01-01T00:00:00Z" in seen.request.replace("%3A", ":")
    assert "s3cret" not in repr(seen)


def test_trouble_is_retried_and_told() -> None:
    """A preview has the patience of a run."""
    events: list[Event] = []
    with serve(one_by_one(html_reply(), Reply(status=503), then=pages(ROWS, size=3))) as server:
        assert look(server.url, listener=events.append).records == 3
    assert [type(event) for event in events] == [RequestRetried, RequestRetried]


def test_a_wrong_records_path_says_what_is_there() -> None:
    """The most common mistake of a first configuration has a sentence that helps."""
    with serve(lambda _: json_reply({"items": [], "next": None})) as server, pytest.raises(PageError, match="the body has items, next"):
        look(server.url)


def test_other_types_are_not_previewed_yet() -> None:
    """A database source is refused with a sentence."""
    source = Source.model_validate({"name": "s", "system": "s", "table": "t", "load_pattern": "full", "type": "db", "db": {}})
    with pytest.raises(NotYetError, match="cannot be previewed yet"):
        preview(source, resolver=Secrets(environ={}), clock=FakeClock())


@pytest.mark.slow
def test_a_preview_needs_no_spark() -> None:
    """Nothing of Spark or Arrow is imported."""
    code = "import sys, medallion.preview; print([m for m in ('pyspark', 'py4j', 'pyarrow', 'medallion.bronze') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
