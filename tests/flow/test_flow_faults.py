"""Extraction through a proxy that goes wrong, on real stores: the same Bronze as without it, and every fault has happened."""

from __future__ import annotations

import hashlib
import io
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import pyarrow.parquet as pq
import pytest

from medallion.bronze.entry import ChunkEntry
from medallion.bronze.log import LogReader
from medallion.bronze.opening import ExtractOptions
from medallion.config.pipeline import Pipeline
from medallion.config.secret import Secrets
from medallion.errors import AlreadyExistsError, StorageUnavailable
from medallion.extraction import extract_all
from medallion.flow import Flow
from medallion.layout import BronzeLayout
from medallion.outcome import SourceOutcome
from medallion.status import table_status
from medallion.stop import StopFlag
from medallion.storage import azure, s3
from medallion.storage.filesystem import FileSystem
from medallion.storage.race import check_put_if_absent
from medallion.storage.registry import open_filesystem
from medallion.testing.clock import FakeClock
from medallion.testing.proxy import Fault, FaultProxy, Script, behind, first
from medallion.testing.server import pages, serve
from medallion.testing.services import Service

pytestmark = pytest.mark.store

ROWS = [{"id": number, "name": f"row {number}"} for number in range(25)]
LAYOUT = BronzeLayout(system="shop", table="orders")
STALL = 1
"""Seconds that a client waits for a store that says nothing, here."""
EVERYTHING: dict[str, list[Fault]] = {
    "PUT": ["busy", "lost"],
    "GET": ["reset", "cut"],
    "HEAD": ["reset"],
    "DELETE": ["lost"],
}
"""Four of the five attempts that a creation has go wrong, each in another way."""


