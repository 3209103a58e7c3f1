"""The flow as functions: what is selected, what goes on after a failure, and how everything ends. Spark is a fake here."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from medallion import pipeline as pipeline_module
from medallion import promotion
from medallion.bronze.opening import ExtractOptions
from medallion.config.pipeline import Pipeline
from medallion.config.secret import Secrets
from medallion.config.silver import Entity
from medallion.config.source import Parent
from medallion.config.values import parse_instant
from medallion.errors import BusyError, ChecksumError, ConfigError, MedallionError, StoppedEarly, TerminatedError
from medallion.events import Event, Failed, Noticed, PageFetched, PromotionCompleted
from medallion.extraction import extract_all
from medallion.flow import Flow
from medallion.outcome import EntityOutcome, Outcome, SourceOutcome
from medallion.pipeline import Selection, run, select
from medallion.silver.receipt import Receipt
from medallion.stop import StopFlag
from medallion.testing.clock import FakeClock
from medallion.testing.server import Reply, Seen, pages, serve

ROWS = [{"id": number} for number in range(3)]
NOW = ExtractOptions()


def described(tmp_path: Path, url: str = "http://127.0.0.1:1", **run_section: Any) -> Pipeline:
    """Sources a and b, entity x of a, y and b of b, z of another pipeline's table."""

    def source(name: str) -> dict[str, Any]:
        api = {
            "base_url": url,
            "endpoint": f"/{name}",
            "records_path": "data",
            "params": {"day": "{run.date}"},
            "retry": {"attempts": 1},
            "pagination": {"type": "page", "size": 2},
        }
        return {"name": name, "system": "s", "table": name, "load_pattern": "full", "api": api}

    def entity(name: str, **origin: Any) -> dict[str, Any]:
        return {"entity": name, "model": "full_merge_dedupe", "keys": ["id"], **origin}

    return Pipeline.model_validate(
        {
            "config_version": 1,
            "pipeline": "p",
            "platform": {
                "bronze": {"root": str(tmp_path / "bronze")},
                "silver": {"root": str(tmp_path / "silver")},
                "state": {"root": str(tmp_path / "state")},
            },
            "sources": [source("a"), source("b")],
            "silver": [
                entity("x", source="a"),
                entity("y", source="b"),
                entity("b", source="b"),
                entity("z", bronze={"system": "o", "table": "t", "load_pattern": "full"}),
            ],
            "run": run_section,
        }
    )


class Heard:
    """A flow's listener that keeps what it hears, and may do something when it hears it."""

    def __init__(self, on: Callable[[Event], None] = lambda _: None) -> None:
        self.events: list[Event] = []
        self.on = on

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        self.on(event)

    @property
    def failures(self) -> list[str]:
        """Subject and code of each failure."""
        return [f"{event.subject} {event.code}" for event in self.events if isinstance(event, Failed)]


def flow_of(pipeline: Pipeline, heard: Heard, stop: StopFlag | None = None, start: Callable[[str], Any] = lambda name: name) -> Flow:
    """Everything a flow needs; its Spark is the name that it is asked for by."""
    return Flow(
        pipeline=pipeline, resolver=Secrets(environ={}), clock=FakeClock(), listener=heard, stop=stop or StopFlag(), start_spark=start
    )


def only_b_works(seen: Seen) -> Reply:
    """a is down."""
    return Reply(status=500) if seen.path == "/a" else pages(ROWS, size=2)(seen)


@pytest.mark.parametrize(
    ("names", "sources", "entities"),
    [
        ((), ["a", "b"], ["x", "y", "b", "z"]),
        (("a",), ["a"], ["x"]),
        (("x",), ["a"], ["x"]),
        (("y",), ["b"], ["y"]),
        (("b",), ["b"], ["y", "b"]),
        (("z",), [], ["z"]),
        (("y", "a"), ["a", "b"], ["x", "y"]),
    ],
)
def test_a_name_selects_what_flows_through_it(tmp_path: Path, names: tuple[str, ...], sources: list[str], entities: list[str]) -> None:
    """A source brings its entities, an entity its source; a name that is both means both. The order is that of the file."""
    chosen = select(described(tmp_path), names)
    assert [source.name for source in chosen.sources] == sources
    assert [entity.entity for entity in chosen.entities] == entities


