"""What to read: one HTTP endpoint, database query or set of files, and what becomes of its schema."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from medallion.config.api import Api
from medallion.config.condition import parse_condition
from medallion.config.custom import Custom
from medallion.config.db import Db
from medallion.config.file import File
from medallion.config.incremental import Incremental
from medallion.config.values import Duration, Section, parse_duration

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,127}$")]
"""A name that is safe in paths and URIs of every store."""


class SchemaContract(Section):
    """What happens to columns and values that the table's schema does not know."""

    new_columns: Literal["evolve", "freeze", "rescue"] = "evolve"
    """A column comes that the table does not have: add it, refuse it, or keep it in _rescued."""
    missing_columns: Literal["evolve", "freeze", "rescue"] = "evolve"
    """A column does not come any more."""
    type_changes: Literal["evolve", "freeze", "rescue"] = "rescue"
    """A value does not fit its column: widen the column, refuse it, or keep the row in _rescued."""


class Parent(Section):
    """Requests made from another source's records."""

    source: str
    """Name of the source."""
    fields: Annotated[tuple[str, ...], Field(min_length=1)]
    """Of its records, for requests: {parent.faa} in endpoint, params, headers and json; each set of values that is there is asked once."""
    where: str | None = None
    """SQL condition on its records: columns and literals, with = != < <= > >= IN BETWEEN LIKE IS NULL AND OR NOT."""
    include: tuple[str, ...] = ()
    """Those of the fields that are copied into each record; faa of airports lands as _airports_faa."""
    on_missing: Literal["skip", "fail"] = "fail"
    """What 404 or 410 to the first request for a record means: skip it (their number is reported), or fail."""

    @model_validator(mode="after")
    def _include_is_of_fields(self) -> Parent:
        for name in self.include:
            if name not in self.fields:
                raise ValueError(f"include names {name}, which is not among fields")
        return self

    @field_validator("where")
    @classmethod
    def _where_is_evaluated(cls, where: str | None) -> str | None:
        if where is not None:
            parse_condition(where)
        return where


class Source(Section):
    """One table of one system."""

    name: Name
    """Handle for --select, parent and silver.source."""
    system: Name
    """Where the data comes from; system and table together are unique in a lake."""
    table: Name
    """What the data is called there."""
    load_pattern: Literal["full", "cdc", "current_history"]
    """full: a complete snapshot; cdc: events; current_history: current and history rows, each an event."""
    type: Literal["api", "db", "file", "custom"] = "api"
    """Which of the sections api, db, file and custom says how it is read."""
    schema_: Annotated[str | None, Field(alias="schema")] = None
    """DDL of the columns whose types are declared, such as ``id BIGINT, at TIMESTAMP``; the others are inferred."""
    schema_contract: SchemaContract = SchemaContract()
    """What happens to columns and values that the table's schema does not know."""
    infer_timestamps: bool = False
    """Whether strings that look like instants become timestamps."""
    as_json: tuple[str, ...] = ()
    """Fields that land as the text of their JSON, whatever is in them: for those whose shape changes from record to record."""
    resume_within: Duration = parse_duration("24h")
    """How long an open run of a full snapshot may be continued; older ones are abandoned."""
    parent: Parent | None = None
    """Requests are made from another source's records."""
    api: Api | None = None
    """An HTTP endpoint."""
    db: Db | None = None
    """A database query."""
    file: File | None = None
    """A set of files."""
    custom: Custom | None = None
    """A class of your own."""

    @property
    def by_spark(self) -> bool:
        """Whether Spark's executors read it; the driver reads the others, without Java."""
        return self.type in ("db", "file")

    @property
    def incremental(self) -> Incremental | None:
        """How only what is new is asked for, whatever the type; None: everything is."""
        section = {"api": self.api, "db": self.db, "custom": self.custom}.get(self.type)
        return None if section is None else section.incremental
