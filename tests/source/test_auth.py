"""Credentials are added at the first request, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from pydantic import TypeAdapter

from medallion.config.auth import Auth as AuthConfig
from medallion.errors import AuthError
from medallion.source.auth import Auth
from medallion.source.authorise import authorise
from medallion.source.request import Answer, Request
from medallion.testing.clock import FakeClock

REF = "secret:env:KEY"


@dataclass
class Vault:
    """A resolver whose secrets a test may change."""

    values: dict[str, str] = field(default_factory=lambda: {REF: "s3cret"})
    asked: int = 0

    def resolve(self, ref: str) -> str:
        self.asked += 1
        return self.values[ref]

    def conceal(self, value: str) -> None:
        self.values[value] = value


def auth(config: Mapping[str, str], vault: Vault) -> Auth:
    """What *config* says."""
    return authorise(TypeAdapter(AuthConfig).validate_python(config), vault, FakeClock())


def sent(auth: Auth, *statuses: int) -> tuple[list[Request], Answer | None]:
    """The requests that a flow sends when it is answered with *statuses*, and the answer it ends with."""
    flow, requests = auth.flow(Request(url="https://h/p", params=(("page", "1"),))), []
    request = next(flow)
    assert isinstance(request, Request)
    for status in statuses:
        requests.append(request)
        try:
            request = flow.send(Answer(status=status, url="https://h/p"))
            assert isinstance(request, Request)
        except StopIteration as end:
            return requests, end.value
    return [*requests, request], None


@pytest.mark.parametrize(
    ("config", "header"),
    [
        ({"type": "bearer", "token": REF}, ("Authorization", "Bearer s3cret")),
        ({"type": "basic", "username": "me", "password": REF}, ("Authorization", "Basic bWU6czNjcmV0")),
        ({"type": "api_key", "name": "X-Api-Key", "value": REF}, ("X-Api-Key", "s3cret")),
    ],
)
def test_headers_carry_the_credential(config: dict[str, str], header: tuple[str, str]) -> None:
    """Bearer, basic and API keys stand in one header each."""
    requests, answer = sent(auth(config, Vault()), 200)
    assert [request.headers for request in requests] == [(header,)]
    assert answer is not None


def test_a_key_in_the_query_is_hidden() -> None:
    """An API key in the query is a parameter that no print of the request shows."""
    signed = auth({"type": "api_key", "name": "code", "value": REF, "in": "query"}, Vault())
    [request], _ = sent(signed, 200)
    assert request.params == (("page", "1"), ("code", "s3cret"))
    assert "s3cret" not in repr(request)
    assert signed.params == {"code"}


def test_secrets_are_resolved_once_and_not_before_the_first_request() -> None:
    """Nothing is resolved at construction; the value is kept."""
    vault = Vault()
    signed = auth({"type": "bearer", "token": REF}, vault)
    assert vault.asked == 0
    sent(signed, 200)
    sent(signed, 200)
    assert vault.asked == 1


def test_401_reads_a_rotated_secret_once() -> None:
    """On 401 the secret is read again; only if it is another one the request is repeated, once."""
    vault = Vault()
    signed = auth({"type": "bearer", "token": REF}, vault)
    assert len(sent(signed, 401)[0]) == 1
    vault.values[REF] = "rotated"
    requests, answer = sent(signed, 401, 401)
    assert [request.headers[0][1] for request in requests] == ["Bearer s3cret", "Bearer rotated"]
    assert answer is not None
    assert answer.status == 401


def test_a_secret_with_control_characters_is_refused() -> None:
    """A value that would break a header is refused without being shown."""
    vault = Vault({REF: "a\r\nX-Evil: b"})
    with pytest.raises(AuthError, match="secret:env:KEY") as caught:
        sent(auth({"type": "bearer", "token": REF}, vault), 200)
    assert "Evil" not in str(caught.value)


def test_none_sends_the_request_as_it_is() -> None:
    """Without authorisation nothing is added."""
    [request], _ = sent(auth({"type": "none"}, Vault()), 200)
    assert request == Request(url="https://h/p", params=(("page", "1"),))
