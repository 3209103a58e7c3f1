"""Files of a chunk go to the store, under names that nobody else uses."""

from __future__ import annotations

import uuid

from medallion.bronze.entry import ChunkFile
from medallion.bronze.spool import Spooled
from medallion.layout import BronzeLayout
from medallion.storage.filesystem import FileSystem


def upload(fs: FileSystem, layout: BronzeLayout, spooled: Spooled, *, folder: str, number: int) -> list[ChunkFile]:
    """The files of a chunk are in *folder*, which is relative to the table, and not on the driver any more; *number* is a hint for people.

    Raises StorageError.
    """
    name = f"{folder}/part-{number:05d}-{uuid.uuid4().hex}"
    landed = []
    for file in spooled.files:
        path = f"{name}.{file.format}"
        fs.upload(file.path, layout.within(path))
        file.path.unlink(missing_ok=True)
        landed.append(ChunkFile(format=file.format, path=path, bytes=file.bytes, sha256=file.sha256))
    return landed