def test_each_unknown_name_is_a_problem(tmp_path: Path) -> None:
    """All at once."""
    with pytest.raises(ConfigError) as refused:
        select(described(tmp_path), ["a", "q", "w"])
    assert [problem.message for problem in refused.value.problems] == [
        "no source or entity is called 'q'; there are a, b, x, y, z",
        "no source or entity is called 'w'; there are a, b, x, y, z",
    ]


def test_a_failed_source_does_not_stop_the_others(tmp_path: Path) -> None:
    """Its outcome has the typed error, and one event says so."""
    heard = Heard()
    with serve(only_b_works) as server:
        pipeline = described(tmp_path, server.url)
        a, b = extract_all(flow_of(pipeline, heard), pipeline.sources, NOW)
    assert (a.status, b.status) == ("failed", "done")
    assert a.error is not None
    assert a.error.exit_status == 4
    assert b.result is not None
    assert b.result.rows == 3
    assert heard.failures == ["a EXT002"]


def test_after_a_failure_that_shall_stop_nothing_is_tried(tmp_path: Path) -> None:
    """``on_source_failure: stop``: neither the next source nor any promotion."""
    heard = Heard()
    with serve(only_b_works) as server:
        pipeline = described(tmp_path, server.url, on_source_failure="stop")
        outcome = run(flow_of(pipeline, heard), select(pipeline), NOW)
        assert {seen.path for seen in server.seen} == {"/a"}
    assert [one.status for one in outcome.sources] == ["failed", "skipped"]
    assert {one.status for one in outcome.entities} == {"skipped"}
    assert outcome.exit_status == 4
    assert not outcome.nothing_new


def with_child(tmp_path: Path, url: str) -> Pipeline:
    """Source a is asked for each id of b."""
    pipeline = described(tmp_path, url)
    a, b = pipeline.sources
    assert a.api is not None
    api = a.api.model_copy(update={"endpoint": "/a/{parent.id}"})
    child = a.model_copy(update={"api": api, "parent": Parent(source="b", fields=("id",), where="id <> 1", on_missing="skip")})
    return pipeline.model_copy(update={"sources": (child, b)})


def test_a_parent_is_read_before_its_children(tmp_path: Path) -> None:
    """Whatever the order of the file; by itself a child takes what its parent's last completed run has, and says so."""
    heard = Heard()
    with serve(lambda seen: Reply(status=404) if seen.path == "/a/2" else pages(ROWS, size=2)(seen)) as server:
        pipeline = with_child(tmp_path, server.url)
        flow = flow_of(pipeline, heard)
        first = extract_all(flow, pipeline.sources, NOW)
        assert next(seen.path for seen in server.seen).startswith("/b")
        assert {seen.path for seen in server.seen} == {"/b", "/a/0", "/a/2"}
        assert {seen.query["day"] for seen in server.seen} == {"2026-11-23"}
        server.seen.clear()
        alone = extract_all(flow, pipeline.sources[:1], NOW)
        assert {seen.path for seen in server.seen} == {"/a/0", "/a/2"}
    assert [(one.source, one.status) for one in first] == [("b", "done"), ("a", "done")]
    assert [one.result.rows for one in (*first, *alone) if one.result is not None] == [3, 3, 3]
    said = [event.sentence for event in heard.events if isinstance(event, Noticed)]
    assert said.count("b is not read now: the records of its last completed run are asked for") == 1
    assert said.count("404 or 410 for 1 of 2 records of b: they are skipped (on_missing)") == 2


def test_where_the_parent_fails_its_children_are_skipped(tmp_path: Path) -> None:
    """They would be asked for records of yesterday, and nobody would see it."""
    with serve(lambda _: Reply(status=500)) as server:
        pipeline = with_child(tmp_path, server.url)
        outcomes = extract_all(flow_of(pipeline, Heard()), pipeline.sources, NOW)
        assert {seen.path for seen in server.seen} == {"/b"}
    assert [(one.source, one.status) for one in outcomes] == [("b", "failed"), ("a", "skipped")]


