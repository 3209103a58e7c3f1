"""A token is asked for once, used until shortly before it expires, and asked for again where it is refused."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from pydantic import TypeAdapter

from medallion.config.auth import Auth as AuthConfig
from medallion.config.secret import Secrets
from medallion.errors import AuthError, SourceUnavailable, ThrottledError
from medallion.source.auth import Auth
from medallion.source.authorise import authorise
from medallion.source.request import Answer, Request
from medallion.testing.clock import FakeClock

PAGE = Request(url="https://h/p")
TOKENS = "https://login/token"
CLIENT = {"token_url": TOKENS, "client_id": "me", "client_secret": "secret:env:CS"}


class World:
    """A token server and an API, both in a test's hand: *answers* of the token server one by one, tokens that the API *accepts*."""

    def __init__(self, **config: Any) -> None:
        self.clock = FakeClock()
        self.secrets = Secrets(environ={"CS": "client/secret", "RT": "first-refresh", "RT2": "second-agreement"})
        self.answers: list[Answer | dict[str, Any]] = []
        self.accepts: set[str] = set()
        self.asked: list[Request] = []
        self.used: list[str] = []
        self.config = {"type": "oauth2_client_credentials", **CLIENT, **config}
        self.auth = self.made()

    def made(self, **config: Any) -> Auth:
        """The same again, as another run makes it."""
        return authorise(TypeAdapter(AuthConfig).validate_python({**self.config, **config}), self.secrets, self.clock)

    def answer(self, request: Request) -> Answer:
        """What the network says."""
        if request.url == TOKENS:
            self.asked.append(request)
            given = self.answers.pop(0)
            return given if isinstance(given, Answer) else Answer(status=200, body=json.dumps(given).encode(), url=TOKENS)
        token = dict(request.headers)["Authorization"].removeprefix("Bearer ")
        self.used.append(token)
        return Answer(status=200 if token in self.accepts else 401, url=request.url)

    def get(self, auth: Auth | None = None) -> int:
        """The status with which a page ends."""
        flow = (auth or self.auth).flow(PAGE)
        step = next(flow)
        while True:
            assert isinstance(step, Request)
            try:
                step = flow.send(self.answer(step))
            except StopIteration as end:
                return int(end.value.status)

    @property
    def forms(self) -> list[dict[str, str]]:
        """What the token server was told."""
        return [dict(parse_qsl((request.body or b"").decode())) for request in self.asked]


def token(value: str, **more: Any) -> dict[str, Any]:
    """A good answer of a token server."""
    return {"access_token": value, "token_type": "Bearer", **more}


def test_a_token_is_asked_for_once_and_used_until_shortly_before_its_end() -> None:
    """An hour's token serves for 59 minutes."""
    world = World(scopes=["read", "list"], token_params={"audience": "api"})
    world.answers, world.accepts = [token("t1", expires_in=3600), token("t2", expires_in="3600")], {"t1", "t2"}
    assert (world.get(), world.get()) == (200, 200)
    world.clock.advance(3539)
    world.get()
    world.clock.advance(2)
    world.get()
    assert world.used == ["t1", "t1", "t1", "t2"]
    assert world.forms[0] == {"grant_type": "client_credentials", "scope": "read list", "audience": "api"}
    pair = dict(world.asked[0].headers)["Authorization"].removeprefix("Basic ")
    assert b64decode(pair) == b"me:client%2Fsecret"


def test_a_token_that_lives_shorter_than_the_skew_serves_half_its_life() -> None:
    """Otherwise every request would ask for one of its own."""
    world = World(client_auth="body")
    world.answers, world.accepts = [token("t1", expires_in=30), token("t2")], {"t1", "t2"}
    for _ in range(3):
        world.get()
        world.clock.advance(7)
    world.get()
    assert world.used == ["t1", "t1", "t1", "t2"]
    assert world.forms[0]["client_secret"] == "client/secret"
    assert "Authorization" not in dict(world.asked[0].headers)


def test_401_brings_one_new_token_then_the_answer_counts() -> None:
    """The request is sent once more; a second 401 is the source's last word."""
    world = World()
    world.answers, world.accepts = [token("old"), token("new"), token("newer")], {"new"}
    assert world.get() == 200
    world.accepts = set()
    assert world.get() == 401
    assert world.used == ["old", "new", "new", "newer"]
    assert len(world.asked) == 3


def test_requests_under_way_share_one_refresh() -> None:
    """Three requests are refused together: one asks for a token, the others wait and take it."""
    world = World()
    world.answers, world.accepts = [token("old"), token("new")], {"old", "new"}
    world.get()
    flows = [world.auth.flow(PAGE) for _ in range(3)]
    for flow in flows:
        next(flow)
    steps = [flow.send(Answer(status=401, url="https://h/p")) for flow in flows]
    assert isinstance(steps[0], Request)
    assert steps[0].url == TOKENS
    assert all(isinstance(step, float) for step in steps[1:])
    again = [flows[0].send(world.answer(steps[0])), next(flows[1]), next(flows[2])]
    assert [dict(request.headers)["Authorization"] for request in again if isinstance(request, Request)] == ["Bearer new"] * 3
    assert len(world.asked) == 2


