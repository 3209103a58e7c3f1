"""Jars and settings of several places become those of one session, and belong to the Spark that is there."""

from __future__ import annotations

import pytest

from medallion.errors import MedallionError
from medallion.jars import RELEASES, Needs, delta, release

S3 = Needs(packages=("g:s3:1", "g:both:1"), excluded=("g:azure", "h:*"), conf={"region": "a", "key": "k"})
AZURE = Needs(packages=("g:azure:1", "g:both:1"), excluded=("h:*", "i:x"), conf={"region": "b"})


def test_needs_add_up() -> None:
    """Each package and each exclusion counts once, and nothing is left out that the other place asks for."""
    both = S3 | AZURE
    assert both.packages == ("g:s3:1", "g:both:1", "g:azure:1")
    assert both.excluded == ("h:*", "i:x")
    assert both.conf == {"region": "b", "key": "k"}


def test_needs_do_not_show_their_settings() -> None:
    """Credentials are among them."""
    assert "region" not in repr(S3)


@pytest.mark.parametrize("minor", ["4.2", "4.2.0", "4.2.1.dev3"])
def test_a_minor_version_decides(minor: str) -> None:
    """What a fix release of Spark is built with is the same."""
    assert release(minor) is RELEASES["4.2"]


def test_each_spark_has_its_own_jar_of_one_delta() -> None:
    """All versions of Spark that are supported read and write tables in the same way."""
    assert {minor: release(minor).delta for minor in RELEASES} == {
        minor: f"io.delta:delta-spark_{minor}_2.13:4.4.0" for minor in ("4.0", "4.1", "4.2")
    }


def test_an_unknown_spark_is_refused() -> None:
    """Jars of another version would fail somewhere deep, much later."""
    with pytest.raises(MedallionError, match=r"Spark 3\.5\.1.*install pyspark.*4\.2"):
        release("3.5.1")


def test_delta_comes_without_its_own_hadoop() -> None:
    """Two versions of Hadoop on one class path do not work."""
    assert delta(release()).excluded == ("org.apache.hadoop:hadoop-client-api", "org.apache.hadoop:hadoop-client-runtime")
