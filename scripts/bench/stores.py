"""What a store costs through Spark's JVM: landing a gigabyte of chunks against plain copies by the same JVM, and the commit of an entry."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from medallion.clock import Clock
from medallion.errors import MedallionError
from medallion.storage.provider import Access
from medallion.storage.registry import open_filesystem
from medallion.testing import services
from medallion.testing.process import ServiceMissing
from scripts.baselines import copy_folder
from scripts.bench.measure import Bar, Benchmark, Measured, Settings, ratios, seconds
from scripts.bench.session import own_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MB = 1024 * 1024
FILES, EACH = 32, 32 * MB
ENTRIES, ENTRY = 50, b"x" * 1_000
TURNS = 3


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A bucket on this machine, the session that reaches it, and a folder of chunks that shall go there."""

    root: str
    access: Access
    spark: SparkSession
    clock: Clock
    chunks: Path

    def land(self) -> float:
        """Each file is uploaded as Bronze does it, and an entry committed for it."""
        fs = open_filesystem(self._fresh(), backend="hadoop", access=self.access, clock=self.clock)
        fs.put_if_absent("first", ENTRY)  # a root is raced for once in its life, which is not for the figure

        def work() -> None:
            for number, file in enumerate(sorted(self.chunks.iterdir())):
                fs.upload(file, f"run/{file.name}")
                fs.put_if_absent(f"_log/{number}", ENTRY)

        took = seconds(self.clock, work)
        self._check(sum(file.size for file in fs.files("run")))
        return took

    def copy(self) -> float:
        """The folder is copied by one call of Hadoop's own copy."""
        target, arrived = f"{self._fresh()}/run", list[int]()
        took = seconds(self.clock, lambda: arrived.append(copy_folder(self.spark, self.chunks, target)))
        self._check(sum(arrived))
        return took

    def commits(self) -> list[float]:
        """How long it took to commit each of some entries, one after the other."""
        fs = open_filesystem(self._fresh(), backend="hadoop", access=self.access, clock=self.clock)
        fs.put_if_absent("first", ENTRY)
        took = []
        for number in range(ENTRIES):
            began = self.clock.monotonic()
            fs.put_if_absent(f"_log/{number:020}.json", ENTRY)
            took.append(self.clock.monotonic() - began)
        return took

    def _fresh(self) -> str:
        return f"{self.root}/{uuid.uuid4().hex}"

    def _check(self, found: int) -> None:
        wanted = sum(file.stat().st_size for file in self.chunks.iterdir())
        if found != wanted:
            raise MedallionError(f"{found} bytes arrived instead of {wanted}")


def filled(folder: Path, *, files: int = FILES, each: int = EACH) -> Path:
    """The folder, with so many files of so many random bytes."""
    for number in range(files):
        (folder / f"part-{number:04}.parquet").write_bytes(os.urandom(each))
    return folder


@contextmanager
def bucket(clock: Clock) -> Iterator[Bucket]:
    """S3Proxy, a session that reaches it, and the files, there while inside. Raises MedallionError without Java."""
    try:
        with tempfile.TemporaryDirectory(prefix="medallion-bench-") as folder, services.s3() as store:
            spark = own_session(needs=store.needs)
            yield Bucket(root=store.root, access=store.access, spark=spark, clock=clock, chunks=filled(Path(folder)))
    except ServiceMissing as missing:
        raise MedallionError(str(missing)) from missing


def measure(settings: Settings) -> Sequence[Measured]:
    """Both bars, on one store."""
    settings.progress("starting S3Proxy and Spark")
    with bucket(settings.clock) as made:
        found = settings.in_turn({"land": made.land, "copy": made.copy}, turns=TURNS)
        settings.progress("commits")
        commits = made.commits()
    size = f"{FILES * EACH // MB} MB in {FILES} files"
    landing = Bar(name="landing", says=f"speed of landing {size} on S3 through Hadoop, against plain copies", limit=0.8, at_least=True)
    commit = Bar(name="commit", says="commit of a log entry on S3 through Hadoop, loopback", limit=0.1, unit="s")
    return [
        Measured(bar=landing, values=ratios(found["copy"], found["land"]), parts=found),
        Measured(bar=commit, values=tuple(commits)),
    ]


BENCHMARKS = (Benchmark(name="stores", says="landing 1 GB on S3Proxy through Hadoop, and commits (minutes)", measure=measure),)
