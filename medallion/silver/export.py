"""A Silver table written out for those who read no Delta: whole folders, one of which is current."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, BinaryType, MapType, StructType

from medallion.bronze.typed import INSTANT_FORMAT
from medallion.clock import Clock
from medallion.config.pipeline import Pipeline
from medallion.config.silver import Entity
from medallion.errors import StateError
from medallion.events import Listener, Noticed
from medallion.failpoint import failpoint
from medallion.silver.events import col
from medallion.silver.home import layout_of
from medallion.silver.models.tables import EVENT
from medallion.silver.publish import DeltaTable
from medallion.storage.filesystem import FileSystem
from medallion.storage.roots import Roots

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

CURRENT = "_current.json"
LINK = "current"
CSV = {
    "header": "true",
    "quoteAll": "true",
    "quote": '"',
    "escape": '"',
    "nullValue": "\\N",
    "emptyValue": "",
    "ignoreLeadingWhiteSpace": "false",
    "ignoreTrailingWhiteSpace": "false",
    "timestampFormat": INSTANT_FORMAT,
}
"""How Spark writes CSV here: every field quoted, a quote in it doubled, null as ``\\N``, an empty text as nothing between quotes."""


class Current(msgspec.Struct, frozen=True, kw_only=True):
    """What ``_current.json`` holds: the export to read, and which table it shows. *formats* are paths relative to the file's folder."""

    export: int
    formats: dict[str, str]
    table: str
    table_id: str
    table_version: int
    at: str
    whole: tuple[int, ...]
    """All exports that are whole and still there, oldest first."""


@dataclass(frozen=True, kw_only=True)
class Exporter:
    """Writes the exports of one entity below *folder* of *fs*; keeps the newest *keep*."""

    fs: FileSystem
    folder: str
    formats: tuple[str, ...]
    keep: int
    entity: str
    clock: Clock
    listener: Listener

    @classmethod
    def of(cls, pipeline: Pipeline, entity: Entity, roots: Roots) -> Exporter:
        """The exporter that the configuration asks for."""
        silver = pipeline.platform.silver
        root = silver.exports.root or silver.root
        assert root is not None, "the configuration was checked"
        return cls(
            fs=roots.open(root),
            folder=layout_of(pipeline, entity).exports,
            formats=entity.exports,
            keep=silver.exports.keep,
            entity=entity.entity,
            clock=roots.clock,
            listener=roots.listener,
        )

    def export(self, table: DeltaTable) -> int | None:
        """The current export shows the table as it stands; returns its number, or None where it did so already.

        The folder is written first, then ``_current.json`` in one piece, then older exports and the rest of killed ones are removed: a
        crash between any two leaves the one before current.
        """
        frame = table.frame()
        if frame is None:
            return None
        version, table_id, current = table.version(), table.table_id(), self.current()
        if current is not None and self._shows(current, table, table_id, version):
            return None
        there = {int(name) for name in self._folders() if name.isdigit()}
        number = max({0, *there, *(current.whole if current else ())}) + 1
        self._write(frame, number)
        failpoint("export.written")
        whole = (*(current.whole if current else ()), number)[-self.keep :]
        now = Current(
            export=number,
            formats={name: f"{number}/{name}" for name in self.formats},
            table=table.path,
            table_id=table_id,
            table_version=version,
            at=self.clock.now().isoformat(),
            whole=whole,
        )
        self.fs.put(f"{self.folder}/{CURRENT}", msgspec.json.format(msgspec.json.encode(now)) + b"\n")
        failpoint("export.current")
        if self.fs.root.scheme == "file":
            _link(Path(self.fs.root.child(self.folder).path), str(number))
        self._remove(there - set(whole))
        self.listener(Noticed(subject=self.entity, sentence=f"exported as {self.fs.root.child(f'{self.folder}/{number}')}"))
        return number

    def current(self) -> Current | None:
        """What readers see now. Raises StateError where the file is not ours."""
        path = f"{self.folder}/{CURRENT}"
        if not self.fs.exists(path):
            return None
        try:
            return msgspec.json.decode(self.fs.read(path), type=Current)
        except msgspec.MsgspecError as error:
            place = self.fs.root.child(path)
            raise StateError(f"{place} is not what an export writes ({error}): remove it, and the next promotion exports again") from error

    def _shows(self, current: Current, table: DeltaTable, table_id: str, version: int) -> bool:
        """Whether the current export is whole in all formats and nothing in the table has changed since."""
        if current.table_id != table_id or current.table_version > version or set(current.formats) != set(self.formats):
            return False
        return current.table_version == version or not table.changed_since(current.table_version)

    def _write(self, frame: DataFrame, number: int) -> None:
        place = self.fs.root.child(f"{self.folder}/{number}")
        shown = frame.drop(EVENT)
        if "parquet" in self.formats:
            shown.write.mode("overwrite").parquet(place.child("parquet").uri)
        if "csv" in self.formats:
            as_text(shown).write.mode("overwrite").options(**CSV).csv(place.child("csv").uri)

    def _folders(self) -> set[str]:
        return {file.path.removeprefix(f"{self.folder}/").split("/", 1)[0] for file in self.fs.files(self.folder)}

    def _remove(self, numbers: set[int]) -> None:
        for number in sorted(numbers):
            folder = f"{self.folder}/{number}"
            for file in list(self.fs.files(folder)):
                self.fs.delete(file.path)
            if self.fs.root.scheme == "file":
                _prune(Path(self.fs.root.child(folder).path))


def as_text(rows: DataFrame) -> DataFrame:
    """The rows as CSV can hold them: nested values as JSON, bytes as base64."""
    columns = []
    for field in rows.schema.fields:
        value = col(field.name)
        if isinstance(field.dataType, StructType | ArrayType | MapType):
            value = F.to_json(value, {"ignoreNullFields": "false", "timestampFormat": CSV["timestampFormat"]})
        elif isinstance(field.dataType, BinaryType):
            value = F.base64(value)
        columns.append(value.alias(field.name))
    return rows.select(*columns)


def _link(folder: Path, target: str) -> None:
    """``current`` leads to the folder of a number, at no moment to none."""
    made = folder / f".tmp-{uuid.uuid4().hex}"
    made.symlink_to(target, target_is_directory=True)
    made.replace(folder / LINK)


def _prune(folder: Path) -> None:
    """No empty folder is left of *folder*."""
    for place, _, _ in os.walk(folder, topdown=False):
        Path(place).rmdir()
