"""Bearer tokens that a token server gives for a while: asked for once for all requests, again before they expire and on 401."""

from __future__ import annotations

import base64
import json
import math
import threading
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote_plus, urlencode

from medallion.clock import Clock
from medallion.config.auth import OAuth2, OAuth2RefreshToken
from medallion.config.secret import PREFIX, SecretResolver
from medallion.errors import AuthError, SourceUnavailable, ThrottledError
from medallion.policy.retry import parse_retry_after
from medallion.source.auth import Flow, with_header
from medallion.source.request import Answer, Request
from medallion.source.tokenstore import TokenStore

LOOK_AGAIN = 0.05
"""Seconds between two looks at whether the token that another request asks for is there."""
_SHOWN = 160


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token and until when, in monotonic seconds, it is used."""

    value: str
    until: float

    def __repr__(self) -> str:
        return f"<Token until {self.until}>"


Asking: TypeAlias = Generator[Request | float, Answer, Token]


class OAuth:
    """Requests carry the token of a token server.

    One request asks for a token, those beside it wait for it. A token server that refuses is asked no second time.
    """

    params = frozenset[str]()

    def __init__(self, config: OAuth2, resolver: SecretResolver, clock: Clock) -> None:
        self._config = config
        self._resolver = resolver
        self._clock = clock
        self._token: Token | None = None
        self._refusal: AuthError | None = None
        self._asking = threading.Lock()
        self._store = TokenStore(Path(config.token_store).expanduser()) if isinstance(config, OAuth2RefreshToken) else None

    def flow(self, request: Request) -> Flow:
        """See Auth. On 401 the request is sent once more, with another token. Raises AuthError where there is none to be had."""
        token = yield from self._usable(None)
        answer = yield _signed(request, token)
        if answer.status == 401:
            token = yield from self._usable(token)
            answer = yield _signed(request, token)
        return answer

    def _usable(self, refused: Token | None) -> Asking:
        while (token := self._held(refused)) is None:
            if self._asking.acquire(blocking=False):
                try:
                    if self._held(refused) is None:
                        self._token = yield from self._asked()
                except AuthError as error:
                    self._refusal = error
                    raise
                finally:
                    self._asking.release()
            else:
                yield LOOK_AGAIN
        return token

    def _held(self, refused: Token | None) -> Token | None:
        if self._refusal is not None:
            raise AuthError(self._refusal.sentence)
        token = self._token
        return None if token is None or token is refused or self._clock.monotonic() >= token.until else token

    def _asked(self) -> Asking:
        config, store = self._config, self._store
        if store is None or not isinstance(config, OAuth2RefreshToken):
            token, _ = yield from self._exchanged({"grant_type": "client_credentials"})
            return token
        while (lock := store.lock()) is None:
            yield LOOK_AGAIN
        try:
            first = self._read(config.refresh_token)
            spent = store.read(first)
            self._resolver.conceal(spent)
            token, following = yield from self._exchanged({"grant_type": "refresh_token", "refresh_token": spent})
            if following is not None and following != spent:
                store.write(first, following)
            return token
        finally:
            store.unlock(lock)

    def _exchanged(self, grant: dict[str, str]) -> Generator[Request | float, Answer, tuple[Token, str | None]]:
        """The token that *grant* gives, and the refresh token that came with it."""
        config = self._config
        form = {**grant, **({"scope": " ".join(config.scopes)} if config.scopes else {})}
        form.update((name, self._read(value)) for name, value in config.token_params.items())
        client, secret = self._read(config.client_id), self._read(config.client_secret)
        request = Request(method="POST", url=config.token_url, headers=(("Accept", "application/json"), ("Content-Type", _FORM)))
        if config.client_auth == "header":
            pair = base64.b64encode(f"{quote_plus(client)}:{quote_plus(secret)}".encode()).decode()
            self._resolver.conceal(pair)
            request = with_header(request, "Authorization", f"Basic {pair}")
        else:
            form.update(client_id=client, client_secret=secret)
        since = self._clock.monotonic()
        answer = yield Request(method="POST", url=request.url, headers=request.headers, body=urlencode(form).encode())
        return self._understood(request.shown, answer, since)

    def _understood(self, shown: str, answer: Answer, since: float) -> tuple[Token, str | None]:
        said = _content(answer)
        for name in ("access_token", "refresh_token", "id_token"):
            if isinstance(said.get(name), str):
                self._resolver.conceal(said[name])
        self._judge(shown, answer, said)
        value, following = said.get("access_token"), said.get("refresh_token")
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            raise AuthError(f"{shown}: the answer holds no access_token; check auth.token_url")
        life = _seconds(said.get("expires_in"))
        token = Token(value=value, until=since + max(life - self._config.refresh_before.total_seconds(), life / 2))
        return token, following if isinstance(following, str) and following else None

    def _judge(self, shown: str, answer: Answer, said: dict[str, Any]) -> None:
        status = answer.status
        if 200 <= status < 300:
            return
        why = " ".join(str(said[name]) for name in ("error", "error_description") if isinstance(said.get(name), str))
        masked = getattr(self._resolver, "mask", str)(why)[:_SHOWN]
        sentence = f"{shown}: the token server answered with status {status}{f' ({masked})' if masked.isprintable() and masked else ''}"
        wait = parse_retry_after(answer.header("retry-after"), self._clock.now())
        if status == 429 or (status == 503 and wait is not None):
            raise ThrottledError(sentence, retry_after=wait)
        if status >= 500 or status == 408:
            raise SourceUnavailable(sentence)
        hint = "the refresh token was spent or revoked: authorise anew" if said.get("error") == "invalid_grant" else "check api.auth"
        raise AuthError(f"{sentence}; {hint}")

    def _read(self, text: str) -> str:
        return self._resolver.resolve(text).strip("\r\n") if text.startswith(PREFIX) else text


_FORM = "application/x-www-form-urlencoded"


def _signed(request: Request, token: Token) -> Request:
    return with_header(request, "Authorization", f"Bearer {token.value}")


def _content(answer: Answer) -> dict[str, Any]:
    try:
        said = json.loads(answer.body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _seconds(life: object) -> float:
    """How long a token lives: ``expires_in`` as a number or as text; for ever where it says nothing readable."""
    try:
        seconds = float(life) if isinstance(life, int | float | str) else math.inf
    except ValueError:
        return math.inf
    return seconds if seconds > 0 else math.inf
