"""Secrets stand in a configuration only as references; their values are fetched at first use and masked everywhere."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Protocol

from pydantic import AfterValidator, WithJsonSchema

from medallion.errors import Problem, SecretError

PATTERN = r"^secret:(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|databricks:[^/]+/.+)$"
PREFIX = "secret:"
MASK = "***"
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")


def check_reference(value: str) -> str:
    """*value* if it is spelled as a reference; ValueError otherwise."""
    if not re.fullmatch(PATTERN, value):
        raise ValueError(
            "must be a reference: secret:env:NAME, secret:file:PATH or secret:databricks:scope/key; a secret never stands in a file"
        )
    return value


REFERENCE = AfterValidator(check_reference)
WITHIN = "secret references may stand anywhere within"
"""Marks a field whose texts are references where they begin with ``secret:``."""
SecretRef = Annotated[str, REFERENCE, WithJsonSchema({"type": "string", "pattern": PATTERN})]


class SecretResolver(Protocol):
    """Knows what a reference stands for."""

    def resolve(self, ref: str) -> str:
        """The value of a reference, as it is now; SecretError, naming the reference, where there is none."""

    def conceal(self, value: str) -> None:
        """*value* is a secret from now on, although no reference stands for it: a token that was given at run time."""


class Secrets:
    """Fetches secrets when they are asked for, and takes every value that it ever gave out of any text. Safe to share between threads.

    *databricks* is called with scope and key, as ``dbutils.secrets.get`` is.
    """

    def __init__(self, *, environ: Mapping[str, str], databricks: Callable[[str, str], str] | None = None) -> None:
        self._environ = environ
        self._databricks = databricks
        self._values: set[str] = set()
        self._patterns: tuple[re.Pattern[str], re.Pattern[str] | None] | None = None
        self._lock = threading.Lock()

    def resolve(self, ref: str) -> str:
        """The value of *ref*; SecretError, naming the reference, where there is none.

        It is fetched anew each time, since a secret may be rotated during a run: callers keep what they got until it is refused.
        """
        value = self._fetch(ref)
        if not value.strip():
            raise _error(ref, "is empty")
        self.conceal(value)
        return value

    def conceal(self, value: str) -> None:
        """*value* is masked from now on, as if it had been fetched; a blank one is nothing to hide."""
        with self._lock:
            if value.strip() and value not in self._values:
                self._values |= {value, value.strip()}
                self._patterns = _spelled(self._values), _encoded(self._values)

    def mask(self, text: str) -> str:
        """*text* with every fetched value as ``***``, however it is spelled: plain, URL-quoted, in JSON, in base64."""
        patterns = self._patterns
        if patterns is None:
            return text
        spelled, encoded = patterns
        masked = spelled.sub(MASK, text)
        return masked if encoded is None else _without(masked, encoded)

    def _fetch(self, ref: str) -> str:
        if not re.fullmatch(PATTERN, ref):
            raise _error("a secret", "must be a reference: secret:env:NAME, secret:file:PATH or secret:databricks:scope/key")
        _, store, name = ref.split(":", 2)
        if store == "env":
            if name not in self._environ:
                raise _error(ref, f"the environment variable {name} is not set")
            return self._environ[name]
        if store == "file":
            try:
                return Path(name).expanduser().read_text(encoding="utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise _error(ref, "the file is not UTF-8 text") from error
            except OSError as error:
                raise _error(ref, f"the file cannot be read ({error.strerror})") from error
        if self._databricks is None:
            raise _error(ref, "needs dbutils, which is there only on Databricks; elsewhere use secret:env: or secret:file:")
        scope, key = name.split("/", 1)
        try:
            return self._databricks(scope, key)
        except Exception as error:
            raise _error(ref, f"Databricks does not give it ({type(error).__name__})") from error


class Unread:
    """A SecretResolver that looks at no secret: what is asked for does not depend on them, and whoever asks may have none."""

    def resolve(self, ref: str) -> str:
        """The reference itself."""
        return ref

    def conceal(self, value: str) -> None:
        """Nothing was resolved, so nothing is hidden."""


def _error(ref: str, why: str) -> SecretError:
    return SecretError([Problem(path="", message=f"{ref}: {why}")])


def _spelled(values: Iterable[str]) -> re.Pattern[str]:
    """A pattern for every plain, URL-quoted or escaped spelling of every value, longest first."""
    forms = set()
    for value in values:
        forms |= {"".join(map(_character, value)), re.escape(json.dumps(value)[1:-1]), re.escape(repr(value)[1:-1])}
    return re.compile("|".join(sorted(forms, key=len, reverse=True)))


def _character(one: str) -> str:
    """A pattern for one character, as it is or as a URL has it; libraries differ in what they quote."""
    quoted = "".join(f"%(?i:{byte:02x})" for byte in one.encode())
    return f"(?:{quoted}|{re.escape(one)}{'|[+]' if one == ' ' else ''})"


def _encoded(values: Iterable[str]) -> re.Pattern[str] | None:
    """A pattern for what stands in base64 of any text that holds a value, as ``user:password`` does: three alignments, two alphabets.

    The characters at both ends depend on what is around the value too and are left out; None where every value is too short.
    """
    cores = set()
    for value in values:
        raw = value.encode()
        for shift in range(3):
            whole = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
            core = whole[(0, 2, 3)[shift] : len(whole) - (1 if (shift + len(raw)) % 3 else 0)]
            if len(core) >= 6:
                cores |= {core, core.replace("+", "-").replace("/", "_")}
    return re.compile("|".join(re.escape(core) for core in sorted(cores, key=len, reverse=True))) if cores else None


def _without(text: str, encoded: re.Pattern[str]) -> str:
    """*text* without the base64 words that *encoded* finds a part of."""
    kept, end = [], 0
    for found in encoded.finditer(text):
        if found.start() < end:
            continue
        first, last = found.span()
        while first > end and text[first - 1] in _BASE64:
            first -= 1
        while last < len(text) and (text[last] in _BASE64 or text[last] == "="):
            last += 1
        kept += [text[end:first], MASK]
        end = last
    return "".join([*kept, text[end:]])