def test_a_request_that_is_given_up_leaves_the_asking_to_others() -> None:
    """Closed in the middle of a refresh, it holds nobody up."""
    world = World()
    world.answers, world.accepts = [token("t")], {"t"}
    flow = world.auth.flow(PAGE)
    next(flow)
    waiting = world.auth.flow(PAGE)
    assert isinstance(next(waiting), float)
    flow.close()
    step = next(waiting)
    assert isinstance(step, Request)
    assert step.url == TOKENS


def test_a_token_server_that_refuses_is_asked_once() -> None:
    """Its reason is shown, without a secret that it repeats; every request after that fails at once."""
    world = World()
    body = b'{"error": "invalid_client", "error_description": "no client/secret here"}'
    world.answers = [Answer(status=400, body=body, url=TOKENS)]
    for _ in range(2):
        with pytest.raises(AuthError, match=r"status 400 \(invalid_client no \*\*\* here\); check api.auth"):
            world.get()
    assert len(world.asked) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(status=503, url=TOKENS), SourceUnavailable),
        (Answer(status=429, headers={"retry-after": "7"}, url=TOKENS), ThrottledError),
        (Answer(status=302, headers={"location": "https://evil/"}, url=TOKENS), AuthError),
        (Answer(status=200, body=b"<html>", url=TOKENS), AuthError),
        (Answer(status=200, body=b'{"access_token": "a\\nb"}', url=TOKENS), AuthError),
    ],
)
def test_what_a_token_server_does_wrong_is_typed(answer: Answer, kind: type[Exception]) -> None:
    """What may pass is retried by the caller; what will not is AUTH001."""
    world = World()
    world.answers = [answer]
    with pytest.raises(kind):
        world.get()


def test_no_output_shows_a_token_of_run_time() -> None:
    """What the token server gives is masked as if it had been a reference."""
    world = World()
    world.answers, world.accepts = [token("run-time-token", id_token="who-i-am", refresh_token="next-one")], {"run-time-token"}
    world.get()
    assert world.secrets.mask("run-time-token who-i-am next-one client/secret") == "*** *** *** ***"
    assert "run-time-token" not in repr(vars(world.auth))


class Rotating(World):
    """A world whose refresh tokens are kept in a file."""

    def __init__(self, store: Path) -> None:
        super().__init__(type="oauth2_refresh_token", refresh_token="secret:env:RT", token_store=str(store))


def test_rotated_refresh_tokens_outlive_the_run(tmp_path: Path) -> None:
    """The next run spends the one that came last, from a file that only its owner reads."""
    store = tmp_path / "state/tokens.json"
    world = Rotating(store)
    world.answers = [token("t1", refresh_token="r2"), token("t2", refresh_token="r3"), token("t3")]
    world.accepts = {"t1", "t2", "t3"}
    world.get()
    world.get(world.made())
    assert [form["refresh_token"] for form in world.forms] == ["first-refresh", "r2"]
    assert store.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in sorted(store.parent.iterdir())] == ["tokens.json", "tokens.json.lock"]
    world.get(world.made(refresh_token="secret:env:RT2"))
    assert world.forms[2]["refresh_token"] == "second-agreement"


def test_two_runs_do_not_spend_one_refresh_token(tmp_path: Path) -> None:
    """While one refreshes the other waits, then spends what the first one left."""
    world = Rotating(tmp_path / "tokens.json")
    world.answers, world.accepts = [token("t1", refresh_token="r2"), token("t2", refresh_token="r3")], {"t1", "t2"}
    one, other = world.auth.flow(PAGE), world.made().flow(PAGE)
    asking = next(one)
    assert isinstance(asking, Request)
    assert isinstance(next(other), float)
    one.send(world.answer(asking))
    asking = next(other)
    assert isinstance(asking, Request)
    other.send(world.answer(asking))
    assert [form["refresh_token"] for form in world.forms] == ["first-refresh", "r2"]


def test_a_spent_refresh_token_says_what_to_do(tmp_path: Path) -> None:
    """Nobody but a person can help."""
    world = Rotating(tmp_path / "tokens.json")
    world.answers = [Answer(status=400, body=b'{"error": "invalid_grant"}', url=TOKENS)]
    with pytest.raises(AuthError, match="authorise anew"):
        world.get()


def test_a_store_that_cannot_be_written_is_found_before_a_token_is_spent(tmp_path: Path) -> None:
    """The file is named; the token server is not asked."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    world = Rotating(tmp_path / "file/tokens.json")
    with pytest.raises(AuthError, match=r"file/tokens\.json cannot be used"):
        world.get()
    (tmp_path / "torn.json").write_text("{", encoding="utf-8")
    with pytest.raises(AuthError, match="not readable"):
        world.get(world.made(token_store=str(tmp_path / "torn.json")))
    assert world.asked == []
