"""How a request proves who asks: a generator over requests and answers, so that a scheme may ask for a token in between."""

from __future__ import annotations

import base64
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

from medallion.config.auth import ApiKeyAuth, BasicAuth, BearerAuth
from medallion.config.secret import SecretResolver
from medallion.errors import AuthError
from medallion.source.request import Answer, Request

Flow: TypeAlias = Generator[Request | float, Answer, Answer]
"""Yields what is to be sent, is sent what came back, returns the answer that counts. A number that it yields is seconds to wait."""


class Auth(Protocol):
    """Adds credentials to requests, many of which may be under way at once. Values are fetched at the first request, not before.

    A flow that is given up is closed: what it holds, it lets go in a ``finally``.
    """

    @property
    def params(self) -> frozenset[str]:
        """The query parameters that hold credentials."""

    def flow(self, request: Request) -> Flow:
        """What to send so that *request* is answered: it with credentials, and what has to be asked before."""


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
            return with_header(request, "Authorization", f"Bearer {value}")
        if isinstance(config, BasicAuth):
            pair = base64.b64encode(f"{config.username}:{value}".encode()).decode()
            return with_header(request, "Authorization", f"Basic {pair}")
        if config.location == "header":
            return with_header(request, config.name, value)
        params = (*((name, old) for name, old in request.params if name != config.name), (config.name, value))
        return replace(request, params=params, hidden=request.hidden | self.params)


def with_header(request: Request, name: str, value: str) -> Request:
    """*request* with this header in place of any of its name."""
    kept = tuple((key, old) for key, old in request.headers if key.lower() != name.lower())
    return replace(request, headers=(*kept, (name, value)))
