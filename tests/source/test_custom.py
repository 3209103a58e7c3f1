"""Classes that are not ours: found, checked before anything is asked, and not believed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from pydantic import BaseModel

from medallion.config.custom import SOURCE_GROUP
from medallion.config.secret import Secrets
from medallion.config.source import Source
from medallion.errors import AuthError, ConfigError, MedallionError, PageError, PaginationError, SecretError, SourceError
from medallion.source import plugin
from medallion.source.custom import custom_class, custom_pages
from medallion.source.incremental import fingerprint
from medallion.source.protocol import DONE, Lane, Page
from medallion.testing.clock import FakeClock
from medallion.testing.sources import WHOLE_LANE

HERE = __name__
DAY = datetime(2026, 3, 1, tzinfo=timezone.utc)


class Echo:
    """Gives its options as its only record."""

    def __init__(self, options: Any) -> None:
        self.options = options

    def records(self, lane: Lane) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:  # noqa: ARG002  it is the Protocol's
        yield {"options": self.options}, {"at": 1}


class Strict(Echo):
    """Has options of its own."""

    @dataclass
    class Options:
        url: str
        size: int = 10


class Modelled(Echo):
    """Has a pydantic model."""

    class Options(BaseModel):
        token: str


class Broken:
    """Fails where its options say."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        if options.get("where") == "made":
            raise ValueError("no " + options["key"])

    def pages(self, lanes: Sequence[Lane]) -> Iterator[Any]:  # noqa: ARG002  it is the Protocol's
        if self.options.get("where") == "auth":
            raise AuthError("who are you?")
        if self.options.get("where") == "read":
            raise KeyError("no " + self.options["key"])
        yield from self.options["pages"]


class Neither:
    """Is no source."""


def source(name: str, **options: Any) -> Source:
    settings = {"class": f"{HERE}:{name}", "options": options}
    return Source.model_validate({"name": "s", "system": "s", "table": "t", "load_pattern": "cdc", "type": "custom", "custom": settings})


def read(of: Source, **environ: str) -> list[Page]:
    pages = custom_pages(of, Secrets(environ=environ), clock=FakeClock(), logical_date=DAY)
    return list(pages.pages([WHOLE_LANE]))


def problems(of: Source) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        custom_class(of)
    return [str(problem) for problem in caught.value.problems]


def test_options_are_settled_when_it_is_made() -> None:
    """Secret references become values, {run.date} the day of the run, at any depth; everything else stays."""
    pages = read(source("Echo", a=["secret:env:KEY", 1], b={"day": "d={run.date}"}), KEY="s3cret")
    assert pages[0].records == [b'{"options":{"a":["s3cret",1],"b":{"day":"d=2026-03-01"}}}']


def test_a_secret_that_is_not_there_is_named() -> None:
    """Before anything is asked."""
    with pytest.raises(SecretError, match="KEY is not set"):
        read(source("Echo", a="secret:env:KEY"))


def test_options_are_checked_without_secrets() -> None:
    """Every problem at once, with its path: unknown ones with the nearest known, wrong ones, missing ones."""
    assert problems(source("Strict", site="x", size="many")) == [
        "sources.s.custom.options.site: unknown option; did you mean size?",
        "sources.s.custom.options.url: required",
        "sources.s.custom.options.size: input should be a valid integer, unable to parse string as an integer",
    ]
    assert problems(source("Modelled", token="x", tokens="y")) == ["sources.s.custom.options.tokens: unknown option; did you mean token?"]
    assert custom_class(source("Modelled", token="secret:env:T")).shown == f"{HERE}:Modelled (records)"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Nobody", "cannot be imported"),
        ("Neither", "one of the methods pages, records and frames; it has none of them"),
        ("DAY", "must be a class"),
    ],
)
def test_what_is_no_source_is_said(name: str, said: str) -> None:
    """With the path of the key."""
    assert problems(source(name))[0].startswith("sources.s.custom.class: ")
    assert said in problems(source(name))[0]


def test_a_module_that_fails_is_said(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is missing, and one that raises when it is imported."""
    (tmp_path / "broken_module.py").write_text("1 / 0", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "broken_module", None)
    monkeypatch.delitem(sys.modules, "broken_module")
    of = source("Echo")
    for name, said in (("no_such_module:A", "PYTHONPATH"), ("broken_module:A", "ZeroDivisionError")):
        asked = of.model_copy(update={"custom": of.custom.model_copy(update={"class_": name})})  # type: ignore[union-attr]
        assert said in problems(asked)[0]


def test_entry_points_are_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """One is taken; none, or several of one name, are said with those there are."""
    points = [EntryPoint(name="echo", value=f"{HERE}:Echo", group=SOURCE_GROUP)]
    monkeypatch.setattr(plugin, "entry_points", lambda group: points if group == SOURCE_GROUP else [])
    of = source("Echo")
    named = of.model_copy(update={"custom": of.custom.model_copy(update={"class_": "echo"})})  # type: ignore[union-attr]
    assert custom_class(named).shown == "echo (records)"
    points.append(EntryPoint(name="echo", value="other:Echo", group=SOURCE_GROUP))
    assert "several packages" in problems(named)[0]
    points.clear()
    assert "there are none" in problems(named)[0]


def test_its_errors_are_typed_and_hold_no_secret() -> None:
    """Wherever the class fails; errors of ours pass as they are."""
    for where in ("made", "read"):
        with pytest.raises(SourceError) as caught:
            read(source("Broken", where=where, key="secret:env:KEY"), KEY="s3cret")
        assert "Broken failed with" in str(caught.value)
        assert "s3cret" not in str(caught.value)
    with pytest.raises(AuthError, match="who are you"):
        read(source("Broken", where="auth"))


def page(**given: Any) -> Page:
    return Page(**{"lane": "all", "position": {"n": 0}, "next": {"n": 1}, "records": [b"{}"], "wire_bytes": 2, **given})


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ("text", PageError, "gave a str"),
        (page(lane="other"), PageError, "the lane 'other'"),
        (page(next={1: 2}), PageError, "JSON that reads back the same"),
        (page(next={"at": DAY}), PageError, "JSON that reads back the same"),
        (page(next={"n": 0}), PaginationError, "does not advance"),
        (page(records=[b'{"a":\n1}']), PageError, "on one line"),
        (page(records=[{"a": 1}]), PageError, "JSON object as bytes"),
        (page(records=[b"[]"]), PageError, "JSON object as bytes"),
    ],
)
def test_a_page_that_breaks_the_protocol_is_refused(given: Any, kind: type[MedallionError], said: str) -> None:
    """Before it is landed."""
    of = source("Broken")
    asked = of.model_copy(update={"custom": of.custom.model_copy(update={"options": {"pages": [given]}})})  # type: ignore[union-attr]
    with pytest.raises(kind, match=said):
        read(asked)


def test_a_last_page_without_records_is_fine() -> None:
    """DONE behind DONE is the end, not a circle."""
    assert [one.next for one in read(source("Echo"))] == [DONE]


def test_the_fingerprint_is_of_what_is_asked() -> None:
    """Another option is another question; another name of a secret is not, nor is what is checked about order."""
    assert fingerprint(source("Echo", a=1)) != fingerprint(source("Echo", a=2))
    assert fingerprint(source("Echo", a=[{"k": "secret:env:A"}])) == fingerprint(source("Echo", a=[{"k": "secret:env:B"}]))
