"""The newest commit of a Delta table, found in its folder without Spark, as Delta's protocol names and spells it."""

from __future__ import annotations

import hashlib

import msgspec

from medallion.errors import NotFoundError
from medallion.storage.filesystem import FileSystem

MAINTENANCE = frozenset({"OPTIMIZE", "REORG", "VACUUM START", "VACUUM END"})
"""Operations of Delta that put rows into other files, or remove files, and change nothing else."""
_AT_MOST = 20
"""So many commits that changed no row are passed over; behind more of them a look by Spark is as fast."""


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """The newest commit of a Delta table, and the hash of its file."""

    version: int
    sha256: str


class _Info(msgspec.Struct):
    operation: str = ""


class _Line(msgspec.Struct):
    commit_info: _Info | None = msgspec.field(default=None, name="commitInfo")


def newest(fs: FileSystem, table: str) -> int | None:
    """The newest version of the Delta table in a folder; None where there is no table."""
    names = [file.path.rsplit("/", 1)[-1] for file in fs.files(f"{table}/_delta_log")]
    return max((int(name[:20]) for name in names if len(name) == 25 and name.endswith(".json") and name[:20].isdigit()), default=None)


def listed(fs: FileSystem, table: str) -> Commit | None:
    """The newest commit of the Delta table in a folder; None where there is no table."""
    version = newest(fs, table)
    return None if version is None else _commit(version, fs.read(_path(table, version)))


def unmoved(fs: FileSystem, table: str, commit: Commit | None) -> bool:
    """Whether the table's newest commit is still this one, None where there was no table; found without a listing."""
    if commit is None:
        return not fs.exists(_path(table, 0))
    return _is(fs, table, commit) and not fs.exists(_path(table, commit.version + 1))


def after_maintenance(fs: FileSystem, table: str, commit: Commit | None) -> Commit | None:
    """The table's newest commit, where there was nothing but :data:`MAINTENANCE` since *commit*.

    None where there was anything else, or very much of it; and where *commit* is None: of what begins then nothing is known.
    """
    if commit is None or not _is(fs, table, commit):
        return None
    for _ in range(_AT_MOST):
        try:
            content = fs.read(_path(table, commit.version + 1))
        except NotFoundError:
            return commit
        if _operation(content) not in MAINTENANCE:
            return None
        commit = _commit(commit.version + 1, content)
    return None


def _is(fs: FileSystem, table: str, commit: Commit) -> bool:
    try:
        return _commit(commit.version, fs.read(_path(table, commit.version))) == commit
    except NotFoundError:
        return False


def _operation(content: bytes) -> str:
    """What a commit says that it did; nothing where it does not say so."""
    try:
        lines = msgspec.json.Decoder(_Line).decode_lines(content)
    except msgspec.MsgspecError:
        return ""
    return next((line.commit_info.operation for line in lines if line.commit_info is not None), "")


def _commit(version: int, content: bytes) -> Commit:
    return Commit(version=version, sha256=hashlib.sha256(content).hexdigest())


def _path(table: str, version: int) -> str:
    return f"{table}/_delta_log/{version:020d}.json"
