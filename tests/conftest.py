"""What all tests share: one Spark session, a clean environment, and no skips where a skip would hide something."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from medallion.testing import services
from medallion.testing.process import ServiceMissing
from medallion.testing.session import drivers

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
settings.register_profile("fast", settings.get_profile("default"), max_examples=10)
settings.load_profile("default")

os.environ.update(drivers())


CONNECT = os.environ.get("MEDALLION_SPARK_API") == "connect"
"""Whether the suite's session speaks to a Spark Connect server: `make test-connect`. Tests marked ``jvm`` are left out there."""


@pytest.fixture(autouse=True)
def clean_environ(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the person who runs the tests changes what they do."""
    for name in list(os.environ):
        if name.startswith(("MEDALLION_", "FLIGHTS_", "LAKE")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """The one session of the suite; of a Spark Connect server where that is asked for, without a JVM."""
    from medallion.spark import REMOTE, session
    from medallion.testing.session import suite

    if CONNECT:
        from medallion.testing.connect import connect_server

        with connect_server() as url:
            os.environ[REMOTE] = url  # for processes that tests start as well
            yield session("tests")
        return
    made = suite()
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def forgetful(request: pytest.FixtureRequest) -> None:
    """The suite's session is asked for as a command asks for its own: how an earlier test's store wants its checkpoints is forgotten."""
    if "spark" in request.fixturenames:
        from medallion.spark import session

        request.getfixturevalue("spark")
        session("tests")


@pytest.fixture(scope="session")
def s3_service() -> Iterator[services.Service]:
    """A real store that speaks S3."""
    yield from _served(services.s3())


@pytest.fixture(scope="session")
def azure_service() -> Iterator[services.Service]:
    """A real store that speaks as Azure's does."""
    yield from _served(services.azure())


@pytest.fixture(scope="session")
def hdfs_service() -> Iterator[services.Service]:
    """A real HDFS."""
    yield from _served(services.hdfs())


def _served(service: AbstractContextManager[services.Service]) -> Iterator[services.Service]:
    with ExitStack() as stack:
        try:
            found = stack.enter_context(service)
        except ServiceMissing as missing:
            pytest.skip(str(missing))
        yield found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests without Spark run first: what breaks quickly is seen quickly."""
    items.sort(key=lambda item: item.get_closest_marker("spark") is not None)
    for item in items:
        if "spark" in getattr(item, "fixturenames", ()) and item.get_closest_marker("spark") is None:
            raise pytest.UsageError(f"{item.nodeid} uses Spark and is not marked so")