def test_sigterm_ends_the_run_with_status_3(tmp_path: Path) -> None:
    """What was read is committed; no other source is asked, nothing is promoted."""
    stop = StopFlag()
    heard = Heard(lambda event: stop.request() if isinstance(event, PageFetched) else None)
    with serve(pages(ROWS, size=2)) as server:
        pipeline = described(tmp_path, server.url)
        outcome = run(flow_of(pipeline, heard, stop), select(pipeline), NOW)
    assert [one.status for one in outcome.sources] == ["failed", "skipped"]
    assert isinstance(outcome.sources[0].error, TerminatedError)
    assert {one.status for one in outcome.entities} == {"skipped"}
    assert outcome.exit_status == 3


def test_sigterm_between_extraction_and_promotion_is_status_3_too(tmp_path: Path) -> None:
    """Sources that are complete do not make a run complete."""
    stop = StopFlag()
    stop.request()
    pipeline = described(tmp_path)
    chosen = Selection(sources=(), entities=pipeline.silver)
    outcome = run(flow_of(pipeline, Heard(), stop), chosen, NOW)
    assert sorted(one.status for one in outcome.entities) == ["failed", "skipped", "skipped", "skipped"]
    assert outcome.exit_status == 3


def test_the_run_date_is_asked_for_and_kept_on_resume(tmp_path: Path) -> None:
    """A run that is continued on a later day asks for the day that it began with."""
    heard = Heard()

    def dies_on_page_2(seen: Seen) -> Reply:
        return Reply(status=500) if seen.query["page"] == "2" else pages(ROWS, size=2)(seen)

    with serve(dies_on_page_2) as server:
        pipeline = described(tmp_path, server.url)
        flow = flow_of(pipeline, heard)
        options = ExtractOptions(run_date=parse_instant("2026-11-20"))
        assert extract_all(flow, pipeline.sources[:1], options)[0].status == "failed"
        assert set(server.asked("day")) == {"2026-11-20"}
        server.seen.clear()
        assert extract_all(flow, pipeline.sources[:1], NOW)[0].status == "failed"
        assert set(server.asked("day")) == {"2026-11-20"}


def promoting(monkeypatch: pytest.MonkeyPatch, **errors: MedallionError) -> list[tuple[str, Any]]:
    """Promotion is a fake that fails for these entities; the list fills with what was promoted by which session."""
    done: list[tuple[str, Any]] = []

    def promote(flow: Flow, spark: Any, entity: Any, about: EntityOutcome, **_: bool) -> EntityOutcome:
        if entity.entity in errors:
            raise errors[entity.entity]
        done.append((entity.entity, spark))
        return EntityOutcome(entity=entity.entity, status="unchanged", source=about.source, path=about.path)

    monkeypatch.setattr(promotion, "_promote", promote)
    return done


def test_what_a_failed_source_committed_is_promoted_with_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All entities are tried, in one session that was named after the pipeline."""
    done = promoting(monkeypatch, y=ChecksumError("a chunk is not what it was"))
    heard = Heard()
    with serve(only_b_works) as server:
        pipeline = described(tmp_path, server.url)
        outcome = run(flow_of(pipeline, heard), select(pipeline), NOW)
    assert sorted(done) == [("b", "p"), ("x", "p"), ("z", "p")]
    assert heard.failures == ["a EXT002", "y STG008"]
    assert outcome.exit_status == 5
    x = outcome.entities[0]
    assert (x.source, x.path) == ("a", str(tmp_path / "silver/domain=default/entity=x/v1"))


def test_spark_starts_while_sources_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process that has none yet: pages come in before it is there, and promotion waits for it."""
    monkeypatch.delitem(sys.modules, "pyspark", raising=False)
    done = promoting(monkeypatch)
    first_page = threading.Event()
    heard = Heard(lambda event: first_page.set() if isinstance(event, PageFetched) else None)

    def start(name: str) -> Any:
        assert first_page.wait(30), "the session is started beside the extraction, not before it"
        return name

    with serve(pages(ROWS, size=2)) as server:
        pipeline = described(tmp_path, server.url)
        outcome = run(flow_of(pipeline, heard, start=start), select(pipeline, ["a"]), NOW)
    assert done == [("x", "p")]
    assert outcome.exit_status == 0


