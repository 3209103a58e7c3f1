"""The Spark session of a flow: started where it is needed, beside other work where that saves time, and once."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class SparkStart:
    """A session that *start* gives. It may be called for from several threads."""

    def __init__(self, start: Callable[[], SparkSession]) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._session: Future[SparkSession] | None = None

    def begin(self) -> None:
        """The session is being started, in a thread of its own: a JVM takes seconds, in which pages can come in.

        The thread does not hold up the end of the process; the JVM ends with it. Where pyspark is at work already, as in a notebook,
        nothing is begun: a session is active by thread, and no other than the one that asks for it would find it.
        """
        if "pyspark" not in sys.modules:
            self._begun(aside=True)

    @property
    def ready(self) -> bool:
        """Whether :meth:`session` need not wait for a start that was begun."""
        return self._session is None or self._session.done()

    def session(self) -> SparkSession:
        """The session, as soon as it is there. Raises MedallionError where there can be none."""
        return self._begun(aside=False).result()

    def _begun(self, *, aside: bool) -> Future[SparkSession]:
        with self._lock:
            if self._session is not None:
                return self._session
            future = self._session = Future()

        def start() -> None:
            try:
                future.set_result(self._start())
            except BaseException as error:  # noqa: BLE001  it is raised again where the session is asked for
                future.set_exception(error)

        if aside:
            threading.Thread(target=start, name="medallion-spark-start", daemon=True).start()
        else:
            start()
        return future
