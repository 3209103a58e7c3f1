"""Which provider serves which place: some are built in, others are found as entry points ``medallion.storage``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType

from medallion.clock import Clock
from medallion.config.platform import STORAGE_GROUP
from medallion.errors import StorageError, UnknownSchemeError
from medallion.events import Listener, nobody
from medallion.policy.retry import RetryPolicy
from medallion.storage import abfs, s3a
from medallion.storage.azure import PUT_IF_ABSENT as AZURE_PUT_IF_ABSENT
from medallion.storage.azure import SCHEMES as AZURE_SCHEMES
from medallion.storage.azure import AzureFileSystem
from medallion.storage.hadoop import PUT_IF_ABSENT as HADOOP_PUT_IF_ABSENT
from medallion.storage.hadoop import HadoopFileSystem
from medallion.storage.local import LocalFileSystem
from medallion.storage.location import Location
from medallion.storage.proven import ProvenFileSystem
from medallion.storage.provider import ANY_SCHEME, Access, Provider
from medallion.storage.resilient import ResilientFileSystem
from medallion.storage.s3 import PUT_IF_ABSENT as S3_PUT_IF_ABSENT
from medallion.storage.s3 import SCHEMES as S3_SCHEMES
from medallion.storage.s3 import S3FileSystem
from medallion.storage.volumes import PUT_IF_ABSENT as VOLUMES_PUT_IF_ABSENT
from medallion.storage.volumes import SCHEMES as VOLUMES_SCHEMES
from medallion.storage.volumes import VolumesFileSystem

BUILT_IN: Mapping[str, Provider] = MappingProxyType(
    {
        "azure": Provider(
            name="azure", schemes=AZURE_SCHEMES, open=AzureFileSystem.opened, put_if_absent=AZURE_PUT_IF_ABSENT, needs=abfs.needs
        ),
        "hadoop": Provider(
            name="hadoop",
            schemes=("hdfs", ANY_SCHEME),
            open=lambda location, _access: HadoopFileSystem.of_session(location),
            put_if_absent=HADOOP_PUT_IF_ABSENT,
            needs=lambda location, access: _of_scheme(location).needs(location, access),
            checkpoints=lambda location: _of_scheme(location).checkpoints(location),
            needs_jvm=True,
        ),
        "local": Provider(
            name="local",
            schemes=("file",),
            open=lambda location, _access: LocalFileSystem(location),
            put_if_absent="a temporary name and a hard link, of which a file system makes one only",
        ),
        "s3": Provider(
            name="s3",
            schemes=S3_SCHEMES,
            open=S3FileSystem.opened,
            put_if_absent=S3_PUT_IF_ABSENT,
            needs=s3a.needs,
            checkpoints=lambda _location: s3a.CHECKPOINTS,
        ),
        "volumes": Provider(name="volumes", schemes=VOLUMES_SCHEMES, open=VolumesFileSystem.opened, put_if_absent=VOLUMES_PUT_IF_ABSENT),
    }
)


def providers() -> Mapping[str, Provider]:
    """Every provider that is installed, by name; a read-only view. Plugins are loaded by this call, not by an import.

    Raises StorageError for a plugin that cannot be loaded, or that takes a name which is taken.
    """
    found = dict(BUILT_IN)
    for point in _plugins():
        if point.name in found:
            raise StorageError(f"two storage providers are called {point.name!r}; uninstall one of them ({point.value} is one)")
        found[point.name] = _loaded(point)
    return MappingProxyType(found)


def provider_for(location: Location, backend: str = "auto") -> Provider:
    """The provider called *backend*, or with ``auto`` the one that serves the location's scheme by itself.

    Raises UnknownSchemeError where there is none. Plugins are loaded only if no built-in provider will do.
    """
    if backend == "auto":
        return _by_scheme(location)
    provider = BUILT_IN.get(backend) or next((_loaded(point) for point in _plugins() if point.name == backend), None)
    if provider is None:
        known = ", ".join(sorted({*BUILT_IN, *(point.name for point in _plugins())}))
        raise UnknownSchemeError(f"there is no storage provider {backend!r}; there are: {known}")
    if not provider.serves(location.scheme):
        raise UnknownSchemeError(f"the storage provider {backend!r} does not serve {location}; it serves: {', '.join(provider.schemes)}")
    return provider


def open_filesystem(
    root: str,
    *,
    backend: str = "auto",
    access: Access | None = None,
    retry: RetryPolicy | None = None,
    clock: Clock,
    relative_to: Path | None = None,
    listener: Listener = nobody,
) -> ProvenFileSystem:
    """The files below *root*, a path or URI, with retries and a breaker around every call; nothing is read or written yet.

    The first file that is created only if absent waits for a race on this root, unless there was one.
    """
    location = Location.parse(root, relative_to=relative_to)
    provider = provider_for(location, backend)
    inner = provider.open(location, access or Access())
    patient = ResilientFileSystem(inner, name=provider.name, retry=retry or RetryPolicy(), clock=clock, listener=listener)
    return ProvenFileSystem(patient, name=provider.name, clock=clock)


def _of_scheme(location: Location) -> Provider:
    """The provider that is there for the scheme of *location*, which Spark reads in one way whoever else opens it; else one of no needs."""
    found = next((one for one in BUILT_IN.values() if location.scheme in one.schemes and ANY_SCHEME not in one.schemes), None)
    return found or BUILT_IN["local"]


def _by_scheme(location: Location) -> Provider:
    for provider in BUILT_IN.values():
        if location.scheme in provider.schemes:
            return provider
    everyone = providers()
    serving = [provider for provider in everyone.values() if location.scheme in provider.schemes]
    if len(serving) == 1:
        return serving[0]
    if serving:
        names = ", ".join(provider.name for provider in serving)
        raise UnknownSchemeError(f"several storage providers serve {location}: {names}; choose one with storage_backend")
    known = ", ".join(sorted({scheme for provider in everyone.values() for scheme in provider.schemes} - {ANY_SCHEME}))
    raise UnknownSchemeError(
        f"{location}: no storage provider serves the scheme {location.scheme!r}; known schemes: {known}; "
        f"a package with an entry point in the group {STORAGE_GROUP} can add one"
    )


def _plugins() -> Iterator[EntryPoint]:
    yield from entry_points(group=STORAGE_GROUP)


def _loaded(point: EntryPoint) -> Provider:
    try:
        provider = point.load()
    except (ImportError, AttributeError) as error:
        raise StorageError(f"the storage provider {point.name!r} ({point.value}) cannot be loaded: {error}") from error
    if not isinstance(provider, Provider):
        raise StorageError(f"the storage provider {point.name!r} ({point.value}) is no medallion.storage.provider.Provider")
    return provider
