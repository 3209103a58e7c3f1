"""A process that dies at a failpoint, as far as one can in a test that goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import pytest


class CrashError(Exception):
    """What ends the work at a failpoint."""


@contextmanager
def dying(monkeypatch: pytest.MonkeyPatch, point: str | None, *modules: ModuleType) -> Iterator[None]:
    """What is done inside dies at the failpoint *point*, if one of *modules* passes it."""

    def dies(name: str) -> None:
        if name == point:
            raise CrashError("Crash")

    with monkeypatch.context() as patched:
        for module in modules:
            patched.setattr(module, "failpoint", dies)
        yield


@contextmanager
def crash(monkeypatch: pytest.MonkeyPatch, point: str, *modules: ModuleType) -> Iterator[None]:
    """What is done inside dies at the failpoint *point*, which one of *modules* passes."""
    with dying(monkeypatch, point, *modules), pytest.raises(Exception, match="Crash"):
        yield
