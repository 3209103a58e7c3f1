"""Jars that were baked are checked at each use; what is wrong with them is one sentence."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from medallion.errors import ChecksumError, MedallionError, NotFoundError
from scripts.bake import LOCK, bake, check, main

DELTA = "io.delta:delta-spark_4.2_2.13:4.4.0"
POSTGRESQL = "org.postgresql:postgresql:42.7.13"


@pytest.fixture
def baked(tmp_path: Path) -> Path:
    """A folder as :func:`bake` leaves it, with two small files for jars."""
    lines = [f"# {DELTA}\n"]
    for name, content in (("io.delta_delta-4.4.0.jar", b"delta"), ("org.antlr_antlr4-4.13.1.jar", b"antlr")):
        (tmp_path / name).write_bytes(content)
        lines.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    (tmp_path / LOCK).write_text("".join(lines))
    return tmp_path


def test_what_is_as_it_was_baked_is_used(baked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The jars in the order of the lock, by commas, as spark-submit takes them."""
    assert [jar.name for jar in check(baked, [DELTA])] == ["io.delta_delta-4.4.0.jar", "org.antlr_antlr4-4.13.1.jar"]
    assert main(["check", str(baked), DELTA]) == 0
    assert capsys.readouterr().out == f"{baked}/io.delta_delta-4.4.0.jar,{baked}/org.antlr_antlr4-4.13.1.jar\n"


def test_a_jar_that_is_another_missing_or_not_listed_is_refused(baked: Path) -> None:
    """One flipped byte, a jar that is gone, one that somebody put there: each named."""
    jar = baked / "org.antlr_antlr4-4.13.1.jar"
    jar.write_bytes(b"antlR")
    with pytest.raises(ChecksumError, match=r"antlr4-4\.13\.1\.jar is not the one"):
        check(baked)
    jar.unlink()
    with pytest.raises(ChecksumError, match=r"antlr4-4\.13\.1\.jar is missing"):
        check(baked)
    jar.write_bytes(b"antlr")
    (baked / "other.jar").write_bytes(b"")
    with pytest.raises(ChecksumError, match=r"other\.jar"):
        check(baked)


def test_a_lock_that_is_missing_damaged_or_of_another_pipeline_is_refused(
    baked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a pipeline needs and the folder was not baked with; a line that is no sum; no lock at all, with the exit status of storage."""
    with pytest.raises(NotFoundError, match="postgresql"):
        check(baked, [DELTA, POSTGRESQL])
    lock = baked / LOCK
    text = lock.read_text()
    lock.write_text(text + f"{'0' * 64}  ../outside.jar\n")
    with pytest.raises(ChecksumError, match="no sum of a jar"):
        check(baked)
    lock.unlink()
    assert main(["check", str(baked), DELTA]) == 5
    assert "--bake" in capsys.readouterr().err


def test_a_folder_with_jars_is_not_baked_again(baked: Path) -> None:
    """What is in there may be in use, and the rest of an older bake would be taken for a part of the new one."""
    with pytest.raises(MedallionError, match="holds jars already"):
        bake(baked, [DELTA])


def test_what_is_no_coordinate_is_refused(tmp_path: Path) -> None:
    """Before Maven is asked."""
    with pytest.raises(MedallionError, match="no Maven coordinate"):
        bake(tmp_path / "jars", ["delta"])


@pytest.mark.spark
@pytest.mark.jvm
def test_a_driver_is_baked_from_maven_with_what_it_needs(tmp_path: Path) -> None:
    """PostgreSQL's driver with the one jar that it depends on, without what is left out; then it passes the check."""
    folder = tmp_path / "jars"
    bake(folder, [POSTGRESQL])
    assert [jar.name for jar in check(folder, [POSTGRESQL])] == sorted(jar.name for jar in folder.glob("*.jar"))
    assert any(jar.name.startswith("org.postgresql_postgresql-42.7.13") for jar in folder.glob("*.jar"))
    few = tmp_path / "few"
    bake(few, [POSTGRESQL], ["org.checkerframework:checker-qual"])
    assert not list(few.glob("*checker*"))
