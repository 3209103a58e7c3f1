"""Delta tables: made, widened by new columns, merged into; every write means the same however often it is done."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.errors import AnalysisException
from pyspark.sql.types import StructType

from medallion.errors import ChangedTableError, Problem
from medallion.silver.landed import quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_MISSING = frozenset(
    {"DELTA_TABLE_NOT_FOUND", "DELTA_PATH_DOES_NOT_EXIST", "DELTA_MISSING_DELTA_TABLE", "PATH_NOT_FOUND", "TABLE_OR_VIEW_NOT_FOUND"}
)


@dataclass(frozen=True, kw_only=True)
class Written:
    """Rows that a MERGE wrote."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0


@dataclass(frozen=True, kw_only=True)
class DeltaTable:
    """The Delta table at a path or URI."""

    spark: SparkSession
    path: str

    @property
    def name(self) -> str:
        """How SQL names it."""
        return f"delta.{quoted(self.path)}"

    def frame(self) -> DataFrame | None:
        """The table's rows as they stand now; None where there is no table."""
        try:
            frame = self.spark.read.format("delta").load(self.path)
            _ = frame.schema
        except AnalysisException as error:
            if error.getCondition() in _MISSING or "is not a Delta table" in str(error):
                return None
            raise
        return frame

    def ensure(self, schema: StructType, *, partition_by: Sequence[str] = ()) -> StructType:
        """The table is there and has at least the columns of *schema*; returns its schema.

        Raises ChangedTableError where a column has another type than the table's.
        """
        there = self.frame()
        if there is None:
            empty = self.spark.createDataFrame([], schema)
            empty.write.format("delta").mode("ignore").partitionBy(*partition_by).save(self.path)
            return schema
        known = {field.name: field for field in there.schema.fields}
        # Spelled, not compared: whether a field may be null is no difference of type.
        changed = [
            field
            for field in schema.fields
            if field.name in known and known[field.name].dataType.simpleString() != field.dataType.simpleString()
        ]
        if changed:
            raise ChangedTableError(
                [
                    Problem(
                        path=field.name,
                        message=f"is {known[field.name].dataType.simpleString()} in the table {self.path} and "
                        f"{field.dataType.simpleString()} in Bronze; "
                        "nothing was published: give the entity a new `version` to build the table again beside the old one",
                    )
                    for field in changed
                ]
            )
        added = [field for field in schema.fields if field.name not in known]
        if added:
            columns = ", ".join(f"{quoted(field.name)} {field.dataType.simpleString()}" for field in added)
            self.spark.sql(f"ALTER TABLE {self.name} ADD COLUMNS ({columns})")
        return StructType([*there.schema.fields, *added])

    def append(self, rows: DataFrame) -> None:
        """The rows are in the table, whose columns grow by theirs; the table is made if it is missing."""
        rows.write.format("delta").mode("append").option("mergeSchema", "true").save(self.path)

    def merge(self, source: DataFrame, *, on: str, clauses: Sequence[str]) -> Written:
        """``MERGE INTO`` the table (alias t) ``USING`` *source* (alias s); what it wrote."""
        view = f"medallion_{uuid.uuid4().hex}"
        source.createOrReplaceTempView(view)
        try:
            row = self.spark.sql(f"MERGE INTO {self.name} t USING {view} s ON {on} {' '.join(clauses)}").collect()[0]
        finally:
            self.spark.catalog.dropTempView(view)
        return Written(inserted=row["num_inserted_rows"], updated=row["num_updated_rows"], deleted=row["num_deleted_rows"])

    def version(self) -> int:
        """The newest version of the Delta log."""
        return int(self.spark.sql(f"DESCRIBE HISTORY {self.name} LIMIT 1").collect()[0]["version"])

    def table_id(self) -> str:
        """The id that Delta gave the table when it was made."""
        return str(self.spark.sql(f"DESCRIBE DETAIL {self.name}").collect()[0]["id"])

    def operations_since(self, version: int) -> list[tuple[int, str]]:
        """(version, operation) of each commit after *version*, oldest first."""
        rows = self.spark.sql(f"DESCRIBE HISTORY {self.name}").where(f"version > {version}").select("version", "operation").collect()
        return sorted((int(row["version"]), str(row["operation"])) for row in rows)


def equal(columns: Sequence[str]) -> str:
    """SQL: t and s agree in these columns, which are never null."""
    return " AND ".join(f"t.{quoted(name)} = s.{quoted(name)}" for name in columns)


def set_all(columns: Sequence[str]) -> str:
    """SQL: ``UPDATE SET`` of these columns to those of s."""
    return "UPDATE SET " + ", ".join(f"t.{quoted(name)} = s.{quoted(name)}" for name in columns)


def insert_all(columns: Sequence[str]) -> str:
    """SQL: ``INSERT`` of these columns of s."""
    return f"INSERT ({', '.join(map(quoted, columns))}) VALUES ({', '.join('s.' + quoted(name) for name in columns)})"
