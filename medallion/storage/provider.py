"""A kind of storage as a frozen value: which places it serves, how it opens them, and what Spark needs to read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from medallion.config.connection import Connection
from medallion.config.secret import PREFIX, SecretResolver, Secrets
from medallion.jars import NOTHING, Needs
from medallion.storage.filesystem import FileSystem
from medallion.storage.location import Location

ANY_SCHEME = "*"


@dataclass(frozen=True, kw_only=True)
class Access:
    """What a provider may know beside a location: how stores are reached, and what the references in there stand for."""

    connection: Connection = field(default_factory=Connection)
    resolver: SecretResolver = field(default_factory=lambda: Secrets(environ={}))

    def secret(self, reference: str | None) -> str | None:
        """What a reference stands for; None for none. Raises SecretError."""
        return None if reference is None else self.resolver.resolve(reference)

    @property
    def options(self) -> dict[str, Any]:
        """``platform.connection.plugin``, with values in place of secret references. Raises SecretError."""
        return {key: self._settled(value) for key, value in self.connection.plugin.items()}

    def _settled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._settled(child) for key, child in value.items()}
        if isinstance(value, list):
            return [self._settled(child) for child in value]
        return self.resolver.resolve(value) if isinstance(value, str) and value.startswith(PREFIX) else value


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One kind of storage. A plugin offers one under the entry point group ``medallion.storage``, by its name."""

    name: str
    schemes: tuple[str, ...]
    """Of the locations it serves; ``*`` for every one, if it is asked for by name."""
    open: Callable[[Location, Access], FileSystem]
    """Opens a root, asking nobody. It may be missing still: the first write creates it."""
    put_if_absent: str
    """How two writers are kept from creating the same file, as a sentence for ``doctor`` and the documentation."""
    needs: Callable[[Location, Access], Needs] = lambda _location, _access: Needs()
    """What Spark needs to read and write a root of this storage: jars, settings, credentials. Raises SecretError."""
    checkpoints: Callable[[Location], Mapping[str, str]] = lambda _location: NOTHING
    """Spark settings beside those, for a root with checkpoints."""
    needs_jvm: bool = False
    """Whether the driver needs a classic Spark session to open it."""

    def serves(self, scheme: str) -> bool:
        """Whether a location of this scheme can be opened."""
        return ANY_SCHEME in self.schemes or scheme in self.schemes
