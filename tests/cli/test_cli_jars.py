"""What spark-submit is told to bring follows from a pipeline's file, overlays and flags included."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from medallion.jars import delta, release
from medallion.testing.commandline import CommandLine


def test_without_a_file_it_is_delta(medallion: CommandLine) -> None:
    """Two lines: what is brought, and what is left out of it."""
    said = medallion("jars")
    ours = delta(release())
    assert (said.status, said.out.splitlines()) == (0, [",".join(ours.packages), ",".join(ours.excluded)])


def test_all_arguments_of_a_job_may_stand_there(medallion: CommandLine, shop: Callable[[str], str]) -> None:
    """Of a job's options those count that change the configuration; secrets are not asked for."""
    keys = [f"--set=platform.connection.s3.{name}=secret:env:NONE" for name in ("access_key", "secret_key")]
    said = medallion(
        "jars", "--select", "orders", shop("http://127.0.0.1"), "--take-over", "--set", "platform.state.root=s3://lake/s", *keys
    )
    assert said.status == 0, said.err
    assert "org.apache.hadoop:hadoop-aws:" in said.out.splitlines()[0]


@pytest.mark.parametrize(
    ("setting", "words"), [("platform.state.rot=x", "platform.state.rot"), ("platform.state.root=flie:///x", "'flie'")]
)
def test_what_is_wrong_fails_as_the_job_would(medallion: CommandLine, shop: Callable[[str], str], setting: str, words: str) -> None:
    """A file with a mistake, or a scheme that nobody serves."""
    said = medallion("jars", shop("http://127.0.0.1"), "--set", setting)
    assert said.status != 0
    assert words in said.err
