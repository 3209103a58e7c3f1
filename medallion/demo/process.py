"""The flights API as a child process: started, asked what it has seen, and stopped, by whoever owns it."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from medallion.errors import MedallionError


@dataclass(frozen=True, kw_only=True)
class RunningApi:
    """A server that answers; *environment* is what ``conf/pipelines/quickstart.yaml`` reads to find it."""

    url: str
    token: str
    pid: int

    @property
    def environment(self) -> dict[str, str]:
        """FLIGHTS_URL and FLIGHTS_TOKEN."""
        return {"FLIGHTS_URL": self.url, "FLIGHTS_TOKEN": self.token}

    def stats(self) -> dict[str, Any]:
        """What was asked so far (see :class:`medallion.demo.server.Stats`)."""
        with urllib.request.urlopen(f"{self.url}/_stats", timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def trouble(self, rules: Sequence[dict[str, Any]]) -> None:
        """From now on requests go wrong by *rules* (see :class:`medallion.demo.trouble.Rule`)."""
        request = urllib.request.Request(f"{self.url}/_trouble", data=json.dumps(list(rules)).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=30):
            return


@contextmanager
def started(*arguments: str) -> Iterator[RunningApi]:
    """The API on a free port with a token made on the spot; exactly this process is stopped at the end.

    *arguments* are those of ``python -m medallion.demo``. Raises MedallionError where it does not start.
    """
    token = secrets.token_urlsafe(24)
    command = [sys.executable, "-m", "medallion.demo", "--port", "0", *arguments]
    # a group of its own: Ctrl-C and kills of the client's group do not take the server along
    server = subprocess.Popen(command, env=os.environ | {"FLIGHTS_TOKEN": token}, stdout=subprocess.PIPE, text=True, start_new_session=True)
    with server:
        try:
            url = server.stdout.readline().strip() if server.stdout else ""
            if not url:
                raise MedallionError(f"the flights API did not start (exit status {server.wait()}): see above")
            yield RunningApi(url=url, token=token, pid=server.pid)
        finally:
            server.terminate()
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                server.kill()
