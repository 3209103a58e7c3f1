"""How a request proves who asks: a generator over requests and answers, so that a scheme may ask for a token in between."""

from __future__ import annotations

import base64
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

from medallion.config.auth import ApiKeyAuth, BasicAuth, BearerAuth, NoAuth, OtherAuth
from medallion.config.auth import Auth as AuthConfig
from medallion.config.secret import SecretResolver
from medallion.errors import AuthError, NotYetError, Problem
from medallion.source.request import Answer, Request

Flow: TypeAlias = Generator[Request, Answer, Answer]
"""Yields what is to be sent, is sent what came back, returns the answer that counts."""


class Auth(Protocol):
    """Adds credentials to requests. Values are fetched at the first request, not before."""

    @property
    def params(self) -> frozenset[str]:
        """The query parameters that hold credentials."""

    def flow(self, request: Request) -> Flow:
        """The requests to send so that *request* is answered."""


@dataclass(frozen=True)
class Anonymous:
    """Requests go as they are."""

    params: frozenset[str] = frozenset()

    def flow(self, request: Request) -> Flow:
        return (yield request)


class Static:
    """A credential that is the same in every request. On 401 its secret is read once more: it may have been rotated."""

    def __init__(self, config: BearerAuth | BasicAuth | ApiKeyAuth, resolver: SecretResolver) -> None:
        self._config = config
        self._resolver = resolver
        self._value: str | None = None
        self.params = frozenset({config.name}) if isinstance(config, ApiKeyAuth) and config.location == "query" else frozenset[str]()

    def flow(self, request: Request) -> Flow:
        value = self._value
        if value is None:
            value = self._value = self._read()
        answer = yield self._signed(request, value)
        if answer.status == 401:
            fresh = self._read()
            if fresh != value:
                self._value = fresh
                answer = yield self._signed(request, fresh)
        return answer

    def _read(self) -> str:
        config = self._config
        ref = config.token if isinstance(config, BearerAuth) else config.password if isinstance(config, BasicAuth) else config.value
        value = self._resolver.resolve(ref).strip("\r\n")
        if not value.isprintable():
            raise AuthError(f"the value of {ref} has characters that cannot stand in a request; write it again without them")
        return value

    def _signed(self, request: Request, value: str) -> Request:
        config = self._config
        if isinstance(config, BearerAuth):
            return _with_header(request, "Authorization", f"Bearer {value}")
        if isinstance(config, BasicAuth):
            pair = base64.b64encode(f"{config.username}:{value}".encode()).decode()
            return _with_header(request, "Authorization", f"Basic {pair}")
        if config.location == "header":
            return _with_header(request, config.name, value)
        params = (*((name, old) for name, old in request.params if name != config.name), (config.name, value))
        return replace(request, params=params, hidden=request.hidden | self.params)


def authorise(config: AuthConfig, resolver: SecretResolver) -> Auth:
    """The way to authorise that *config* says; raises NotYetError for one that this version does not build."""
    if isinstance(config, NoAuth):
        return Anonymous()
    if isinstance(config, OtherAuth):
        raise NotYetError([Problem(path="api.auth.type", message=f"{config.type} is not built yet; use bearer, basic or api_key")])
    return Static(config, resolver)


def _with_header(request: Request, name: str, value: str) -> Request:
    kept = tuple((key, old) for key, old in request.headers if key.lower() != name.lower())
    return replace(request, headers=(*kept, (name, value)))
