"""Where Bronze, Silver and their state live, and how Bronze files are cut."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from medallion.config.connection import Connection
from medallion.config.names import closest
from medallion.config.values import Duration, Section, parse_duration

SILVER_ROOT = "./lake/silver"


STORAGE_GROUP = "medallion.storage"
"""The entry points that offer storage providers."""
BACKENDS = ("auto", "local", "hadoop", "azure", "s3", "volumes")


def _backend(name: str) -> str:
    known = [*BACKENDS, *sorted({point.name for point in entry_points(group=STORAGE_GROUP)} - set(BACKENDS))]
    if name not in known:
        meant = closest(name, known)
        hint = f" (did you mean {meant}?)" if meant else ""
        raise ValueError(f"must be one of {', '.join(known)}, or what a package offers under {STORAGE_GROUP}{hint}, got {name!r}")
    return name


def _once(formats: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(formats)) < len(formats):
        raise ValueError("must name each format once")
    return formats


class Bronze(Section):
    """The landing: its root, and the size of its chunks."""

    storage_backend: Annotated[str, AfterValidator(_backend), Field(examples=list(BACKENDS))] = "auto"
    """Which provider opens the roots that it serves: local, s3, azure, hadoop, volumes, or one of a package; auto: by the scheme."""
    root: Annotated[str, Field(min_length=1)] = "./lake/bronze"
    """A path or URI; a relative path is below the working directory."""
    formats: Annotated[tuple[Literal["parquet", "csv"], ...], Field(min_length=1), AfterValidator(_once)] = ("parquet",)
    """Formats of a chunk; if both, Parquet is read."""
    compression: Literal["zstd", "snappy", "gzip", "none"] = "zstd"
    """Of Parquet files."""
    max_file_size_mb: Annotated[int, Field(ge=1, le=64)] = 32
    """A chunk file is closed at this size in MB (1024² bytes); checksums take about eight times as much memory a task."""
    max_rows_per_file: Annotated[int, Field(ge=1)] = 250_000
    """A chunk file is closed at this many rows."""
    commit_every: Duration = parse_duration("30s")
    """A chunk is committed when it is full or this old, so that a slow source loses little."""
    takeover_after: Duration = parse_duration("15m")
    """How long a newcomer waits for an attempt of which nothing is heard; --take-over does not wait."""


class Exports(Section):
    """Tables written out for those who read no Delta."""

    root: str | None = None
    """A path or URI. Default: the root of the tables; required where they are in a catalog."""
    keep: Annotated[int, Field(ge=1)] = 2
    """How many exports of a table are kept, the current one included."""


class Maintenance(Section):
    """What `medallion vacuum` does to Silver tables and their state."""

    optimize: bool = True
    """Makes large files of small ones, clustered where the table says so."""
    vacuum: bool = True
    """Removes files that no version younger than `retain` needs."""
    retain: Duration = parse_duration("7d")
    """Less can break readers, and Delta refuses it unless its own check is switched off."""


class Silver(Section):
    """The tables: below a path, or in a catalog."""

    root: str | None = None
    """A path or URI. Default where there is no catalog: ./lake/silver."""
    catalog: str | None = None
    """A catalog in place of root."""
    schema_: Annotated[str | None, Field(alias="schema")] = None
    """The schema of the catalog. Default: default."""
    exports: Exports = Exports()
    """Tables written out for those who read no Delta."""
    maintenance: Maintenance = Maintenance()
    """What `medallion vacuum` does to Silver tables and their state."""

    @model_validator(mode="before")
    @classmethod
    def _default_home(cls, data: Any) -> Any:
        given = isinstance(data, dict) and (data.get("root") is not None or data.get("catalog") is not None)
        return data if given or not isinstance(data, dict) else {**data, "root": SILVER_ROOT}

    @model_validator(mode="after")
    def _one_home(self) -> Silver:
        if self.root is not None and self.catalog is not None:
            raise ValueError("give root or catalog, not both")
        if self.schema_ is not None and self.catalog is None:
            raise ValueError("schema needs a catalog")
        return self


class State(Section):
    """Checkpoints, journals, claims: beside the tables, never inside them."""

    root: Annotated[str, Field(min_length=1)] = "./lake/_state"
    """A path or URI."""


class StorageMetadata(Section):
    """What the storage is, for governance; ``--storage-scope onprem`` refuses what is not declared on-premises, or contradicts it."""

    boundary: Literal["onprem", "cloud"] = "onprem"
    """Whether the storage stands in your own house; the default is no declaration."""
    provider_type: str = "local_generic"
    """What kind of storage it is; free text."""
    cloud_provider: str | None = None
    """Whose cloud it is; free text."""


class Platform(Section):
    """All storage of a pipeline."""

    bronze: Bronze = Bronze()
    """The landing: its root, and the size of its chunks."""
    silver: Silver = Silver()
    """Where the tables are: below a root, or in a catalog."""
    state: State = State()
    """Where checkpoints, journals and claims are: beside the tables, never inside them."""
    connection: Connection = Connection()
    """How stores other than this machine's disks are reached."""
    storage_metadata: StorageMetadata = StorageMetadata()
    """What the storage is, for governance."""
