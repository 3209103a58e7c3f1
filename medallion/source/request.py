"""A request and its answer as values; neither shows a credential, whatever prints it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from medallion.config.secret import MASK

_TELLING = re.compile(r"(^|[_-])(key|apikey|token|secret|password|passwd|pwd|sig|signature|auth|credential)s?($|[_-])", re.IGNORECASE)

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True, repr=False)
class Request:
    """What is sent. *params* are added to the query of *url* in their order; *hidden* names the parameters that hold credentials."""

    method: str = "GET"
    url: str
    params: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    hidden: frozenset[str] = frozenset()

    @cached_property
    def target(self) -> str:
        """The whole URL, percent-encoded, as it goes over the wire; it may hold credentials."""
        if not self.params:
            return self.url
        return f"{self.url}{'&' if '?' in self.url else '?'}{urlencode(self.params, quote_via=quote)}"

    @property
    def shown(self) -> str:
        """Method and URL for people: without user name, fragment, and the values of parameters that hold credentials."""
        return f"{self.method} {shown_url(self.target, self.hidden)}"

    def __repr__(self) -> str:
        names = ", ".join(name for name, _ in self.headers)
        size = f", {len(self.body)} bytes" if self.body is not None else ""
        return f"<Request {self.shown}{f', headers {names}' if names else ''}{size}>"


@dataclass(frozen=True, kw_only=True, repr=False)
class Answer:
    """What came back, whole: *body* is decoded from its content encoding, *wire_bytes* is what it took before that."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    url: str
    wire_bytes: int = 0

    def header(self, name: str) -> str | None:
        """The value of a header, whatever its case; None if it is missing."""
        low = name.lower()
        found = self.headers.get(low)
        return found if found is not None else next((value for key, value in self.headers.items() if key.lower() == low), None)

    def __repr__(self) -> str:
        return f"<Answer {self.status} from {shown_url(self.url)}, {len(self.body)} bytes>"


def folded(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by lower-case name; those that come several times are joined by commas, as RFC 9110 has it."""
    headers: dict[str, str] = {}
    for name, value in pairs:
        low = name.lower()
        headers[low] = f"{headers[low]}, {value}" if low in headers else value
    return headers


def origin(url: str) -> str:
    """Scheme, host and port of a URL in one spelling: ``https://api.example.org:443``. Raises ValueError where there is none."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"{shown_url(url)!r} is not an http or https URL")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{scheme}://{host}:{parts.port or _PORTS[scheme]}"


def without_params(url: str, names: frozenset[str]) -> str:
    """*url* without user name and fragment, and without the query parameters called *names*; the others keep their spelling and order."""
    parts = urlsplit(url)
    kept = [pair for pair in parts.query.split("&") if not any(name in names for name, _ in parse_qsl(pair, keep_blank_values=True))]
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "&".join(kept), ""))


def shown_url(url: str, hidden: frozenset[str] = frozenset()) -> str:
    """A URL for people: user name and fragment left out, parameters masked that hold credentials or are called as if they did."""
    parts = urlsplit(url)
    query = [
        (name, MASK if name in hidden or _TELLING.search(name) else value) for name, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, urlencode(query, quote_via=quote, safe="*:,"), ""))