@pytest.fixture(params=["s3", "azure"])
def service(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Service:
    """S3Proxy by boto3, Azurite by its SDK; neither is waited for long."""
    for module in (s3, azure):
        monkeypatch.setattr(module, "READ_SECONDS", STALL)
    found: Service = request.getfixturevalue(f"{request.param}_service")
    return found


@pytest.fixture
def url() -> Iterator[str]:
    """An API with 25 orders, five to a page."""
    with serve(pages(ROWS, size=5)) as server:
        yield server.url


@contextmanager
def troubled(service: Service, script: Script) -> Iterator[tuple[Service, FaultProxy]]:
    """The same store behind a proxy that goes wrong as *script* says."""
    with behind(service.url, script, busy="SlowDown" if service.root.startswith("s3") else "ServerBusy") as proxy:
        yield service.behind(proxy.url), proxy


def pipeline_on(service: Service, folder: str, url: str) -> Pipeline:
    """One source of 25 rows in files of at most 10."""
    api = {"base_url": url, "endpoint": "/orders", "records_path": "data", "pagination": {"type": "page", "size": 5}}
    return Pipeline.model_validate(
        {
            "config_version": 1,
            "pipeline": "shop",
            "platform": {
                "bronze": {"root": f"{service.root}/{folder}", "max_rows_per_file": 10},
                "silver": {"root": f"{service.root}/silver"},
                "state": {"root": f"{service.root}/state"},
                "connection": service.connection,
            },
            "sources": [{"name": "orders", "system": "shop", "table": "orders", "load_pattern": "full", "api": api}],
        }
    )


def extracted(service: Service, folder: str, url: str, **options: Any) -> SourceOutcome:
    """An extraction, in a time that passes by waiting only."""
    pipeline = pipeline_on(service, folder, url)
    flow = Flow(
        pipeline=pipeline,
        resolver=Secrets(environ=service.environ),
        clock=FakeClock(),
        listener=lambda _: None,
        stop=StopFlag(),
        start_spark=lambda _: pytest.fail("nothing here needs Spark"),
    )
    (outcome,) = extract_all(flow, pipeline.sources, ExtractOptions(**options))
    return outcome


def root(service: Service, folder: str, **options: Any) -> FileSystem:
    """The files of a folder of the store."""
    return open_filesystem(f"{service.root}/{folder}", access=service.access, clock=FakeClock(), **options)


def landed(service: Service, folder: str) -> tuple[list[str], list[Any], int]:
    """What the log tells, the rows of the files that it lists, held against their sums, and the chunk files that are there."""
    fs = root(service, folder)
    reader = LogReader(fs, LAYOUT)
    entries = [one.entry for one in reader.read(0, reader.newest())]
    rows: list[Any] = []
    for entry in entries:
        for chunk in entry.chunks if isinstance(entry, ChunkEntry) else ():
            for file in chunk.files:
                data = fs.read(LAYOUT.within(file.path))
                assert hashlib.sha256(data).hexdigest() == file.sha256
                rows += pq.read_table(io.BytesIO(data)).to_pylist()
    return [type(entry).__name__ for entry in entries], rows, sum(file.path.endswith(".parquet") for file in fs.files(LAYOUT.folder))


def test_bronze_is_the_same_through_everything_that_goes_wrong(service: Service, url: str) -> None:
    """Every path fails, most of them twice; log, rows and files are as without, and a second run finds nothing new."""
    plain, through = f"plain-{uuid.uuid4().hex[:8]}", f"through-{uuid.uuid4().hex[:8]}"
    assert extracted(service, plain, url).status == "done"
    with troubled(service, first(EVERYTHING)) as (reached, proxy):
        outcome = extracted(reached, through, url)
        assert (outcome.error, outcome.status) == (None, "done")
        expected, found = landed(service, plain), landed(service, through)
        assert extracted(reached, through, url).status == "unchanged"
        seen = proxy.faults()
    assert found == expected
    assert [row["id"] for row in found[1]] == list(range(25))
    assert [pair for pair in ((method, fault) for method, faults in EVERYTHING.items() for fault in faults) if not seen[pair]] == []


@pytest.mark.parametrize("fault", ["lost", "cut", "reset", "stall", "busy"])
def test_a_creation_that_went_wrong_is_ours_exactly_once(service: Service, fault: Fault) -> None:
    """Whatever became of the first attempt, the file holds our bytes; it is refused to us a second time, and to another."""
    folder = f"once-{uuid.uuid4().hex[:8]}"
    with troubled(service, _on("claim", fault)) as (reached, proxy):
        ours, theirs = root(reached, folder), root(reached, folder)
        ours.put_if_absent("claim", b"ours")
        assert theirs.read("claim") == b"ours"
        for fs, data in ((ours, b"ours"), (theirs, b"theirs")):
            with pytest.raises(AlreadyExistsError):
                fs.put_if_absent("claim", data)
        assert [one.fault for one in proxy.passed if one.method == "PUT" and unquote(one.path).split("?")[0].endswith("/claim")][:2] == [
            fault,
            "ok",
        ]


def test_a_race_through_lost_answers_has_one_winner(service: Service) -> None:
    """Eight writers, of whom the first loses the answer to its success."""
    with troubled(service, first({"PUT": ["lost"]})) as (reached, proxy):
        check_put_if_absent(root(reached, f"race-{uuid.uuid4().hex[:8]}"), writers=8, rounds=3)
        assert proxy.faults()["PUT", "lost"] >= 3


def test_a_store_that_stays_away_is_a_typed_error_and_a_clean_resume(service: Service, url: str) -> None:
    """Chunk files can be written, the entry that lists them cannot; the next run takes the run up and ends with the same rows."""
    folder = f"away-{uuid.uuid4().hex[:8]}"
    with troubled(service, _away) as (reached, _):
        outcome = extracted(reached, folder, url)
    assert isinstance(outcome.error, StorageUnavailable)
    assert table_status(root(service, folder), LAYOUT).open is not None
    assert extracted(service, folder, url, take_over=True).status == "done"
    kinds, rows, _ = landed(service, folder)
    assert kinds[:2] == ["RunStarted", "RunResumed"]
    assert kinds[-1] == "RunCompleted"
    assert [row["id"] for row in rows] == list(range(25))


def _on(name: str, fault: Fault) -> Script:
    """The first PUT of the file *name* goes wrong."""
    return lambda method, path, attempt: fault if method == "PUT" and path.split("?")[0].endswith(f"/{name}") and attempt == 1 else "ok"


def _away(method: str, path: str, _attempt: int) -> Fault:
    """Every PUT of the log's second entry is refused."""
    return "busy" if method == "PUT" and "00000000000000000001.json" in path else "ok"
