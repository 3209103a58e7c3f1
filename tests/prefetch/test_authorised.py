"""Tokens of run time over real connections, by both ways of asking."""

from __future__ import annotations

from typing import Any

from asking import Asking, rows

from medallion.errors import AuthError, SourceUnavailable
from medallion.testing.server import Answering, Reply, Seen, json_reply, pages, serve

PAGES = pages(rows(40), size=2)


def oauth(url: str, **more: Any) -> dict[str, Any]:
    """Client credentials at a token server."""
    return {"type": "oauth2_client_credentials", "token_url": f"{url}/token", "client_id": "me", "client_secret": "secret:env:KEY", **more}


def giving(tokens: list[str], *, refused: set[str]) -> Answering:
    """A server of tokens and pages: each token request gives the next one."""

    def answer(seen: Seen) -> Reply:
        if seen.path == "/token":
            return json_reply({"access_token": tokens.pop(0)})
        given = seen.headers.get("authorization", "").removeprefix("Bearer ")
        if given == "t1" and seen.query["page"] == "6":
            refused.add("t1")
        return Reply(status=401) if given in refused or not given else PAGES(seen)

    return answer


def test_401_in_mid_run_is_one_refresh_for_all(way: dict[str, Any]) -> None:
    """The token is revoked while eight requests are under way: one new token, every record once."""
    with serve(giving(["t1", "t2"], refused=set())) as server:
        asking = Asking(server.url)
        assert asking.read(**way, auth=oauth(server.url)) == list(range(40))
        assert len([seen for seen in server.seen if seen.path == "/token"]) == 2


def test_401_again_is_an_auth_error(way: dict[str, Any]) -> None:
    """One refresh, then AUTH001; what was read is given, and no output holds a token."""
    with serve(giving(["t1", "t2", "t3"], refused={"t2", "t3"})) as server:
        asking = Asking(server.url)
        error = asking.fail(**way, concurrency=1, auth=oauth(server.url))
        assert isinstance(error, AuthError)
        assert len([seen for seen in server.seen if seen.path == "/token"]) == 2
    assert asking.ids == list(range(10))
    assert "t2" not in str(error)


def test_a_token_server_on_another_host_has_its_own_breaker(way: dict[str, Any]) -> None:
    """It is down: a typed error that names it, and the API was not asked without a token."""
    with serve(lambda _: Reply(status=500)) as login, serve(PAGES) as api:
        error = Asking(api.url).fail(**way, concurrency=1, retry={"attempts": 2}, auth=oauth(login.url))
        assert isinstance(error, SourceUnavailable)
        assert f"{login.url}/token" in error.sentence
        assert api.seen == []
