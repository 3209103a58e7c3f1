"""Requests and answers show no credential; URLs have one origin."""

from __future__ import annotations

import pytest

from medallion.source.request import Answer, Request, folded, origin, shown_url, without_params


def test_target_adds_params_in_order_and_quotes_them() -> None:
    """Parameters follow the URL's own query, in their order, percent-encoded."""
    request = Request(url="https://h/p?x=1", params=(("b", "ä &"), ("a", "2")))
    assert request.target == "https://h/p?x=1&b=%C3%A4%20%26&a=2"


def test_repr_shows_neither_header_values_nor_hidden_params() -> None:
    """What prints a request prints the names of its headers only, and masks the parameters that hold credentials."""
    request = Request(
        url="https://user:pw@h/p", params=(("code", "s3cret"), ("page", "1")), headers=(("X-Key", "s3cret"),), hidden=frozenset({"code"})
    )
    assert repr(request) == "<Request GET https://h/p?code=***&page=1, headers X-Key>"
    assert "pw" not in request.shown


@pytest.mark.parametrize("name", ["api_key", "token", "access_token", "Signature", "client_secret", "password"])
def test_params_named_like_credentials_are_masked(name: str) -> None:
    """A parameter that is called as credentials are is masked although nobody declared it."""
    assert shown_url(f"https://h/p?{name}=abc") == f"https://h/p?{name}=***"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://API.example.org/x", "https://api.example.org:443"),
        ("http://h:80/", "http://h:80"),
        ("http://h", "http://h:80"),
        ("https://u:p@h:8443/x", "https://h:8443"),
        ("http://[::1]:8080/x", "http://[::1]:8080"),
    ],
)
def test_origin_has_one_spelling(url: str, expected: str) -> None:
    """Case, default ports and user names make no difference to an origin."""
    assert origin(url) == expected


@pytest.mark.parametrize("url", ["ftp://h/x", "/relative", "https://", "javascript:alert(1)", "http://h:99999/"])
def test_origin_refuses_what_is_no_web_address(url: str) -> None:
    """Only http and https URLs with a host have an origin."""
    with pytest.raises(ValueError, match=r"not an http|Port out of range"):
        origin(url)


def test_without_params_keeps_the_rest_as_it_is_spelled() -> None:
    """Credentials, user name and fragment are taken out of a URL; the other parameters keep spelling and order."""
    url = "https://u:p@h/p?b=%7E1&api_key=x&a=+2&api_key=y#top"
    assert without_params(url, frozenset({"api_key"})) == "https://h/p?b=%7E1&a=+2"


def test_headers_are_found_in_any_case_and_joined() -> None:
    """A header that comes twice is one value with commas."""
    answer = Answer(status=200, headers=folded([("Link", "<a>"), ("link", "<b>")]), url="http://h/")
    assert answer.header("LINK") == "<a>, <b>"
    assert Answer(status=200, headers={"Retry-After": "1"}, url="http://h/").header("retry-after") == "1"
    assert answer.header("x-none") is None
