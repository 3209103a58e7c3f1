"""What stands in a log: seven kinds of entries, one canonical spelling, each sealed by the hash of the one before."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from medallion.errors import LogEntryError, NewerFormatError
from medallion.source.protocol import FileVersion

FORMAT = 1
MIN_READER = 1
"""The lowest reader that understands what this version writes."""
GENESIS = ""
"""``prev_sha256`` of the first entry."""


class Writer(msgspec.Struct, frozen=True, kw_only=True):
    """Which process wrote an entry: enough for a newcomer on the same host to see that it is gone."""

    host: str
    pid: int
    started: str
    """When the process started, as its system tells it; tells a process from a later one with its number."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What every entry has. *at* is the wall clock in ISO 8601, for people, courtesy and ``resume_within``: nothing else rests on it."""

    prev_sha256: str
    run_id: str
    attempt: str
    at: str
    format: int = FORMAT
    min_reader: int = MIN_READER


class ParentCut(msgspec.Struct, frozen=True, kw_only=True):
    """The records of a parent that a run asks for: those of its table up to *version*, the ``run_completed`` of *run_id*."""

    source: str
    version: int
    run_id: str


class Marks(msgspec.Struct, frozen=True, kw_only=True):
    """A file with a cursor value for each of some parents; *path* is relative to the table's folder. It is true while an entry names it."""

    path: str
    bytes: int
    sha256: str
    parents: int
    """Rows of the file."""
    of: list[str]
    """The parents' source, and the fields by which they are told apart."""
    by_number: bool


class RunStarted(Header, tag="run_started", tag_field="kind", frozen=True, kw_only=True):
    """A run is open. Its bounds are frozen here; *watermark* and *schema_id* are those in force."""

    source: str
    load_pattern: Literal["full", "cdc", "current_history"]
    logical_date: str
    fingerprint: str
    start: str | None
    end: str | None
    window_seconds: float | None
    backfill: bool
    watermark: str | None
    schema_id: int | None
    last_completed: int | None
    """Version of the newest ``run_completed`` before this run."""
    writer: Writer
    window: str | None = None
    """Length of the windows where the cursor is a number."""
    ceiling: str | None = None
    """Where the clock was, if the source cannot be told an *end*: rows from there on do not move the watermark, as others like them may
    still come on pages that were read."""
    cursor_field: str | None = None
    """Field that *watermark* and *watermarks* are of."""
    watermarks: Marks | None = None
    """The watermark of each parent, in place of *watermark*; where *start* is null, its requests begin there."""
    parent: ParentCut | None = None
    """Whose records the requests are made from: the same ones however often the run is resumed."""
    taken: list[int] = []
    """Of a source of files: the versions of the ``files`` entries with what was taken before, in force like the watermark."""
    full_refresh: bool = False
    """Whether it takes files again that were taken before."""


class RunResumed(Header, tag="run_resumed", tag_field="kind", frozen=True, kw_only=True):
    """Another attempt goes on with an open run, after *continues_from*. It is itself at the next version."""

    started: int
    """Version of the run's ``run_started``."""
    continues_from: int
    writer: Writer


Format: TypeAlias = Literal["parquet", "csv"]


class ChunkFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a chunk; *path* is relative to the table's folder."""

    format: Format
    path: str
    bytes: int
    sha256: str


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of whole pages, in one file for each format. *schema_id* is the version of the ``schema`` entry they are written by."""

    ordinal: int
    rows: int
    schema_id: int
    files: list[ChunkFile]

    @property
    def file(self) -> ChunkFile:
        """The file that is read, whoever reads: Parquet where there is one."""
        return next((file for file in self.files if file.format == "parquet"), self.files[0])


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for the rows of an entry: the first and last position of each lane, and how many pages."""

    pages: int
    first: dict[str, dict[str, Any]]
    last: dict[str, dict[str, Any]]


