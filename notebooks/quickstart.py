# Databricks notebook source
# MAGIC %md
# MAGIC # A pipeline, from its file to its tables
# MAGIC
# MAGIC Runs a pipeline's file in this notebook's own Spark session, and looks at what it made. On Databricks the widget `config`
# MAGIC says which file, and `env` which overlay; elsewhere the variables `PIPELINE` and `MEDALLION_ENV` do, and the same cells run as a
# MAGIC script: `python notebooks/quickstart.py`.

# COMMAND ----------

# ruff: noqa: ERA001  the text of this notebook stands in comments
import os
from pathlib import Path

from medallion.cli import entry_point
from medallion.config.load import load
from medallion.silver.home import table_of
from medallion.spark import session

# The file is read by the driver with plain `open`: give an absolute path, or one below the working directory.
CONFIG = os.environ.get("PIPELINE", "conf/pipelines/quickstart.yaml")
ENV = os.environ.get("MEDALLION_ENV", "")
if "dbutils" in globals():  # serverless has no environment variables of one's own
    widgets = globals()["dbutils"].widgets
    widgets.text("config", CONFIG)
    widgets.text("env", ENV)
    CONFIG, ENV = widgets.get("config"), widgets.get("env")
OVERLAY = ["--env", ENV] if ENV else []

# COMMAND ----------

# MAGIC %md
# MAGIC What it would do, and where each setting comes from. Nobody is asked.

# COMMAND ----------

entry_point(["plan", CONFIG, *OVERLAY])

# COMMAND ----------

# MAGIC %md
# MAGIC Extraction, then promotion. Run the cell again after whatever happened: it goes on after the last commit.

# COMMAND ----------

entry_point(["run", CONFIG, *OVERLAY])

# COMMAND ----------

# MAGIC %md
# MAGIC The tables are plain Delta.

# COMMAND ----------


pipeline = load(Path(CONFIG), env=ENV or None).pipeline
spark = session(pipeline.pipeline)
for entity in pipeline.silver:
    name = table_of(pipeline, entity)
    table = spark.table(name) if pipeline.platform.silver.catalog else spark.read.format("delta").load(name)
    table.show(5, truncate=24)

# COMMAND ----------

# MAGIC %md
# MAGIC Held against themselves: the log's hashes, the sums of the files, a sample of keys folded again.

# COMMAND ----------

entry_point(["verify", CONFIG, *OVERLAY, "--sample", "200"])
