"""The quickstart as a DAG of Airflow 3: extract, then promote, each a command of `medallion` in the environment of the package.

What it must know is in docs/orchestrators.md: a run is named by its logical date, so a task that is tried again continues the run that
was stopped, and exit statuses 2 and 6 are for a person and not for another try.
"""

import subprocess
from datetime import datetime, timedelta, timezone

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException

HOME = "/srv/medallion"
CONFIG = f"{HOME}/conf/pipelines/quickstart.yaml"
NEEDS_A_PERSON = {2, 6}
"""Exit statuses: a wrong configuration, and data that must not be published as it is."""


def medallion(*words: str) -> None:
    """Runs a command to its end; its progress is the task's log."""
    status = subprocess.run([f"{HOME}/.venv/bin/medallion", *words, "--json-lines"], check=False).returncode
    if status in NEEDS_A_PERSON:
        raise AirflowFailException(f"exit status {status}: see the last line above; another try would end the same")
    if status != 0:  # 3 says "run me again"; 4, 5 and 7 may pass
        raise AirflowException(f"exit status {status}: tried again, it goes on after the last commit")


@dag(
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,  # the log knows what is missing: the next run brings it
    max_active_runs=1,
    default_args={"retries": 5, "retry_delay": timedelta(minutes=1), "retry_exponential_backoff": True},
)
def medallion_quickstart() -> None:
    """Flights, from an API to Silver tables."""

    @task
    def extract(logical_date: datetime | None = None) -> None:
        """Sources to Bronze, under the date of this DAG run, however often it is tried."""
        date = [] if logical_date is None else [f"--run-date={logical_date.isoformat()}"]
        medallion("extract", CONFIG, *date)

    @task
    def promote() -> None:
        """Bronze to Silver: whatever the logs hold by now, once."""
        medallion("promote", CONFIG)

    extract() >> promote()


medallion_quickstart()