def test_no_spark_is_started_where_every_receipt_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that finds nothing new says so at once; the rows of the tables are those that the receipts tell."""

    def start(name: str) -> Any:
        raise AssertionError("nobody needs it")

    def stands(flow: Flow, entities: Sequence[Entity]) -> dict[str, Receipt]:
        return {one.entity: Receipt(settings="", version=0, sha256="", target=None, applied=None, rows=3) for one in entities}

    heard = Heard()
    with serve(pages(ROWS, size=2)) as server:
        pipeline = described(tmp_path, server.url)
        extract_all(flow_of(pipeline, heard), pipeline.sources, NOW)
        for module in (pipeline_module, promotion):
            monkeypatch.setattr(module, "resting_of", stands)
        outcome = run(flow_of(pipeline, heard, start=start), select(pipeline), NOW)
    assert outcome.nothing_new
    assert {one.silver_rows for one in outcome.entities} == {3}
    assert sum(isinstance(event, PromotionCompleted) for event in heard.events) == 4


def test_where_spark_cannot_be_started_each_table_that_needs_it_fails(tmp_path: Path) -> None:
    """What was read stays; the reason is said once."""

    def start(name: str) -> Any:
        raise MedallionError("no Java")

    heard = Heard()
    with serve(pages(ROWS, size=2)) as server:
        pipeline = described(tmp_path, server.url)
        outcome = run(flow_of(pipeline, heard, start=start), select(pipeline, ["a"]), NOW)
    assert [one.status for one in outcome.sources] == ["done"]
    assert [(one.status, one.error and one.error.sentence) for one in outcome.entities] == [("failed", "no Java")]
    assert heard.failures == ["spark RUN000"]


def test_without_entities_no_spark_is_started(tmp_path: Path) -> None:
    """Extraction works without Java."""

    def start(name: str) -> Any:
        raise AssertionError("nobody needs it")

    with serve(pages(ROWS, size=2)) as server:
        pipeline = described(tmp_path, server.url)
        outcome = run(flow_of(pipeline, Heard(), start=start), Selection(sources=pipeline.sources, entities=()), NOW)
    assert outcome.exit_status == 0


def test_the_worst_status_counts() -> None:
    """In the order 2 5 7 4 6 1 3 0."""
    busy = SourceOutcome(source="a", status="failed", error=BusyError("another run"))
    early = SourceOutcome(source="b", status="failed", error=StoppedEarly("later"))
    wrong = EntityOutcome(entity="e", status="failed", error=ChecksumError("bytes"))
    assert Outcome(pipeline="p", sources=(early,)).exit_status == 3
    assert Outcome(pipeline="p", sources=(early, busy)).exit_status == 7
    assert Outcome(pipeline="p", sources=(busy,), entities=(wrong,)).exit_status == 5
    assert Outcome(pipeline="p").exit_status == 0


@pytest.mark.parametrize(
    ("sources", "entities", "nothing"),
    [
        (["done"], ["unchanged", "unchanged"], True),
        (["unchanged"], ["unchanged"], True),
        (["unchanged"], ["unchanged", "done"], False),
        (["unchanged"], [], True),
        (["done"], [], False),
        (["failed"], ["unchanged"], False),
        ([], [], False),
    ],
)
def test_nothing_is_new_where_all_went_well_and_no_table_changed(sources: list[Any], entities: list[Any], nothing: bool) -> None:
    """Rows that are asked again by a lookback are not news; without entities the sources decide."""
    outcome = Outcome(
        pipeline="p",
        sources=tuple(SourceOutcome(source="s", status=status) for status in sources),
        entities=tuple(EntityOutcome(entity="e", status=status) for status in entities),
    )
    assert outcome.nothing_new is nothing
