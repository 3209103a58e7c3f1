"""A folder of files as a source of frames, and the lake that they land in."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bronze_fakes import LAYOUT
from frame_fakes import FrameLake

from medallion.bronze.extract import ExtractResult
from medallion.config.source import Source
from medallion.schema import parse_ddl
from medallion.source.files import FileFrames
from medallion.storage.local import LocalFileSystem
from medallion.storage.location import Location


@dataclass
class Inbox:
    """A folder of files, and a lake that they land in. *files* is what the configuration says of them."""

    folder: Path
    lake: FrameLake
    load_pattern: str = "cdc"
    schema: str | None = None
    files: dict[str, Any] = field(default_factory=lambda: {"format": "csv"})
    clock: float = 1_700_000_000

    def put(self, name: str, data: bytes | str) -> Path:
        """A file that is a second newer than the one before."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        self.clock += 1
        os.utime(path, (self.clock, self.clock))
        return path

    @property
    def source(self) -> Source:
        return Source.model_validate(
            {"name": "inbox", "system": LAYOUT.system, "table": LAYOUT.table, "load_pattern": self.load_pattern, "type": "file"}
            | {"file": {"path": str(self.folder)} | self.files, "schema": self.schema}
        )

    def frames(self) -> FileFrames:
        source = self.source
        assert source.file is not None
        return FileFrames(
            source="inbox",
            file=source.file,
            whole=self.load_pattern == "full",
            declared=parse_ddl(self.schema) if self.schema else {},
            open_root=lambda root: LocalFileSystem(Location.parse(root)),
            listener=self.lake.events.append,
        )

    def extract(self, **options: Any) -> ExtractResult:
        return self.lake.extract(self.frames(), self.source, **options)

    def rows(self, run_id: str | None = None) -> list[dict[str, Any]]:
        """All rows, in an order of their own, without numbers."""
        landed = [{name: value for name, value in row.items() if name != "_row"} for row in self.lake.landed(run_id)]
        return sorted(landed, key=lambda row: str(list(row.values())))
