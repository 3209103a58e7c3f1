"""The shell around the package finds what it needs and says in one sentence what is missing."""

from __future__ import annotations

import hashlib
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def program(path: Path, text: str) -> Path:
    """An executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)
    return path


def java(home: Path, version: str) -> Path:
    """A home of a Java that says it has this version."""
    program(home / "bin" / "java", f"echo 'openjdk version \"{version}\" 2026-01-20' >&2")
    return home


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command's end, with what it said."""
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.mark.parametrize("version", ["17.0.15", "21", "21.0.2"])
def test_a_java_that_fits_is_printed(tmp_path: Path, version: str) -> None:
    """JAVA_HOME is taken where it is a Java 17 or 21."""
    home = java(tmp_path / "jdk", version)
    found = run("scripts/check_java.sh", PATH=os.environ["PATH"], JAVA_HOME=str(home))
    assert (found.returncode, found.stdout) == (0, f"{home}\n")


def test_a_java_that_does_not_fit_is_passed_over(tmp_path: Path) -> None:
    """An older Java in JAVA_HOME does not hide the right one on the path."""
    old, right = java(tmp_path / "old", "11.0.2"), java(tmp_path / "right", "17.0.1")
    found = run("scripts/check_java.sh", PATH=f"{right}/bin:{os.environ['PATH']}", JAVA_HOME=str(old))
    assert (found.returncode, found.stdout) == (0, f"{right}\n")


@pytest.mark.parametrize(
    ("system", "says"),
    [("Darwin", "brew install openjdk@17"), ("MINGW64_NT", "wsl --install"), ("Linux", "openjdk-17-jre-headless")],
)
def test_a_missing_java_is_one_sentence_with_the_command(tmp_path: Path, system: str, says: str) -> None:
    """Without Java the exit status is 2 and one line says what to type on this system."""
    for tool in ("bash", "sed", "head", "dirname", "readlink"):
        (tmp_path / tool).symlink_to(next(path for path in (Path("/bin") / tool, Path("/usr/bin") / tool) if path.exists()))
    program(tmp_path / "uname", f"echo {system}")
    program(tmp_path / "apt-get", "exit 1")
    script = (ROOT / "scripts" / "check_java.sh").read_text().replace("/usr/lib/jvm", str(tmp_path / "none"))
    copy = program(tmp_path / "check_java.sh", script)
    found = run("/bin/bash", str(copy), PATH=str(tmp_path))
    assert (found.returncode, found.stdout, found.stderr.count("\n")) == (2, "", 1)
    assert says in found.stderr


def test_java_is_installed_where_that_was_asked_for(tmp_path: Path) -> None:
    """With YES=1 Debian's package is installed, without a question, and the new Java is printed."""
    home = tmp_path / "jvm" / "java-21-openjdk"
    for tool in ("bash", "sed", "head", "dirname", "readlink", "env", "id"):
        (tmp_path / tool).symlink_to(next(path for path in (Path("/bin") / tool, Path("/usr/bin") / tool) if path.exists()))
    program(tmp_path / "apt-cache", "[[ $2 == openjdk-21-jre-headless ]]")
    stub = java(tmp_path / "stub", "21.0.1")
    program(
        tmp_path / "apt-get",
        f'[[ $1 == update ]] || {{ echo "$*" >{tmp_path}/asked; /bin/mkdir -p {home.parent}; /bin/cp -r {stub} {home}; }}',
    )
    program(tmp_path / "sudo", 'shift; exec "$@"')
    copy = program(tmp_path / "check_java.sh", (ROOT / "scripts" / "check_java.sh").read_text().replace("/usr/lib/jvm", str(home.parent)))
    found = run("/bin/bash", str(copy), PATH=str(tmp_path), YES="1")
    assert (found.returncode, found.stdout) == (0, f"{home}\n")
    assert (tmp_path / "asked").read_text() == "install -y -qq openjdk-21-jre-headless\n"


@pytest.fixture
def submit(tmp_path: Path) -> dict[str, str]:
    """An environment in which spark-submit prints its arguments and ends with status 7."""
    venv = tmp_path / "venv"
    program(venv / "bin" / "spark-submit", f"printf '%s\\n' \"$@\" >{tmp_path}/arguments; exit 7")
    program(venv / "bin" / "python", f'exec {ROOT}/.venv/bin/python "$@"')
    return {"VIRTUAL_ENV": str(venv), "PATH": os.environ["PATH"], "JAVA_HOME": str(java(tmp_path / "jdk", "17.0.1"))}


def submitted(tmp_path: Path) -> list[str]:
    """What spark-submit was given."""
    return (tmp_path / "arguments").read_text().splitlines()


@pytest.mark.slow
def test_spark_submit_brings_delta_and_passes_the_rest_on(tmp_path: Path, submit: dict[str, str]) -> None:
    """Our packages come first, the caller's are added, the job's arguments and the exit status are left alone."""
    from medallion.jars import delta, release

    ours = delta(release())
    job = ("jobs/run_pipeline.py", "conf", "--packages", "the job's own")
    ended = run("./spark-submit.sh", "--master", "local[2]", "--packages=a:b:1", "--conf", "x=1 2", *job, **submit)
    given = submitted(tmp_path)
    assert ended.returncode == 7
    assert given[given.index("--packages") + 1] == ",".join([*ours.packages, "a:b:1"])
    assert given[given.index("--exclude-packages") + 1] == ",".join(ours.excluded)
    assert given[given.index("--master") + 1] == "local[2]"
    assert given[-6:] == ["--conf", "x=1 2", *job]
    assert "--py-files" not in given


