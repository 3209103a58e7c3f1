"""A class of somebody else adds credentials like ours do, and fails in typed words."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import TypeAdapter

from medallion.config.auth import Auth as AuthConfig
from medallion.config.secret import Secrets
from medallion.errors import AuthError, ConfigError
from medallion.source.auth import Auth, with_header
from medallion.source.authorise import authorise
from medallion.source.request import Answer, Request
from medallion.testing.clock import FakeClock

PAGE = Request(url="https://h/p")


class Session:
    """Logs in first, then sends what it was given."""

    params = frozenset({"sid"})

    @dataclass
    class Options:
        """Who logs in."""

        user: str
        password: str

    def __init__(self, options: Options, conceal: Callable[[str], None]) -> None:
        self.options = options
        self.conceal = conceal

    def flow(self, request: Request) -> Generator[Request | float, Answer, Answer]:
        if self.options.user == "broken":
            raise ValueError(f"no {self.options.password}")
        answer = yield Request(url="https://h/login", headers=(("X-Password", self.options.password),))
        session = answer.body.decode()
        self.conceal(session)
        yield 1
        return (yield with_header(request, "X-Session", session))


class Wrong(Session):
    """Yields what nobody can send."""

    def flow(self, request: Request) -> Generator[Any, Answer, Answer]:  # noqa: ARG002
        yield "soon"
        return Answer(status=200, url="u")


def auth(name: str, secrets: Secrets, **options: Any) -> Auth:
    """This module's class *name*."""
    config = {"type": "custom", "class": f"{__name__}:{name}", "options": {"user": "me", "password": "secret:env:PW", **options}}
    return authorise(TypeAdapter(AuthConfig).validate_python(config), secrets, FakeClock())


def test_a_class_asks_what_it_needs() -> None:
    """Its requests and waits go out as they are, its options hold values, and what it conceals is masked."""
    secrets = Secrets(environ={"PW": "pass-word"})
    made = auth("Session", secrets)
    assert made.params == {"sid"}
    flow = made.flow(PAGE)
    login = next(flow)
    assert isinstance(login, Request)
    assert dict(login.headers) == {"X-Password": "pass-word"}
    assert flow.send(Answer(status=200, body=b"session-7", url="u")) == 1.0
    page = next(flow)
    assert isinstance(page, Request)
    assert dict(page.headers) == {"X-Session": "session-7"}
    with pytest.raises(StopIteration) as ended:
        flow.send(Answer(status=200, url="u"))
    assert ended.value.value.status == 200
    assert secrets.mask("session-7") == "***"


def test_no_secret_is_fetched_before_the_first_request() -> None:
    """A configuration can be looked at without its secrets."""
    assert auth("Session", Secrets(environ={})).params == {"sid"}


@pytest.mark.parametrize(
    ("name", "options", "said"), [("Session", {"user": "broken"}, r"ValueError: no \*\*\*"), ("Wrong", {}, "must yield a Request")]
)
def test_what_a_class_does_wrong_is_an_auth_error(name: str, options: dict[str, str], said: str) -> None:
    """Its errors hold no secret."""
    with pytest.raises(AuthError, match=said):
        next(auth(name, Secrets(environ={"PW": "pass-word"}), **options).flow(PAGE))


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [("Nobody", {}, "cannot be imported"), ("PAGE", {}, "method flow"), ("Session", {"usr": "x"}, "did you mean user")],
)
def test_a_class_that_cannot_be_made_is_a_wrong_configuration(name: str, options: dict[str, str], said: str) -> None:
    """It is found when the configuration is looked at."""
    with pytest.raises(ConfigError, match=said):
        auth(name, Secrets(environ={}), **options)