class ChunkEntry(Header, tag="chunk", tag_field="kind", frozen=True, kw_only=True):
    """Chunks that are landed. *resume* holds, for each lane that has a page in them, where its next request starts."""

    started: int
    load_pattern: Literal["full", "cdc", "current_history"]
    chunks: list[Chunk]
    resume: dict[str, dict[str, Any]]
    watermark: str | None
    """Candidate: the highest cursor value among all rows of the run so far; where it is final, the highest that no later row can have."""
    watermark_final: bool
    """Whether the watermark moves here already: the source is declared and seen to be sorted."""
    asked: Asked
    rescued: int = 0
    """Rows with a value that fitted no column, or of which the schema contract kept one out."""
    candidates: Marks | None = None
    """The highest cursor value of each parent that has rows in these chunks."""
    taken: list[FileVersion] = []
    """Files of which these are the rows, where each file is taken once."""


class FilesEntry(Header, tag="files", tag_field="kind", frozen=True, kw_only=True):
    """Files that were taken: a part of what a run and those before it took, see :mod:`medallion.bronze.taken`."""

    started: int
    keys: bytes
    """Twelve bytes a file, one behind the other."""


class SchemaEntry(Header, tag="schema", tag_field="kind", frozen=True, kw_only=True):
    """The table's schema from here on; its id is this entry's version."""

    started: int
    columns: list[tuple[str, str]]
    """Column name and landing type (see :mod:`medallion.schema`), in order: pairs, since the one spelling sorts an object's keys."""
    changes: list[str]


class RunCompleted(Header, tag="run_completed", tag_field="kind", frozen=True, kw_only=True):
    """A run is complete: everything between its bounds was asked and is in the log from *first_version* on."""

    first_version: int
    """Version of its ``run_started``."""
    load_pattern: Literal["full", "cdc", "current_history"]
    logical_date: str
    fingerprint: str
    chunks: int
    rows: int
    end: str | None
    backfill: bool
    watermark: str | None
    schema_id: int | None
    content_sha256: str | None
    """Of all records of a full run in order: equal to an earlier run's, nothing has changed."""
    same_as: str | None
    """The earlier run with the same content; then there is nothing for Silver to do."""
    same_as_version: int | None = None
    """Version of that run's ``run_completed``."""
    cursor_field: str | None = None
    """Field that *watermark* and *watermarks* are of."""
    watermarks: Marks | None = None
    """The watermark of each parent that the run asked for; one that is not among them is forgotten."""
    taken: list[int] = []
    """The versions of the ``files`` entries in force from here on."""
    rescued: int = 0
    """Rows with a value in ``_rescued``."""
    newest_logical_date: str | None = None
    """The latest logical date of the runs that are complete; None: that of this one."""


class RunAbandoned(Header, tag="run_abandoned", tag_field="kind", frozen=True, kw_only=True):
    """An open run that nobody will continue. *watermark*, *schema_id*, *last_completed* and *taken* stay in force."""

    first_version: int
    load_pattern: Literal["full", "cdc", "current_history"]
    logical_date: str
    why: str
    watermark: str | None
    schema_id: int | None
    last_completed: int | None
    cursor_field: str | None = None
    """Field that *watermark* and *watermarks* are of."""
    watermarks: Marks | None = None
    """The watermark of each parent, with those moved that the run was done with."""
    taken: list[int] = []


Entry: TypeAlias = RunStarted | RunResumed | ChunkEntry | SchemaEntry | FilesEntry | RunCompleted | RunAbandoned

_decoder: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)
_encoder = msgspec.json.Encoder(order="sorted")


def encode(entry: Entry) -> bytes:
    """The one spelling of an entry: UTF-8 JSON, sorted keys, no spaces, a newline at the end."""
    return _encoder.encode(entry) + b"\n"


def decode(data: bytes, *, name: str) -> Entry:
    """The entry that *data* spells; *name* is its file, for the sentence.

    Raises NewerFormatError where ``min_reader`` is above ours, LogEntryError where it is no entry at all.
    """
    try:
        low = msgspec.json.decode(data, type=Mapping[str, Any])
        needed = low["min_reader"]
    except (msgspec.MsgspecError, KeyError) as error:
        raise LogEntryError(f"{name} is not a log entry ({error}); restore the file from a copy, do not delete it") from error
    if needed > MIN_READER:
        raise NewerFormatError(f"{name} was written by a newer version: install medallion-foundry with log format {needed} or later")
    try:
        return _decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise LogEntryError(f"{name} is not a log entry ({error}); restore the file from a copy, do not delete it") from error


def seal(data: bytes) -> str:
    """The hash that the next entry carries as ``prev_sha256``."""
    return hashlib.sha256(data).hexdigest()