@pytest.mark.slow
def test_spark_submit_brings_what_the_roots_of_a_pipeline_need(tmp_path: Path, submit: dict[str, str]) -> None:
    """A bucket needs s3a, said anywhere in the job's arguments; secrets are not asked for. A wrong configuration is submitted nowhere."""
    config = tmp_path / "shop.yaml"
    config.write_text(
        "config_version: 1\n"
        "platform: {connection: {s3: {access_key: secret:env:NONE, secret_key: secret:env:NONE}}}\n"
        "source: {name: a, system: s, table: a, load_pattern: full, api: {base_url: 'http://127.0.0.1', endpoint: /a}}\n"
    )
    ended = run(
        "./spark-submit.sh", "jobs/run_extract.py", "--select", "a", str(config), "--set=platform.bronze.root=s3://lake/b", **submit
    )
    given = submitted(tmp_path)
    assert ended.returncode == 7, ended.stderr
    assert "org.apache.hadoop:hadoop-aws" in given[given.index("--packages") + 1]
    assert "software.amazon.awssdk:bundle" in given[given.index("--exclude-packages") + 1]
    (tmp_path / "arguments").unlink()
    refused = run("./spark-submit.sh", "jobs/run_extract.py", str(config), "--set", "platform.bronze.rot=b", **submit)
    assert (refused.returncode, (tmp_path / "arguments").exists()) == (2, False)
    assert "[CFG001]" in refused.stderr


@pytest.mark.slow
def test_spark_submit_ships_the_package_to_a_cluster(tmp_path: Path, submit: dict[str, str]) -> None:
    """For a master that is not local the package goes along as a zip, before the caller's own files."""
    kept = tmp_path / "shipped.zip"
    program(
        Path(submit["VIRTUAL_ENV"]) / "bin" / "spark-submit",
        f'printf "%s\\n" "$@" >{tmp_path}/arguments; cp "$(grep -E "medallion.zip" {tmp_path}/arguments | cut -d, -f1)" {kept}',
    )
    ended = run("./spark-submit.sh", "--master", "spark://127.0.0.1:7077", "--py-files", "more.zip", "jobs/run_promote.py", "c", **submit)
    given = submitted(tmp_path)
    assert ended.returncode == 0
    assert given[given.index("--py-files") + 1].endswith("/medallion.zip,more.zip")
    assert "medallion/silver/source.py" in zipfile.ZipFile(kept).namelist()
    assert not Path(given[given.index("--py-files") + 1].split(",")[0]).exists()


@pytest.mark.slow
def test_spark_submit_takes_baked_jars_for_packages(tmp_path: Path, submit: dict[str, str]) -> None:
    """Where their sums are right Maven is asked for nothing; the caller's own jars follow. Otherwise nothing is submitted."""
    from medallion.jars import release

    jars = tmp_path / "jars"
    jars.mkdir()
    (jars / "delta.jar").write_bytes(b"delta")
    (jars / "jars.lock").write_text(f"# {release().delta}\n{hashlib.sha256(b'delta').hexdigest()}  delta.jar\n")
    job = ("jobs/run_promote.py", "conf")
    ended = run("./spark-submit.sh", "--baked", str(jars), "--jars", "mine.jar", *job, **submit)
    given = submitted(tmp_path)
    assert ended.returncode == 7, ended.stderr
    assert given[given.index("--jars") + 1] == f"{jars}/delta.jar,mine.jar"
    assert "--packages" not in given
    (tmp_path / "arguments").unlink()
    (jars / "delta.jar").write_bytes(b"other")
    refused = run("./spark-submit.sh", "--baked", str(jars), *job, **submit)
    assert (refused.returncode, (tmp_path / "arguments").exists()) == (5, False)
    assert "[STG008]" in refused.stderr


@pytest.mark.slow
def test_spark_submit_sends_a_packed_python_along(tmp_path: Path, submit: dict[str, str]) -> None:
    """Executors unpack it under the name by which the driver finds it too; where there is none a sentence says how it is made."""
    copy = tmp_path / "project"
    for name in ("spark-submit.sh", "scripts", "medallion"):
        copy.mkdir(exist_ok=True)
        (copy / name).symlink_to(ROOT / name)
    packed = tmp_path / "packed"
    program(packed / "environment" / "bin" / "python", "true")
    job = ("jobs/run_promote.py", "conf")

    def submitted_there() -> subprocess.CompletedProcess[str]:
        command = ["./spark-submit.sh", "--packed", str(packed), "--archives", "mine.zip", *job]
        return subprocess.run(command, cwd=copy, env=submit, capture_output=True, text=True, check=False)

    missing = submitted_there()
    assert missing.returncode == 2
    assert f"--pack {packed} makes it" in missing.stderr
    (packed / "environment.tar.gz").write_bytes(b"")
    spark = Path(submit["VIRTUAL_ENV"]) / "bin" / "spark-submit"
    program(spark, f'printf "%s\\n" "$@" "$PYSPARK_PYTHON" >{tmp_path}/arguments; exit 7')
    assert submitted_there().returncode == 7
    given = submitted(tmp_path)
    assert given[given.index("--archives") + 1] == f"{packed}/environment.tar.gz#environment,mine.zip"
    assert given[-1] == "./environment/bin/python"
    assert (copy / given[-1]).samefile(packed / "environment/bin/python")


def test_make_help_names_every_verb() -> None:
    """`make` without a verb lists what there is."""
    verbs = run("make", "help", PATH=os.environ["PATH"]).stdout
    for verb in (
        "setup",
        "quickstart",
        "pull-the-plug",
        "test-fast",
        "test",
        "test-all",
        "test-connect",
        "test-matrix",
        "lint",
        "bench",
        "wheel",
        "docs",
        "clean",
    ):
        assert f"make {verb} " in verbs
