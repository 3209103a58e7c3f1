"""Spark on Azure storage: the jar of Hadoop's abfs, and its settings from a connection."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from medallion.config.connection import Azure
from medallion.jars import Needs, release
from medallion.storage.location import Location
from medallion.storage.provider import Access

_OAUTH = "org.apache.hadoop.fs.azurebfs.oauth2"


def needs(root: Location, access: Access) -> Needs:
    """What Spark needs to read and write the account of *root*. Raises SecretError."""
    settings, host = access.connection.azure, root.authority.rpartition("@")[2]
    conf = {**_credentials(settings, host, access), **_emulated(settings)}
    return Needs(
        packages=(f"org.apache.hadoop:hadoop-azure:{release().hadoop}",),
        excluded=("org.slf4j:*", "commons-logging:*", "commons-codec:*", "org.apache.httpcomponents:*"),
        conf={f"spark.hadoop.fs.azure.{name}": value for name, value in conf.items()},
    )


def _credentials(settings: Azure, host: str, access: Access) -> Mapping[str, str]:
    """A key, a signature, a service principal, or the machine's identity, for one account."""
    if settings.account_key is not None:
        key = access.resolver.resolve(settings.account_key)
        return {
            f"account.auth.type.{host}": "SharedKey",
            f"account.key.{host}": key,
            f"account.key.{host.replace('.dfs.', '.blob.', 1)}": key,
        }
    if settings.sas_token is not None:
        return {
            f"account.auth.type.{host}": "SAS",
            f"sas.fixed.token.{host}": access.resolver.resolve(settings.sas_token).removeprefix("?"),
        }
    if settings.client_secret is not None:
        kind = {
            "oauth.provider.type": f"{_OAUTH}.ClientCredsTokenProvider",
            "oauth2.client.endpoint": f"https://login.microsoftonline.com/{settings.tenant_id}/oauth2/token",
            "oauth2.client.id": f"{settings.client_id}",
            "oauth2.client.secret": access.resolver.resolve(settings.client_secret),
        }
    else:
        kind = {"oauth.provider.type": f"{_OAUTH}.MsiTokenProvider"}
        kind |= {} if settings.client_id is None else {"oauth2.client.id": settings.client_id}
        kind |= {} if settings.tenant_id is None else {"oauth2.msi.tenant": settings.tenant_id}
    return {f"account.auth.type.{host}": "OAuth", **{f"account.{name}.{host}": value for name, value in kind.items()}}


def _emulated(settings: Azure) -> Mapping[str, str]:
    """How an emulator is reached: it has the account in the path, no hierarchy, and only the older half of the service."""
    if settings.endpoint is None:
        return {}
    address = urlsplit(settings.endpoint)
    return {
        "abfs.endpoint": address.netloc,
        "always.use.https": str(address.scheme == "https").lower(),
        "account.hns.enabled": "false",
        "fns.account.service.type": "BLOB",
        "ingress.service.type": "BLOB",
        "networking.library": "JDK_HTTP_URL_CONNECTION",
    }
