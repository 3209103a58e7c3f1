"""Where rotated refresh tokens are kept: one small file for its owner only, replaced whole, used by one process at a time."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from medallion.errors import AuthError


class TokenStore:
    """The newest refresh token that followed from a first one. Every failure of the file is an AuthError that names it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def lock(self) -> int | None:
        """A lock over all processes of this machine, to be given to :meth:`unlock`; None while another one has it."""
        with self._told():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(self._path.with_name(f"{self._path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                return None
            return lock

    def unlock(self, lock: int) -> None:
        """Ends what :meth:`lock` began."""
        os.close(lock)

    def read(self, first: str) -> str:
        """The token that followed from *first*, or *first* itself where none did; the caller holds the lock."""
        with self._told():
            try:
                kept = json.loads(self._path.read_bytes())
            except FileNotFoundError:
                return first
            except ValueError as error:
                raise AuthError(f"the token store {self._path} is not readable as one; delete it and authorise anew") from error
            if not isinstance(kept, dict) or not isinstance(kept.get("refresh_token"), str):
                raise AuthError(f"the token store {self._path} is not readable as one; delete it and authorise anew")
            return str(kept["refresh_token"]) if kept.get("first_sha256") == _digest(first) else first

    def write(self, first: str, token: str) -> None:
        """Keeps *token*, which followed from *first*: whole or not at all, readable by the owner only; the caller holds the lock."""
        content = json.dumps({"format": 1, "first_sha256": _digest(first), "refresh_token": token}).encode()
        temporary = self._path.with_name(f"{self._path.name}.{os.getpid()}.tmp")
        with self._told():
            with suppress(FileNotFoundError):
                temporary.unlink()
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise AuthError(
                f"the token store {self._path} cannot be used ({error.strerror}); set auth.token_store to a file that can be written"
            ) from error


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
