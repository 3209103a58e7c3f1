"""Hold what is stored against itself: each log against its hashes, each chunk file against its sum, each table against its log."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from medallion.bronze.entry import ChunkFile
from medallion.bronze.log import LogReader
from medallion.bronze.orphans import listed
from medallion.config.pipeline import Pipeline
from medallion.config.silver import Entity
from medallion.config.source import Source
from medallion.errors import ChecksumError, DifferenceError, MedallionError, NotFoundError, worst
from medallion.layout import BronzeLayout, SilverLayout
from medallion.storage.filesystem import FileSystem

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from medallion.silver.audit import Difference


_AT_ONCE = 4
"""Chunk files that are read together; each is in memory whole."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A Bronze table or a Silver table that was looked at. *error* is what is wrong; None: nothing was found.

    *files* of a Bronze table were held against their sums. *keys* of a Silver table were folded again; *differences* are the keys whose
    rows are others.
    """

    subject: str
    kind: Literal["bronze", "silver"]
    versions: int = 0
    files: int = 0
    keys: int = 0
    differences: tuple[Difference, ...] = ()
    promoted: bool = True
    """Of a Silver table: whether anything was promoted into it yet."""
    looked_at: bool = True
    """Of a Silver table: whether its Bronze table is right, so that it says what the table must be."""
    error: MedallionError | None = None


@dataclass(frozen=True, kw_only=True)
class Verified:
    """All that was looked at."""

    checked: tuple[Checked, ...]

    @property
    def exit_status(self) -> int:
        """The worst of all; 0 where nothing is wrong."""
        return worst(one.error.exit_status for one in self.checked if one.error is not None)


def verify(
    pipeline: Pipeline,
    sources: Sequence[Source],
    entities: Sequence[Entity],
    *,
    sample: int,
    seed: int = 0,
    bronze: FileSystem,
    state: FileSystem,
    start_spark: Callable[[], SparkSession],
) -> Verified:
    """Every log is read from its beginning, every chunk file that it lists hashed, and *sample* keys of each promoted table folded again.

    *seed* says which keys. Without a promoted table no Spark is started. A fault of one table does not hide those of the others: each
    outcome carries its own error. Raises MedallionError where Spark cannot be started.
    """
    promoted = [entity for entity in entities if _is_promoted(pipeline, entity, state)]
    layouts = dict.fromkeys(
        [*(BronzeLayout(system=source.system, table=source.table) for source in sources), *(_layout(pipeline, one) for one in entities)]
    )
    found = [_bronze(bronze, layout) for layout in layouts]
    broken = {layout for layout, one in zip(layouts, found, strict=True) if one.error is not None}
    sound = [entity for entity in promoted if _layout(pipeline, entity) not in broken]
    spark = start_spark() if sound else None
    for entity in entities:
        if entity not in promoted:
            found.append(Checked(subject=entity.entity, kind="silver", promoted=False))
        elif spark is None or entity not in sound:
            found.append(Checked(subject=entity.entity, kind="silver", looked_at=False))
        else:
            found.append(_silver(spark, pipeline, entity, sample, seed))
    return Verified(checked=tuple(found))


def check_log(fs: FileSystem, layout: BronzeLayout) -> tuple[int, int]:
    """Entries of the log, and chunk files that were held against their sums: all that the log lists, promoted or not.

    Raises ChainError, LogEntryError, NewerFormatError, ChecksumError or StorageError at the first fault.
    """
    reader = LogReader(fs, layout)
    stored = reader.read(0, reader.newest())
    files = listed(stored)
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="verify") as pool:
        checks = deque[Future[None]]()
        for file in files:
            if len(checks) == 2 * _AT_ONCE:
                checks.popleft().result()
            checks.append(pool.submit(_check_file, fs, layout, file))
        for check in checks:
            check.result()
    return len(stored), len(files)


def _check_file(fs: FileSystem, layout: BronzeLayout, file: ChunkFile) -> None:
    path = layout.within(file.path)
    place = fs.root.child(path)
    try:
        data = fs.read(path)
    except NotFoundError as error:
        raise ChecksumError(f"{place} is missing, though the log lists it; restore it from a copy") from error
    if len(data) != file.bytes:
        raise ChecksumError(f"{place} has {len(data)} bytes, {file.bytes} were landed; restore it from a copy")
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise ChecksumError(f"{place} has other bytes than were landed; restore it from a copy")


def _bronze(fs: FileSystem, layout: BronzeLayout) -> Checked:
    name = f"{layout.system}.{layout.table}"
    try:
        versions, files = check_log(fs, layout)
    except MedallionError as error:
        return Checked(subject=name, kind="bronze", error=error)
    return Checked(subject=name, kind="bronze", versions=versions, files=files)


def _silver(spark: SparkSession, pipeline: Pipeline, entity: Entity, sample: int, seed: int) -> Checked:
    from medallion.silver.audit import audit

    name = entity.entity
    try:
        found = audit(spark, pipeline, entity, sample=sample, seed=seed)
    except MedallionError as error:
        return Checked(subject=name, kind="silver", error=error)
    wrong = None
    if found.differences:
        wrong = DifferenceError(
            f"{name}: {len(found.differences)} of {found.keys} keys have other rows than their log makes; "
            "see the first of them, look at one with `medallion explain`, and run `medallion promote --replay` to read the log into this "
            "table again"
        )
    return Checked(
        subject=name,
        kind="silver",
        versions=found.versions,
        keys=found.keys,
        differences=found.differences,
        promoted=found.versions > 0,
        error=wrong,
    )


def _is_promoted(pipeline: Pipeline, entity: Entity, state: FileSystem) -> bool:
    layout = SilverLayout(pipeline=pipeline.pipeline, domain=entity.domain, entity=entity.entity, version=entity.version)
    return any(True for _ in state.files(layout.part("applied")))


def _layout(pipeline: Pipeline, entity: Entity) -> BronzeLayout:
    landed = pipeline.source_of(entity) or entity.bronze
    assert landed is not None, "the configuration was checked"
    return BronzeLayout(system=landed.system, table=landed.table)
