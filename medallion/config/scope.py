"""Whether all storage of a pipeline is on-premises: declared so, and nothing that can be seen says otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from medallion.config.node import Path
from medallion.config.platform import Platform

PUBLIC = (
    "aliyuncs.com",
    "amazonaws.com",
    "amazonaws.com.cn",
    "appdomain.cloud",
    "backblazeb2.com",
    "core.chinacloudapi.cn",
    "core.usgovcloudapi.net",
    "core.windows.net",
    "digitaloceanspaces.com",
    "fabric.microsoft.com",
    "googleapis.com",
    "linodeobjects.com",
    "myqcloud.com",
    "oraclecloud.com",
    "r2.cloudflarestorage.com",
    "scw.cloud",
    "vultrobjects.com",
    "wasabisys.com",
)
"""Ends of the names of hosts that are public clouds' for certain. That a host is not among them proves nothing."""

_S3, _AZURE = ("s3", "s3a", "s3n"), ("abfs", "abfss", "wasb", "wasbs")
_CLOUDS: Mapping[str, str] = {
    "gs": "Google's cloud",
    "oss": "Alibaba's cloud",
    "obs": "Huawei's cloud",
    "cosn": "Tencent's cloud",
    "dbfs": "a Databricks workspace",
}
_VOLUMES = "/Volumes/"


def beyond_premises(platform: Platform, *, declared: bool) -> Iterator[tuple[Path, str]]:
    """What keeps the storage of *platform* from counting as on-premises, with its path; nothing where it does.

    *declared* is whether ``storage_metadata.boundary`` was written down. Its default is no declaration.
    """
    metadata = platform.storage_metadata
    if not declared:
        yield ("storage_metadata", "boundary"), "is not declared; write boundary: onprem where all of the storage is in your own house"
        return
    if metadata.boundary != "onprem":
        yield ("storage_metadata", "boundary"), f"is {metadata.boundary}"
        return
    if metadata.cloud_provider is not None:
        yield ("storage_metadata", "cloud_provider"), f"is {metadata.cloud_provider}, which contradicts boundary: onprem"
    for path, root in _roots(platform):
        where = _cloud_of(root, platform)
        if where is not None:
            yield path, f"is in {where}, which contradicts boundary: onprem"


def _roots(platform: Platform) -> Iterator[tuple[Path, str]]:
    yield ("bronze", "root"), platform.bronze.root
    yield ("state", "root"), platform.state.root
    if platform.silver.root is not None:
        yield ("silver", "root"), platform.silver.root
    if platform.silver.exports.root is not None:
        yield ("silver", "exports", "root"), platform.silver.exports.root


def _cloud_of(root: str, platform: Platform) -> str | None:
    """The cloud that *root* is in, None for none that can be seen."""
    parts = urlsplit(root)
    scheme = "dbfs" if root.startswith(_VOLUMES) else parts.scheme.lower()
    if scheme in _CLOUDS:
        return _CLOUDS[scheme]
    if scheme in _S3:
        endpoint = platform.connection.s3.endpoint
        return "Amazon's cloud (platform.connection.s3.endpoint names no other store)" if endpoint is None else _public(endpoint)
    if scheme in _AZURE:
        endpoint = platform.connection.azure.endpoint
        return _public(endpoint or f"https://{parts.netloc.rpartition('@')[2]}")
    return None


def _public(url: str) -> str | None:
    host = (urlsplit(url).hostname or "").rstrip(".").lower()
    return f"a public cloud ({host})" if any(host == end or host.endswith(f".{end}") for end in PUBLIC) else None
