"""The roots of a platform, each opened by the provider that the configuration means for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from medallion.clock import Clock
from medallion.config.platform import Platform
from medallion.config.secret import SecretResolver
from medallion.events import Listener, nobody
from medallion.jars import Needs
from medallion.policy.retry import RetryPolicy
from medallion.storage.location import Location
from medallion.storage.proven import ProvenFileSystem
from medallion.storage.provider import Access, Provider
from medallion.storage.registry import open_filesystem, provider_for


def provider_of(platform: Platform, root: str) -> Provider:
    """The provider that opens *root*: the configured one where it serves the scheme, else the one that does by itself.

    Bronze is what the setting is about, so there it must serve. Raises UnknownSchemeError.
    """
    location, backend = Location.parse(root), platform.bronze.storage_backend
    if (
        backend != "auto"
        and root != platform.bronze.root
        and not provider_for(Location.parse(platform.bronze.root), backend).serves(location.scheme)
    ):
        backend = "auto"
    return provider_for(location, backend)


def spark_needs(platform: Platform, resolver: SecretResolver, more: Sequence[str] = ()) -> Needs:
    """What Spark needs to read and write every root of *platform*, and *more* places. Raises SecretError, UnknownSchemeError."""
    access = Access(connection=platform.connection, resolver=resolver)
    silver, state = platform.silver, platform.state.root
    found = Needs()
    for root in dict.fromkeys(one for one in (platform.bronze.root, silver.root, silver.exports.root, state, *more) if one is not None):
        location, provider = Location.parse(root), provider_of(platform, root)
        found |= provider.needs(location, access)
        if root == state:
            found |= Needs(conf=provider.checkpoints(location))
    return found


@dataclass(frozen=True, kw_only=True)
class Roots:
    """Opens the roots of *platform*."""

    platform: Platform
    resolver: SecretResolver
    clock: Clock
    listener: Listener = nobody
    retry: RetryPolicy | None = None

    def open(self, root: str) -> ProvenFileSystem:
        """The files below *root*, with retries around every call; nothing is read or written yet."""
        return open_filesystem(
            root,
            backend=provider_of(self.platform, root).name,
            access=Access(connection=self.platform.connection, resolver=self.resolver),
            retry=self.retry,
            clock=self.clock,
            listener=self.listener,
        )
