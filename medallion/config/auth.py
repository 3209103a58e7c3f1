"""How requests carry credentials; secrets are references."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from medallion.config.secret import SecretRef
from medallion.config.values import Section


class NoAuth(Section):
    """Requests carry no credentials."""

    type: Literal["none"] = "none"


class BearerAuth(Section):
    """``Authorization: Bearer …``."""

    type: Literal["bearer"]
    token: SecretRef
    """Reference to the token."""


class BasicAuth(Section):
    """``Authorization: Basic …``."""

    type: Literal["basic"]
    username: str
    """Stands in the file; it is no secret."""
    password: SecretRef
    """Reference to the password."""


class ApiKeyAuth(Section):
    """A key in a header or a query parameter."""

    type: Literal["api_key"]
    name: str
    """Of the header or the query parameter."""
    value: SecretRef
    """Reference to the key."""
    location: Annotated[Literal["header", "query"], Field(alias="in")] = "header"
    """Where the key stands."""


class OtherAuth(Section):
    """Known by name; this version refuses it."""

    type: Literal["oauth2_client_credentials", "oauth2_refresh_token", "custom"]
    model_config = {"extra": "allow"}


Auth = Annotated[NoAuth | BearerAuth | BasicAuth | ApiKeyAuth | OtherAuth, Field(discriminator="type")]
