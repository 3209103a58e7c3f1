"""Where sources lead us: on, in circles, or to another host; by both ways of asking."""

from __future__ import annotations

from typing import Any

import pytest
from asking import SECRET, Asking, rows

from medallion.errors import (
    OriginError,
    PaginationError,
    SourceError,
)
from medallion.testing.server import (
    Answering,
    Reply,
    Seen,
    json_reply,
    pages,
    redirect,
    serve,
)

THREE_PAGES = pages(rows(5), size=2)


def cursors(chain: dict[str | None, tuple[list[int], str | None]]) -> Answering:
    """An endpoint by cursor: which ids come for it, and which cursor is next."""

    def answer(seen: Seen) -> Reply:
        ids, following = chain[seen.query.get("cursor")]
        return json_reply({"data": [{"id": number} for number in ids], "next": following})

    return answer


BY_CURSOR = {"pagination": {"type": "cursor", "cursor_path": "next"}}


def test_cursors_that_go_round_are_an_error(way: dict[str, Any]) -> None:
    """A, B, A, B: what came is given, the second A is not asked for."""
    with serve(cursors({None: ([1], "A"), "A": ([2], "B"), "B": ([3], "A")})) as server:
        asking = Asking(server.url)
        error = asking.fail(**way, **BY_CURSOR)
        assert isinstance(error, PaginationError)
        assert server.asked("cursor") == [None, "A", "B"]
    assert asking.ids == [1, 2]  # the page whose cursor leads back is not given: what follows it is not known


def test_an_empty_page_with_a_new_cursor_goes_on(way: dict[str, Any]) -> None:
    """A filter may leave nothing of a page."""
    with serve(cursors({None: ([1], "A"), "A": ([], "B"), "B": ([2], None)})) as server:
        assert Asking(server.url).read(**way, **BY_CURSOR) == [1, 2]


def test_a_next_link_that_does_not_advance_is_an_error(way: dict[str, Any]) -> None:
    """A link to the page itself is a circle of one."""
    answer: Answering = lambda seen: json_reply({"data": [{"id": 1}]}, ("Link", f"<{seen.path}>; rel=next"))  # noqa: E731
    with serve(answer) as server:
        assert isinstance(Asking(server.url).fail(**way, pagination={"type": "link"}), PaginationError)
        assert len(server.seen) == 1


@pytest.mark.parametrize("pagination", [{"type": "page"}, {"type": "page", "size": 2}, {"type": "offset", "limit": 2}])
def test_a_server_that_ignores_the_page_parameter_is_noticed(way: dict[str, Any], pagination: dict[str, Any]) -> None:
    """The same records on two pages in a row are an error; they do not come twice."""
    with serve(lambda _: json_reply({"data": rows(2)})) as server:
        asking = Asking(server.url)
        assert isinstance(asking.fail(**way, pagination=pagination), PaginationError)
    assert asking.ids == [0, 1]


@pytest.mark.parametrize(
    "auth",
    [
        {"type": "bearer", "token": "secret:env:KEY"},
        {"type": "api_key", "name": "X-Key", "value": "secret:env:KEY"},
        {"type": "api_key", "name": "key", "value": "secret:env:KEY", "in": "query"},
    ],
)
@pytest.mark.parametrize("how", ["redirect", "link", "body"])
def test_another_host_sees_nothing(way: dict[str, Any], auth: dict[str, Any], how: str) -> None:
    """Next links and redirects to a canary are refused before anything is sent; no error shows the secret."""
    with serve(THREE_PAGES) as canary, serve(lambda seen: lead(seen, f"{canary.url}/steal")) as server:
        pagination = {"type": "link"} if how == "link" else {"type": "next_url", "next_url_path": "next"}

        def lead(_seen: Seen, url: str) -> Reply:
            if how == "redirect":
                return redirect(f"{url}?key={SECRET}", 307)
            return json_reply({"data": [], "next": url if how == "body" else None}, ("Link", f"<{url}>; rel=next"))

        error = Asking(server.url).fail(**way, auth=auth, pagination=pagination)
        assert isinstance(error, OriginError)
        assert SECRET not in f"{error} {error.__cause__} {error.__context__}"
        assert canary.seen == []
        assert SECRET in f"{server.seen[0].headers} {server.seen[0].query}"


def test_redirects_within_the_host_are_followed(way: dict[str, Any]) -> None:
    """A moved endpoint is read where it is now, with credentials."""
    answer: Answering = lambda seen: redirect(f"/new?page={seen.query['page']}") if seen.path == "/p" else THREE_PAGES(seen)  # noqa: E731
    with serve(answer) as server:
        assert Asking(server.url).read(**way, auth={"type": "bearer", "token": "secret:env:KEY"}) == [0, 1, 2, 3, 4]
        assert all(seen.headers["authorization"] == f"Bearer {SECRET}" for seen in server.seen)


def test_small_tables_of_servers_without_pages_behind_the_end(way: dict[str, Any]) -> None:
    """One short page, and 404 for the page behind it: a whole table."""
    answer: Answering = lambda seen: THREE_PAGES(seen) if int(seen.query["page"]) == 1 else Reply(status=404)  # noqa: E731
    with serve(answer) as server:
        assert Asking(server.url).read(**way, pagination={"type": "page", "size": 3}) == [0, 1]


def test_404_behind_a_full_page_is_an_error_with_a_hint(way: dict[str, Any]) -> None:
    """It may be the end, it may be trouble: nobody takes it for complete."""
    answer: Answering = lambda seen: THREE_PAGES(seen) if int(seen.query["page"]) == 1 else Reply(status=404)  # noqa: E731
    with serve(answer) as server:
        error = Asking(server.url).fail(**way, pagination={"type": "page", "size": 2})
    assert type(error) is SourceError
    assert "set total_path" in error.sentence


@pytest.mark.parametrize("how", ["redirect", "link"])
def test_an_allowed_host_is_followed_without_credentials(way: dict[str, Any], how: str) -> None:
    """It gets the URL and nothing of ours; only one that is listed for it gets the credential, in a header of any name."""
    key = {"type": "api_key", "name": "X-Api-Key", "value": "secret:env:KEY"}

    def lead(seen: Seen) -> Reply:
        to = f"{other.url}/p?page=2"
        return redirect(to) if how == "redirect" else json_reply({"data": [{"id": 7}]}, ("Link", f'<{to}>; rel="next"'))

    with serve(lambda _: json_reply({"data": [{"id": 8}]})) as other, serve(lead) as server:
        settings = {"auth": key, "pagination": {"type": "link"}, "headers": {"X-Tenant": "t"}, "allowed_hosts": [other.url]}
        assert Asking(server.url).read(**way, **settings)[-1] == 8
        assert Asking(server.url).read(**way, **settings, credential_hosts=[other.url])[-1] == 8
    without, trusted = (seen.headers for seen in other.seen)
    assert "x-api-key" not in without
    assert "x-tenant" not in without
    assert (trusted["x-api-key"], trusted["x-tenant"]) == (SECRET, "t")
