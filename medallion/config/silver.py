"""What to make of a source: one Silver table. Option names are AUTO CDC's where it has them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from medallion.config.expectation import Expectation, Threshold
from medallion.config.source import Name
from medallion.config.values import Section

Model = Literal["scd_type_1", "scd_type_2", "incremental_merge", "full_merge_dedupe", "periodic_snapshot"]
Column = Annotated[str, Field(min_length=1)]
Profile = Literal["analytics", "operational", "merge_ready", "cdc_delta", "snapshot"]

PROFILES: dict[Profile, Model] = {
    "analytics": "scd_type_2",
    "operational": "scd_type_1",
    "merge_ready": "full_merge_dedupe",
    "cdc_delta": "incremental_merge",
    "snapshot": "periodic_snapshot",
}
"""The model that each profile stands for."""
DELETED_AT = "_deleted_at"
"""The column that incremental_merge adds: the latest delete of a key that has no newer upsert."""
LINEAGE = ("_bronze_version", "_bronze_chunk", "_bronze_row")
"""The columns that lineage adds: log version, ordinal of the chunk in its entry, and row of its file of the event that a row shows."""


class BronzeTable(Section):
    """A table that another pipeline lands."""

    system: Name
    """As its source says."""
    table: Name
    """As its source says."""
    load_pattern: Literal["full", "cdc", "current_history"]
    """As its source says."""


class Normalize(Section):
    """Applied to every string column before anything looks at it."""

    trim_strings: bool = False
    """Takes spaces off both ends."""
    empty_strings_as_null: bool = False
    """After trimming."""


class HistoryColumns(Section):
    """Names of the columns that scd_type_2 adds."""

    start_at: Column = "__START_AT"
    """The sequence that opened the row."""
    end_at: Column = "__END_AT"
    """The sequence that closed the row; null while it is open."""
    is_current: Column | None = "is_current"
    """Whether the row is open; null: the column is left out."""

    @model_validator(mode="after")
    def _three_names(self) -> HistoryColumns:
        names = [name.lower() for name in (self.start_at, self.end_at, self.is_current) if name]
        if len(set(names)) < len(names):
            raise ValueError("start_at, end_at and is_current need three different names")
        return self


class Entity(Section):
    """One Silver table, with its own stream and checkpoint."""

    entity: Name
    """Name of the table and handle for --select."""
    source: str | None = None
    """Name of the source it is made of. Default: the only source of the file."""
    bronze: BronzeTable | None = None
    """In place of source: a table that another pipeline lands."""
    domain: Name = "default"
    """Groups tables; part of the path."""
    version: Annotated[int, Field(ge=1)] = 1
    """Generation of the table; part of its path."""
    model: Model | None = None
    """What the table holds; exactly one of model and profile."""
    profile: Profile | None = None
    """A preset in place of a model: analytics (scd_type_2), operational (scd_type_1), merge_ready (full_merge_dedupe),
    cdc_delta (incremental_merge), snapshot (periodic_snapshot)."""
    keys: tuple[Column, ...] = ()
    """Columns that tell rows apart; a row where one is null is quarantined."""
    sequence_by: tuple[Column, ...] = ()
    """Columns that say which of two events of a key is newer, compared left to right."""
    apply_as_deletes: str | None = None
    """SQL condition on a Bronze row: it deletes its key."""
    apply_as_truncates: str | None = None
    """SQL condition on a Bronze row: it deletes every key at its sequence, and needs no key itself."""
    deletes: Literal["hard", "soft", "ignore"] | None = None
    """What a delete does to the row: it goes (hard), it stays and is marked in _deleted_at (soft), nothing (ignore).
    Default: soft for incremental_merge, hard for other tables of current rows; scd_type_2 closes the row."""
    column_list: tuple[Column, ...] | None = None
    """Columns that the table shows; the keys are always among them."""
    except_column_list: tuple[Column, ...] | None = None
    """Columns that the table does not show."""
    track_history_column_list: tuple[Column, ...] | None = None
    """scd_type_2: columns whose change opens a new row. Default: all but the keys."""
    track_history_except_column_list: tuple[Column, ...] | None = None
    """scd_type_2: columns whose change opens no new row."""
    ignore_null_updates: bool | tuple[Column, ...] = False
    """Whether a null means "not said", so that the value before it stays: true, or the columns for which it does."""
    on_sequence_tie: Literal["last_wins", "delete_wins", "quarantine", "error"] = "last_wins"
    """Two events of one key have one sequence and different content: which one counts."""
    history_columns: HistoryColumns = HistoryColumns()
    """Names of the columns that scd_type_2 adds."""
    lineage: bool = False
    """Whether the table shows where in Bronze the values of a row come from: _bronze_version, _bronze_chunk and _bronze_row."""
    normalize: Normalize = Normalize()
    """Applied to every string column before anything looks at it."""
    expectations: tuple[Expectation, ...] = ()
    """Rules for rows, looked at after normalize and before the table's model."""
    max_quarantined: Threshold | None = None
    """A batch that takes the rows that a promotion sets aside above it publishes nothing."""
    max_deleted: Threshold | None = None
    """A full snapshot that would delete more publishes nothing."""
    allow_empty_snapshot: bool = False
    """Whether an empty full snapshot empties the table; false: it is an error."""
    snapshot_by: Literal["date", "run"] | None = None
    """periodic_snapshot: the last completed run of each date (default of full), or every run (of the others always)."""
    rename: dict[str, Column] = {}
    """Bronze column to the name that the table shows."""
    exports: tuple[Literal["parquet", "csv"], ...] = ()
    """Formats in which the table is written out after each promotion that changed it."""
    partition_by: tuple[Column, ...] = ()
    """Columns of the table (as it shows them) whose values have folders of their own. periodic_snapshot: snapshot_date by default."""
    cluster_by: tuple[Column, ...] = ()
    """Columns of the table by which `medallion vacuum` clusters its files (liquid clustering)."""
    change_data_feed: bool | None = None
    """Whether Delta keeps which rows each version changed; null: as the table is."""
    table_properties: dict[str, str] = {}
    """Delta table properties, set where they differ; others stay."""

    @model_validator(mode="before")
    @classmethod
    def _model_of_profile(cls, told: Any) -> Any:
        profile = told.get("profile") if isinstance(told, dict) else None
        if isinstance(profile, str) and profile in PROFILES and told.get("model") is None:
            return {**told, "model": PROFILES[profile]}
        return told

    @model_validator(mode="after")
    def _says_one_thing(self) -> Entity:
        if self.model is None or (self.profile is not None and self.model != PROFILES[self.profile]):
            raise ValueError("give exactly one of model and profile")
        if self.source is not None and self.bronze is not None:
            raise ValueError("give source or bronze, not both")
        if self.partition_by and self.cluster_by:
            raise ValueError("give partition_by or cluster_by, not both")
        if self.column_list is not None and self.except_column_list is not None:
            raise ValueError("give column_list or except_column_list, not both")
        if self.track_history_column_list is not None and self.track_history_except_column_list is not None:
            raise ValueError("give track_history_column_list or track_history_except_column_list, not both")
        if self.model != "periodic_snapshot" and not self.keys:
            raise ValueError("keys: required, the columns that tell rows apart")
        return self
