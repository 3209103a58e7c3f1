"""Delta tables: made, widened by new columns, merged into; every write means the same however often it is done."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pyspark.errors import AnalysisException
from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from medallion.config.silver import Entity
from medallion.errors import ChangedTableError, ConfigError, Problem
from medallion.layout import literal, quoted
from medallion.silver.commits import MAINTENANCE
from medallion.silver.home import is_name
from medallion.silver.kinds import spelled
from medallion.spark import is_classic

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, DataFrameWriter, Row, SparkSession

_MISSING = frozenset(
    {"DELTA_TABLE_NOT_FOUND", "DELTA_PATH_DOES_NOT_EXIST", "DELTA_MISSING_DELTA_TABLE", "PATH_NOT_FOUND", "TABLE_OR_VIEW_NOT_FOUND"}
)


@dataclass(frozen=True, kw_only=True)
class Written:
    """Rows that a commit wrote."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    version: int | None = None
    """Of the commit, where it is known already."""
    table_id: str | None = None
    """Of a table that was made."""


@dataclass(frozen=True, kw_only=True)
class TableLayout:
    """How a table's files are laid out, and its table properties; columns by the names that the table shows."""

    partition_by: tuple[str, ...] = ()
    cluster_by: tuple[str, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()


UNSAID = TableLayout()
"""The layout of a table of which nothing is said."""
WHOLE = TableLayout(properties=(("delta.dataSkippingNumIndexedCols", "0"),))
"""Of a small table that is read as a whole: to keep the least and the greatest value of each column is a fifth of its write."""


def layout_for(entity: Entity) -> TableLayout:
    """The layout that the configuration wants; tables of snapshots are partitioned by their date unless it says otherwise."""
    partition_by = entity.partition_by
    if entity.model == "periodic_snapshot" and not (partition_by or entity.cluster_by):
        partition_by = ("snapshot_date",)
    properties = dict(entity.table_properties)
    if entity.change_data_feed is not None:
        properties["delta.enableChangeDataFeed"] = str(entity.change_data_feed).lower()
    return TableLayout(partition_by=partition_by, cluster_by=entity.cluster_by, properties=tuple(sorted(properties.items())))


@dataclass(frozen=True, kw_only=True)
class DeltaTable:
    """A Delta table: the one place that knows whether it is at a path or in a catalog."""

    spark: SparkSession
    path: str
    """A path or URI; or the name of a table in a catalog, its parts quoted."""
    layout: TableLayout = UNSAID

    @property
    def name(self) -> str:
        """How SQL names it."""
        return self.path if is_name(self.path) else f"delta.{quoted(self.path)}"

    def frame(self) -> DataFrame | None:
        """The table's rows as they stand now; None where there is no table."""
        reader = self.spark.read
        if not is_classic(self.spark):
            # A server of Connect remembers plans by how a client spells them, numbers included, and each batch counts from zero in a
            # process of its own: so it would be given the columns that the table had for the batch before.
            reader = reader.option("read", uuid.uuid4().hex)
        try:
            frame = reader.table(self.path) if is_name(self.path) else reader.format("delta").load(self.path)
            _ = frame.schema
        except AnalysisException as error:
            if error.getCondition() in _MISSING or "is not a Delta table" in str(error):
                return None
            raise
        return frame

    def ensure(self, schema: StructType) -> StructType:
        """The table is there and has at least the columns of *schema*; returns its schema.

        Raises ChangedTableError where a column has another type than the table's, ConfigError where the layout names a column it lacks.
        """
        there = self.frame()
        if there is None:
            self._create(self.spark.createDataFrame([], schema), unless_there=True)
            return schema
        return self.widen(there, schema)

    def widen(self, there: DataFrame, schema: StructType) -> StructType:
        """The table, of which *there* was read, has at least the columns of *schema*; returns its schema. Raises ChangedTableError."""
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
                        "nothing was published: run promote with --rebuild, or give the entity a new `version`",
                    )
                    for field in changed
                ]
            )
        added = [field for field in schema.fields if field.name not in known]
        if added:
            columns = ", ".join(f"{quoted(field.name)} {spelled(field.dataType)}" for field in added)
            self.spark.sql(f"ALTER TABLE {self.name} ADD COLUMNS ({columns})")
        return StructType([*there.schema.fields, *added])

    def create(self, rows: DataFrame) -> Written:
        """The table is made of *rows*, in its layout, by one commit; an error of Spark's where somebody else made it meanwhile."""
        self._create(rows, unless_there=False)
        if not is_name(self.path):
            return self._made()
        commit = self._newest_commit()
        return Written(inserted=int(commit["operationMetrics"].get("numOutputRows", 0)), version=int(commit["version"]))

    def _made(self) -> Written:
        """What the first commit of a table at a path says, read as Delta's protocol has it: DESCRIBE HISTORY and DESCRIBE DETAIL, which
        say the same, take as long as half the rest of a small batch."""
        lines = self.spark.read.text(f"{self.path.rstrip('/')}/_delta_log/{0:020d}.json")
        told: dict[str, Any] = {}
        for row in lines.where(F.col("value").rlike(r'^\{"(commitInfo|metaData)"')).collect():
            told |= json.loads(row["value"])
        inserted = told["commitInfo"]["operationMetrics"].get("numOutputRows", 0)
        return Written(inserted=int(inserted), version=0, table_id=told["metaData"]["id"])

    def become(self, rows: DataFrame) -> None:
        """The table is *rows*, with their columns and in its layout, whatever it was before: by one commit, or not at all."""
        self._create(rows, unless_there=False, replaces=True)

    def rewrite(self, rows: DataFrame) -> None:
        """The table is *rows*, of its own columns in other types, by one commit; its id, its partitions and its properties stay."""
        parts = self.spark.sql(f"DESCRIBE DETAIL {self.name}").collect()[0]["partitionColumns"]
        self._save(rows.write.format("delta").mode("overwrite").options(overwriteSchema="true").partitionBy(*parts))

    def _create(self, rows: DataFrame, *, unless_there: bool, replaces: bool = False) -> None:
        """The table is there, in its layout; the schema of its catalog is made if it is missing."""
        known = set(rows.columns)
        for key, columns in (("partition_by", self.layout.partition_by), ("cluster_by", self.layout.cluster_by)):
            if missing := [column for column in columns if column not in known]:
                message = f"the table has no column {missing[0]!r}; it has {', '.join(sorted(known))}"
                raise ConfigError([Problem(path=key, message=message)])
        if self.layout == UNSAID and not is_name(self.path) and not replaces:
            # Not "ignore": a session remembers a table whose folder was removed, and would ignore that it is not there.
            try:
                rows.write.format("delta").mode("append" if unless_there else "error").save(self.path)
            except AnalysisException as error:
                if unless_there or error.getCondition() != "DELTA_PATH_EXISTS" or self.frame() is not None:
                    raise
                rows.write.format("delta").mode("append").save(self.path)
            return
        create = "CREATE OR REPLACE TABLE" if replaces else "CREATE TABLE IF NOT EXISTS" if unless_there else "CREATE TABLE"
        clauses = [f"{create} {self.name} USING delta"]
        if self.layout.partition_by:
            clauses.append(f"PARTITIONED BY ({', '.join(map(quoted, self.layout.partition_by))})")
        if self.layout.cluster_by:
            clauses.append(f"CLUSTER BY ({', '.join(map(quoted, self.layout.cluster_by))})")
        if self.layout.properties:
            clauses.append(f"TBLPROPERTIES ({_properties(self.layout.properties)})")
        view = f"medallion_{uuid.uuid4().hex}"
        rows.createOrReplaceTempView(view)
        statement = f"{' '.join(clauses)} AS SELECT * FROM {view}"
        try:
            try:
                self.spark.sql(statement)
            except AnalysisException as error:
                if not is_name(self.path) or error.getCondition() != "SCHEMA_NOT_FOUND":
                    raise
                self.spark.sql(f"CREATE SCHEMA IF NOT EXISTS {self.path.rpartition('.')[0]}")
                self.spark.sql(statement)
        finally:
            self.spark.catalog.dropTempView(view)

    def settle(self) -> None:
        """Properties and clustering of the table, where there is one, are those of its layout; what the layout does not name stays."""
        if not (self.layout.properties or self.layout.cluster_by) or self.frame() is None:
            return
        detail = self.spark.sql(f"DESCRIBE DETAIL {self.name}").collect()[0]
        differ = [(key, value) for key, value in self.layout.properties if detail["properties"].get(key) != value]
        if differ:
            self.spark.sql(f"ALTER TABLE {self.name} SET TBLPROPERTIES ({_properties(differ)})")
        if self.layout.cluster_by and tuple(detail["clusteringColumns"]) != self.layout.cluster_by:
            self.spark.sql(f"ALTER TABLE {self.name} CLUSTER BY ({', '.join(map(quoted, self.layout.cluster_by))})")

    def append(self, rows: DataFrame) -> None:
        """The rows are in the table, whose columns grow by theirs; the table is made, with its properties, if it is missing."""
        self._save(rows.write.format("delta").mode("append").options(mergeSchema="true", **dict(self.layout.properties)))

    def _save(self, writer: DataFrameWriter) -> None:
        if is_name(self.path):
            writer.saveAsTable(self.path)
        else:
            writer.save(self.path)

    def merge(self, source: DataFrame, *, on: str, clauses: Sequence[str]) -> Written:
        """``MERGE INTO`` the table (alias t) ``USING`` *source* (alias s); what it wrote."""
        view = f"medallion_{uuid.uuid4().hex}"
        source.createOrReplaceTempView(view)
        try:
            row = self.spark.sql(f"MERGE INTO {self.name} t USING {view} s ON {on} {' '.join(clauses)}").collect()[0]
        finally:
            self.spark.catalog.dropTempView(view)
        return Written(inserted=row["num_inserted_rows"], updated=row["num_updated_rows"], deleted=row["num_deleted_rows"])

    def delete(self, where: str) -> None:
        """No row is there for which the SQL condition is true."""
        self.spark.sql(f"DELETE FROM {self.name} WHERE {where}")

    def replace(self, rows: DataFrame, *, where: Column) -> Written:
        """The rows for which *where* is true are exactly *rows*, by one commit; the table has all their columns."""
        there = self.frame()
        assert there is not None, "ensure made it"
        known = set(rows.columns)
        columns = [
            (F.col(quoted(field.name)) if field.name in known else F.lit(None).cast(field.dataType)).alias(field.name)
            for field in there.schema.fields
        ]
        rows.select(*columns).writeTo(self.name).overwrite(where)
        commit = self._newest_commit()
        told = commit["operationMetrics"]
        return Written(
            inserted=int(told.get("numOutputRows", 0)), deleted=int(told.get("numDeletedRows", 0)), version=int(commit["version"])
        )

    def version(self) -> int:
        """The newest version of the Delta log."""
        return int(self._newest_commit()["version"])

    def _newest_commit(self) -> Row:
        return self.spark.sql(f"DESCRIBE HISTORY {self.name} LIMIT 1").collect()[0]

    def changed_since(self, version: int) -> bool:
        """Whether any commit after *version* changed rows or columns; true where the history does not reach back so far."""
        rows = (
            self.spark.sql(f"DESCRIBE HISTORY {self.name}").where(f"version > {version}").select("version", "operation", "operationMetrics")
        )
        commits = rows.collect()
        if len(commits) < self.version() - version:
            return True
        return any(_changes(str(row["operation"]), row["operationMetrics"] or {}) for row in commits)

    def optimize(self) -> tuple[int, int]:
        """Small files are large ones, clustered as the table says; how many files became how many."""
        metrics = self.spark.sql(f"OPTIMIZE {self.name}").collect()[0]["metrics"]
        return int(metrics["numFilesRemoved"]), int(metrics["numFilesAdded"])

    def vacuum(self, retain: timedelta) -> None:
        """Files that no version younger than *retain* needs are gone. Delta refuses less than a week unless it is told otherwise."""
        self.spark.sql(f"VACUUM {self.name} RETAIN {_hours(retain)} HOURS").collect()

    def removable(self, retain: timedelta) -> int:
        """How many files :meth:`vacuum` would remove."""
        return self.spark.sql(f"VACUUM {self.name} RETAIN {_hours(retain)} HOURS DRY RUN").count()

    def table_id(self) -> str:
        """The id that Delta gave the table when it was made."""
        return str(self.spark.sql(f"DESCRIBE DETAIL {self.name}").collect()[0]["id"])

    def operations_since(self, version: int) -> list[tuple[int, str]]:
        """(version, operation) of each commit after *version*, oldest first."""
        rows = self.spark.sql(f"DESCRIBE HISTORY {self.name}").where(f"version > {version}").select("version", "operation").collect()
        return sorted((int(row["version"]), str(row["operation"])) for row in rows)


SAME_ROWS = MAINTENANCE | {"SET TBLPROPERTIES", "UNSET TBLPROPERTIES", "CLUSTER BY", "UPGRADE PROTOCOL"}
"""Operations of Delta that change no row."""


def _hours(duration: timedelta) -> str:
    return f"{duration.total_seconds() / 3600:g}"


def _changes(operation: str, metrics: Mapping[str, str]) -> bool:
    """Whether a commit changed rows or columns, as its history tells."""
    if operation == "MERGE":
        return any(int(metrics.get(f"numTargetRows{done}", 1)) for done in ("Inserted", "Updated", "Deleted"))
    return operation not in SAME_ROWS


def _properties(properties: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{literal(key)} = {literal(value)}" for key, value in properties)
