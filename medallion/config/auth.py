"""How requests carry credentials; secrets are references."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from medallion.config.custom import class_name, with_references
from medallion.config.secret import PREFIX, WITHIN, SecretRef, check_reference
from medallion.config.values import Duration, Section, parse_duration

AUTH_GROUP = "medallion.auth"
"""The entry points that offer classes for ``type: custom``."""


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


def _token_url(url: str) -> str:
    if not url.startswith(("https://", "http://")) or "@" in url or "#" in url:
        raise ValueError("must be an http or https URL without user name and fragment")
    return url


def _client_id(text: str) -> str:
    return check_reference(text) if text.startswith(PREFIX) else text


class OAuth2(Section):
    """A bearer token that a token server gives for a while."""

    token_url: Annotated[str, AfterValidator(_token_url)]
    """Where tokens are asked for, by POST."""
    client_id: Annotated[str, AfterValidator(_client_id), WITHIN]
    """Text, or a secret reference."""
    client_secret: SecretRef
    """Reference to the client's secret."""
    client_auth: Literal["header", "body"] = "header"
    """Where client_id and client_secret stand in the token request: Authorization Basic, or the form."""
    scopes: tuple[str, ...] = ()
    """What the token is to allow."""
    token_params: Annotated[dict[str, str], AfterValidator(with_references), WITHIN] = {}
    """More parameters of the token request, such as audience; secret references become their values."""
    refresh_before: Duration = parse_duration("60s")
    """A new token is asked for this long before the old one expires; at most half its life."""


class OAuth2ClientCredentials(OAuth2):
    """A token for the client itself (RFC 6749, 4.4)."""

    type: Literal["oauth2_client_credentials"]


class OAuth2RefreshToken(OAuth2):
    """A token for a person who has agreed once (RFC 6749, 6); each use may bring a new refresh token."""

    type: Literal["oauth2_refresh_token"]
    refresh_token: SecretRef
    """Reference to the first refresh token; a new one here counts more than what the store holds."""
    token_store: Annotated[str, Field(min_length=1)]
    """A writable file for the refresh tokens that follow; a relative path is below the working directory."""


class CustomAuth(Section):
    """A class of your own."""

    type: Literal["custom"]
    class_: Annotated[str, Field(alias="class"), AfterValidator(class_name(AUTH_GROUP))]
    """Name of an entry point in the group medallion.auth; or module:Class, which run.allow_classes has to name too."""
    options: Annotated[dict[str, Any], AfterValidator(with_references), WITHIN] = {}
    """What it is made with, checked by its Options; secret references become their values."""


Auth = Annotated[
    NoAuth | BearerAuth | BasicAuth | ApiKeyAuth | OAuth2ClientCredentials | OAuth2RefreshToken | CustomAuth, Field(discriminator="type")
]
