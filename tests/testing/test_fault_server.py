"""The server that does wrong does it as it was told."""

from __future__ import annotations

import gzip
import http.client
import json

import pytest

from medallion.testing.server import FaultServer, Reply, gzip_bomb, json_reply, pages, redirect, serve


def ask(server: FaultServer, target: str, **options: object) -> tuple[http.client.HTTPResponse, bytes]:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=5)
    try:
        connection.request(str(options.pop("method", "GET")), target, **options)  # type: ignore[arg-type]
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def test_requests_are_remembered() -> None:
    """Method, path, query, headers and body."""
    with serve(lambda _: json_reply({"a": 1}, ("X-A", "b"), status=201)) as server:
        response, body = ask(server, "/p?x=1&y=", method="POST", body=b"abc", headers={"X-Key": "K"})
        assert (response.status, response.headers["x-a"], json.loads(body)) == (201, "b", {"a": 1})
        [seen] = server.seen
    assert (seen.method, seen.path, seen.query, seen.headers["x-key"], seen.body) == ("POST", "/p", {"x": "1", "y": ""}, "K", b"abc")


def test_pages_are_empty_behind_the_end() -> None:
    """Page 2 of three records by two has one."""
    with serve(pages([{"id": 1}, {"id": 2}, {"id": 3}], size=2)) as server:
        assert [len(json.loads(ask(server, f"/?page={n}")[1])["data"]) for n in (1, 2, 3)] == [2, 1, 0]
        assert server.asked("page") == ["1", "2", "3"]


def test_bodies_are_cut_and_connections_hung_up() -> None:
    """What is announced does not come."""
    with serve(lambda seen: Reply(body=b"x" * 50, cut_at=10) if seen.path == "/cut" else Reply(hang_up=True)) as server:
        with pytest.raises(http.client.IncompleteRead):
            ask(server, "/cut")
        with pytest.raises(http.client.RemoteDisconnected):
            ask(server, "/gone")


def test_bombs_and_redirects_are_what_they_are_called() -> None:
    """A small body that is large when decoded; a location."""
    bomb = gzip_bomb(1_000_000)
    assert len(bomb.body) < 2000
    assert len(gzip.decompress(bomb.body)) == 1_000_000
    with serve(lambda _: redirect("http://elsewhere/", 307)) as server:
        assert ask(server, "/")[0].headers["location"] == "http://elsewhere/"


def test_a_mistake_of_the_test_is_raised() -> None:
    """An answer that fails does not look like a fault of the network."""
    server_of = serve(lambda seen: Reply(status=int(seen.query["missing"])))
    server = server_of.__enter__()
    with pytest.raises(http.client.RemoteDisconnected):
        ask(server, "/")
    with pytest.raises(KeyError, match="missing"):
        server_of.__exit__(None, None, None)
