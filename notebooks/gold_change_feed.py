# Databricks notebook source
# MAGIC %md
# MAGIC # A Gold table that follows the change data feed of a Silver table
# MAGIC
# MAGIC Departures a day and airport, kept up from what changed in `flights` and from nothing else. The change data feed says which
# MAGIC rows each version of the Silver table changed; their days and airports are counted again, and only those. The same cells run as a
# MAGIC script: `python notebooks/gold_change_feed.py`.

# COMMAND ----------

# ruff: noqa: ERA001, T201  the text of this notebook stands in comments
import os
from pathlib import Path

from delta.tables import DeltaTable as Delta
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from medallion.cli import entry_point
from medallion.config.load import load
from medallion.silver.home import table_of
from medallion.spark import session

CONFIG = os.environ.get("PIPELINE", "conf/pipelines/quickstart.yaml")
GROUP = ["flight_date", "origin"]
DONE = "gold.silver_version"

# COMMAND ----------

# MAGIC %md
# MAGIC The feed is a setting of the entity, `change_data_feed: true`; here it is given for this one promotion. It begins with the first
# MAGIC version after that, so the Gold table is built whole once.

# COMMAND ----------

entry_point(["promote", CONFIG, "--select", "flights", "--set", "silver.flights.change_data_feed=true"])

pipeline = load(Path(CONFIG)).pipeline
spark = session(pipeline.pipeline)
flights = table_of(pipeline, next(one for one in pipeline.silver if one.entity == "flights"))
gold = os.environ.get("GOLD", flights.rpartition("/domain=")[0] + "/domain=gold/entity=departures/v1")

# COMMAND ----------

# MAGIC %md
# MAGIC What Gold means, as a function of Silver rows; all of them or some groups, it is the same function.

# COMMAND ----------


def departures(rows: DataFrame) -> DataFrame:
    """One row a day and airport: flights, cancelled ones, and the mean delay of those that left."""
    cancelled = F.count_if(F.col("status") == "cancelled").alias("cancelled")
    return rows.groupBy(*GROUP).agg(F.count("*").alias("flights"), cancelled, F.round(F.avg("dep_delay"), 2).alias("mean_delay"))


# COMMAND ----------

# MAGIC %md
# MAGIC Touched groups are counted again from Silver **as of** the version that is taken in, and merged; the version is remembered
# MAGIC afterwards. A crash between the two counts the same groups again, with the same result.

# COMMAND ----------


def version_of(path: str) -> int:
    """The newest version of a Delta table."""
    return int(Delta.forPath(spark, path).history(1).select("version").collect()[0][0])


def follow() -> int:
    """The Gold table shows the newest Silver version; returns how many groups were counted again."""
    newest = version_of(flights)
    silver = spark.read.format("delta").option("versionAsOf", newest).load(flights)
    if not Delta.isDeltaTable(spark, gold):
        counted = departures(silver)
        counted.write.format("delta").save(gold)
        groups = counted.count()
    else:
        done = int(Delta.forPath(spark, gold).detail().select("properties").collect()[0][0][DONE])
        if done == newest:
            return 0
        feed = spark.read.format("delta").option("readChangeFeed", "true")
        changes = feed.option("startingVersion", done + 1).option("endingVersion", newest).load(flights)
        touched = changes.select(*GROUP).distinct()
        groups = touched.count()
        counted = touched.join(departures(silver.join(touched, GROUP, "left_semi")), GROUP, "left")
        same = " AND ".join(f"t.{name} = s.{name}" for name in GROUP)
        merge = Delta.forPath(spark, gold).alias("t").merge(counted.alias("s"), same)
        merge = merge.whenMatchedDelete("s.flights IS NULL").whenMatchedUpdateAll().whenNotMatchedInsertAll("s.flights IS NOT NULL")
        merge.execute()
    spark.sql(f"ALTER TABLE delta.`{gold}` SET TBLPROPERTIES ('{DONE}' = '{newest}')")
    return groups


print(f"{follow()} groups counted")

# COMMAND ----------

# MAGIC %md
# MAGIC The Gold table, the worst days first. Run the cells again after the next `medallion run`: only what changed is counted.

# COMMAND ----------

spark.read.format("delta").load(gold).orderBy(F.desc("mean_delay")).show(5)
