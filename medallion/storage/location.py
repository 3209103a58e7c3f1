"""A place on a store: the one form of all the spellings of a path or URI."""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote, unquote, urlsplit

from medallion.errors import StorageError

VOLUMES = "/Volumes/"
"""Paths that begin so lie in a volume of Unity Catalog, and have the scheme ``dbfs``, written or not."""

SPELLINGS: Mapping[str, str] = MappingProxyType({"s3": "s3a", "s3n": "s3a"})
"""Schemes that mean the same as another one, which is the one that Spark reads."""


@dataclass(frozen=True, kw_only=True)
class Location:
    """Scheme, authority and absolute POSIX path; ``file`` for paths without a scheme, unless they begin with :data:`VOLUMES`; ``s3a`` for
    all stores that speak S3.
    """

    scheme: str
    authority: str
    path: str

    @classmethod
    def parse(cls, text: str, *, relative_to: Path | None = None) -> Location:
        """The location that *text* means: a path (relative ones below *relative_to*, default the working directory) or a URI.

        Raises StorageError for ``file://name/…``, which means a host called *name* and is written where a folder is meant.
        """
        if re.match(r"^[A-Za-z][A-Za-z0-9+.-]+:", text):
            parts = urlsplit(text)
            scheme = parts.scheme.lower()
            if scheme != "file":
                return cls(
                    scheme=SPELLINGS.get(scheme, scheme), authority=parts.netloc, path=posixpath.normpath(unquote(parts.path) or "/")
                )
            if parts.netloc not in ("", "localhost"):
                raise StorageError(f"{text} names a host, {parts.netloc!r}; write a plain path, or file:/// and an absolute one")
            text = unquote(parts.path)
        elif posixpath.normpath(text).startswith(VOLUMES) and sys.platform != "darwin":  # where it holds the disks
            return cls(scheme="dbfs", authority="", path=posixpath.normpath(text))
        path = Path(text).expanduser()
        return cls(scheme="file", authority="", path=((relative_to or Path.cwd()) / path).resolve().as_posix())

    def child(self, relative: str) -> Location:
        """The place at *relative* below this one."""
        return Location(scheme=self.scheme, authority=self.authority, path=posixpath.join(self.path, relative))

    @property
    def uri(self) -> str:
        """The spelling that Spark and Hadoop take; ``file`` locations and volumes keep their plain path."""
        plain = self.scheme == "file" or (self.scheme == "dbfs" and self.path.startswith(VOLUMES))
        return self.path if plain else f"{self.scheme}://{self.authority}{quote(self.path, safe='/=._-')}"

    def __str__(self) -> str:
        return self.uri
