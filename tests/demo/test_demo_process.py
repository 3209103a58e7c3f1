"""The API as a process of its own: found, asked, troubled and stopped by its owner."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from medallion.demo.__main__ import main, options
from medallion.demo.process import started
from medallion.errors import MedallionError


@pytest.mark.slow
def test_process_serves_until_it_is_stopped() -> None:
    """A started API answers its owner's token on a port of its own, counts, obeys a script, and is gone afterwards."""
    with started("--months", "") as api:
        request = urllib.request.Request(f"{api.url}/airlines", headers={"Authorization": f"Bearer {api.environment['FLIGHTS_TOKEN']}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert b'"total":16' in answer.read()
        api.trouble([{"kind": "503", "nth": 1}])
        with pytest.raises(urllib.error.HTTPError, match="503") as refused, urllib.request.urlopen(request, timeout=30):
            pass
        refused.value.close()
        assert api.stats()["paths"] == {"/airlines": 2}
    with pytest.raises(ProcessLookupError):
        os.kill(api.pid, 0)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly(number: signal.Signals) -> None:
    """SIGTERM and Ctrl-C are the ordinary end: status 0, nothing on standard error, one line on standard output."""
    command = [sys.executable, "-m", "medallion.demo", "--port", "0", "--months", ""]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline()
        server.send_signal(number)
        rest, errors = server.communicate(timeout=30)
    assert url.startswith("http://127.0.0.1:")
    assert (server.returncode, rest, errors) == (0, "", "")


def test_a_taken_port_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """Where another process listens the exit status is 2 and the sentence says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["--port", str(taken.getsockname()[1]), "--months", ""]) == 2
    assert "choose another port" in capsys.readouterr().err


@pytest.mark.slow
def test_an_api_that_cannot_start_is_an_error_not_a_wait() -> None:
    """The owner of a server that dies at once is told so."""
    with pytest.raises(MedallionError, match="did not start"), started("--trouble", "unheard-of"):
        pass


def test_token_comes_from_the_environment_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """--token wins over FLIGHTS_TOKEN; milliseconds and months are read as such."""
    monkeypatch.setenv("FLIGHTS_TOKEN", "from-environment")
    assert options([]).token == "from-environment"
    chosen = options(["--token", "given", "--latency", "25", "--months", "1,2"])
    assert (chosen.token, chosen.latency.total_seconds(), chosen.months) == ("given", 0.025, (1, 2))
