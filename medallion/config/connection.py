"""How stores are reached: addresses, and references to credentials. Where none are given, the machine's own identity counts."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, model_validator

from medallion.config.custom import with_references
from medallion.config.secret import WITHIN, SecretRef
from medallion.config.values import Section


def _endpoint(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query or parts.username:
        raise ValueError(f"must be http://host:port or https://host without a path or credentials, got {url.split('@')[-1]!r}")
    return url.rstrip("/")


Endpoint = Annotated[str, AfterValidator(_endpoint)]
"""Scheme, host and port of a service."""


class S3(Section):
    """Stores that speak S3: roots ``s3://bucket/folder`` and ``s3a://bucket/folder``, for the SDK and for Spark alike."""

    endpoint: Endpoint | None = None
    """Of a store that is not Amazon's: ``http://host:port``. Default: Amazon's, by region."""
    region: str | None = None
    """Default: what the environment says; with an endpoint us-east-1."""
    path_style: bool | None = None
    """Whether the bucket stands in the path instead of the host's name. Default: true with an endpoint."""
    access_key: SecretRef | None = None
    """Reference to the access key. Default: what the environment or the machine's role gives."""
    secret_key: SecretRef | None = None
    """Reference to its secret; required with access_key."""
    session_token: SecretRef | None = None
    """Reference to the token of temporary credentials."""

    @model_validator(mode="after")
    def _whole_credentials(self) -> S3:
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("access_key and secret_key go together")
        if self.session_token is not None and self.access_key is None:
            raise ValueError("session_token needs access_key and secret_key")
        return self

    @property
    def in_path(self) -> bool:
        """Whether the bucket stands in the path."""
        return self.endpoint is not None if self.path_style is None else self.path_style


class Azure(Section):
    """Azure storage: roots ``abfss://container@account.dfs.core.windows.net/folder``, for the SDK and for Spark alike.

    Without credentials the managed identity counts, or what the environment gives.
    """

    endpoint: Endpoint | None = None
    """Of an emulator: ``http://host:port``, with the account in the path. Default: what the root says."""
    account_key: SecretRef | None = None
    """Reference to the account's key."""
    sas_token: SecretRef | None = None
    """Reference to a shared access signature, in place of account_key."""
    tenant_id: str | None = None
    """Of a service principal, with client_id and client_secret."""
    client_id: str | None = None
    """Of a service principal; without client_secret: of the managed identity, where there are several."""
    client_secret: SecretRef | None = None
    """Reference to the secret of the service principal."""

    @model_validator(mode="after")
    def _one_credential(self) -> Azure:
        if sum(given is not None for given in (self.account_key, self.sas_token, self.client_secret)) > 1:
            raise ValueError("give one of account_key, sas_token and client_secret")
        if self.client_secret is not None and (self.tenant_id is None or self.client_id is None):
            raise ValueError("client_secret needs tenant_id and client_id")
        return self


class Databricks(Section):
    """Volumes of Unity Catalog: roots ``/Volumes/catalog/schema/volume/folder``, by the Files API of a workspace.

    Without credentials the notebook or job counts that this runs in, or what the SDK finds in the environment.
    """

    host: Endpoint | None = None
    """The workspace: ``https://host``. Default: what the SDK finds; required with token."""
    token: SecretRef | None = None
    """Reference to a token of it."""
    client_id: str | None = None
    """Of a service principal, with client_secret, in place of token."""
    client_secret: SecretRef | None = None
    """Reference to the secret of the service principal."""

    @model_validator(mode="after")
    def _one_credential(self) -> Databricks:
        if self.token is not None and self.client_secret is not None:
            raise ValueError("give token, or client_id and client_secret, not both")
        if (self.client_id is None) != (self.client_secret is None):
            raise ValueError("client_id and client_secret go together")
        if self.token is not None and self.host is None:
            raise ValueError("token needs the host that it is for")
        return self


class Connection(Section):
    """How stores are reached; one section for each kind of store."""

    s3: S3 = S3()
    """Stores that speak S3."""
    azure: Azure = Azure()
    """Azure storage."""
    databricks: Databricks = Databricks()
    """Volumes of Unity Catalog."""
    plugin: Annotated[dict[str, Any], AfterValidator(with_references), WITHIN] = {}
    """Options of a provider that another package brings; secret references become their values."""
