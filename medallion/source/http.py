"""One HTTP endpoint as it is configured: what its requests look like, and what an answer of it says. Sends nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, urljoin, urlsplit

import msgspec

from medallion.clock import Clock
from medallion.config.api import Api, ApiIncremental
from medallion.config.filled import END, START
from medallion.config.secret import SecretResolver
from medallion.config.source import Source
from medallion.config.values import RUN_DATE
from medallion.errors import ConfigError, NotYetError, OriginError, PageError, Problem, SourceError
from medallion.source.auth import Anonymous, Auth, Flow
from medallion.source.authorise import authorise
from medallion.source.declared import declared_of
from medallion.source.decode import Decoded, PageDecoder, RecordDecoder
from medallion.source.delimited import CsvDecoder
from medallion.source.follow import paginator
from medallion.source.lines import LineDecoder
from medallion.source.paginate import PAST_END, Paginator
from medallion.source.place import filled, spelled, with_param
from medallion.source.protocol import Position, Window
from medallion.source.request import Answer, Request, origin
from medallion.source.wording import worded

MOST_REDIRECTS = 5
MISSING = frozenset({404, 410})
_ACCEPTED = {"json": "application/json", "jsonl": "application/x-ndjson, application/jsonl;q=0.9, */*;q=0.5", "csv": "text/csv, */*;q=0.5"}
_NO_RECORDS = Decoded(records=[], found={})


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Everything that is asked of one source goes to the host of *base*, which the configuration names and no answer can change.

    Next links and redirects may lead to the origins *allowed* too; credentials, headers and bodies go to those of them in *trusted* only.
    """

    base: Request
    auth: Auth
    paginator: Paginator
    decoder: RecordDecoder
    incremental: ApiIncremental | None
    allowed: frozenset[str] = frozenset()
    trusted: frozenset[str] = frozenset()
    on_missing: Literal["skip", "fail"] | None = None
    """Whether a lane may be answered with 404 or 410 from the start; None: lanes are not those of a parent's records."""
    mask: Callable[[str], str]
    """Takes secrets out of a text that the source wrote."""

    def lane(self, window: Window, parent: Mapping[str, Any] | None = None) -> Request:
        """The request that all of a lane's requests are made from: the endpoint with the bounds of its window and a parent's fields.

        Raises SourceError for a value of *parent* that would lead to another path.
        """
        values = {f"parent.{name}": value for name, value in (parent or {}).items()}
        asked, bounds = self.incremental, dict[str, str | int | float]()
        if asked is not None:
            if window.start is not None:
                bounds[START] = worded(window.start, asked.param_format, end=False)
            if window.end is not None:
                bounds[END] = worded(window.end, asked.param_format, end=True)
        request = filled(self.base, values | bounds) if values or bounds else self.base
        if asked is not None:
            for param, key in ((asked.start_param, START), (asked.end_param, END)):
                if param is not None and key in bounds:
                    request = with_param(request, param, bounds[key])
        return request

    def request(self, lane: Request, position: Position) -> Request:
        """The request for the page at *position*; OriginError if that is on another host."""
        return self._at_home(self.paginator.request(lane, position), "the next link")

    def exchange(self, request: Request) -> Flow:
        """What to send, with credentials, so that *request* is answered; redirects are followed to where it may be sent only.

        The generator raises OriginError before anything is sent elsewhere, SourceError after too many redirects.
        """
        answer = yield from self._auth(request).flow(request)
        for _ in range(MOST_REDIRECTS):
            if not 300 <= answer.status < 400 or answer.header("location") is None:
                return answer
            request = self._at_home(_redirected(request, answer), "a redirect")
            answer = yield from self._auth(request).flow(request)
        raise SourceError(f"{request.shown}: more than {MOST_REDIRECTS} redirects one after the other; correct base_url or endpoint")

    def decode(self, answer: Answer, *, request: Request) -> Decoded:
        """The records and values of an answer with a 2xx status; PageError names *request*. 204 is a page without records."""
        if answer.status == 204:
            return _NO_RECORDS
        try:
            return self.decoder.decode(answer.body, page="")
        except PageError as error:
            raise PageError(f"{request.shown}{error.sentence}") from error

    def next_after(self, request: Request, position: Position, decoded: Decoded, answer: Answer) -> Position:
        """Where the lane goes on; PageError or PaginationError name the page, OriginError comes before anything is asked elsewhere."""
        try:
            following = self.paginator.after(position, decoded, answer)
        except SourceError as error:
            raise type(error)(f"{request.shown}: {error.sentence}") from error
        if "url" in following:
            self._at_home(replace(request, url=following["url"], params=()), "the next link")
        return following

    def hint(self, position: Position, status: int) -> str:
        """What to try when *position* is answered with *status*; empty where nothing comes to mind."""
        if self.on_missing is not None and status in MISSING and position == self.paginator.first():
            return "; if some records of the parent may have nothing here, set parent.on_missing: skip"
        beyond = position.get("page", 0) > 1 or position.get("offset", 0) > 0
        return "; if this is how the source says that there are no more pages, set total_path" if beyond and status in PAST_END else ""

    def is_missing(self, position: Position, status: int) -> bool:
        """Whether an answer with *status* means that there is nothing at all of the lane that begins at *position*."""
        return self.on_missing == "skip" and status in MISSING and position == self.paginator.first()

    @property
    def origin(self) -> str:
        """Scheme, host and port of everything that is sent."""
        return origin(self.base.url)

    @cached_property
    def root(self) -> str:
        """How the URL of everything that is sent there begins."""
        home = urlsplit(self.base.url)
        return f"{home.scheme}://{home.netloc}/"

    def _at_home(self, request: Request, what: str) -> Request:
        home = urlsplit(self.base.url)
        root = f"{home.scheme}://{home.netloc}"
        if request.url.startswith(f"{root}/"):
            return request
        try:
            there = origin(request.url)
        except ValueError:
            there = "no web address"
        if there in self.allowed:
            return self._abroad(request, there, what)
        if there != self.origin:
            raise OriginError(
                f"{what} of {self.base.shown} leads to {there} instead of {self.origin}; nothing was sent there: "
                "credentials stay with the host that base_url names; name the other one in api.allowed_hosts if it may be asked"
            )
        # Put together from our own host, so that no library below can read the host of this URL in another way.
        parts = urlsplit(request.url)
        return replace(request, url=f"{root}{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}")

    def _abroad(self, request: Request, there: str, what: str) -> Request:
        """*request* as it may go to *there*: to a host that is not trusted, by GET, with nothing of ours but what the link says."""
        parts = urlsplit(request.url)
        moved = replace(request, url=f"{there}{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}")
        if there in self.trusted:
            return moved
        if request.method != "GET":
            raise OriginError(
                f"{what} of {self.base.shown} leads a {request.method} to {there}, which gets no body of ours; nothing was sent there: "
                "name it in api.credential_hosts if it may have it"
            )
        return replace(moved, headers=tuple((name, value) for name, value in request.headers if name.lower() == "accept"), body=None)

    def _auth(self, request: Request) -> Auth:
        if request.url.startswith(self.root) or origin(request.url) in self.trusted:
            return self.auth
        return Anonymous()


def endpoint(source: Source, resolver: SecretResolver, *, clock: Clock, logical_date: datetime | None = None) -> Endpoint:
    """The endpoint of a source of type ``api``; *logical_date* is what ``{run.date}`` stands for.

    Raises ConfigError for what cannot be asked, NotYetError for what this version does not build.
    """
    api = source.api
    if source.type != "api" or api is None:
        raise NotYetError([Problem(path=f"sources.{source.name}", message=f"type {source.type} is not read over HTTP")])
    auth = authorise(api.auth, resolver, clock, path=f"sources.{source.name}.api.auth")
    base = _base(source.name, api, logical_date)
    rule = paginator(api.pagination, hidden=auth.params)
    return Endpoint(
        base=replace(base, hidden=auth.params),
        auth=auth,
        allowed=frozenset(map(origin, api.allowed_hosts)),
        trusted=frozenset(map(origin, api.credential_hosts)),
        paginator=rule,
        decoder=_decoder(source, api, rule),
        incremental=api.incremental,
        on_missing=None if source.parent is None else source.parent.on_missing,
        mask=getattr(resolver, "mask", str),
    )


def _base(name: str, api: Api, logical_date: datetime | None) -> Request:
    place = f"sources.{name}.api"
    url = _joined(api)
    texts: Mapping[str, str] = {**{f"params.{key}": spelled(value) for key, value in api.params.items()}, "endpoint": url}
    if logical_date is None:
        dated = [key for key, text in texts.items() if RUN_DATE in text]
        if dated:
            raise ConfigError([Problem(path=f"{place}.{key}", message=f"{RUN_DATE} needs the date of a run") for key in dated])
    date = "" if logical_date is None else f"{logical_date:%Y-%m-%d}"
    parts = urlsplit(url.replace(RUN_DATE, date))
    try:
        origin(parts.geturl())
    except ValueError as error:
        raise ConfigError([Problem(path=f"{place}.base_url", message=str(error))]) from error
    if parts.username is not None:
        raise ConfigError([Problem(path=f"{place}.base_url", message="must hold no user name or password; use auth: {type: basic}")])
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~{}")
    return Request(
        method=api.method,
        url=f"{parts.scheme}://{parts.netloc}{path}",
        params=(
            *parse_qsl(parts.query, keep_blank_values=True),
            *((key, spelled(value).replace(RUN_DATE, date)) for key, value in api.params.items()),
        ),
        headers=_headers(api),
        body=None if api.json_ is None else msgspec.json.encode(api.json_),
    )


def _decoder(source: Source, api: Api, rule: Paginator) -> RecordDecoder:
    if api.records_format == "jsonl":
        return LineDecoder()
    if api.records_format == "json":
        return PageDecoder(api.records_path, rule.paths)
    return CsvDecoder(config=api.csv, declared=declared_of(source))


def _headers(api: Api) -> tuple[tuple[str, str], ...]:
    given = {name.lower() for name in api.headers}
    ours = {"Accept": _ACCEPTED[api.records_format], **({} if api.json_ is None else {"Content-Type": "application/json"})}
    return (*((name, value) for name, value in ours.items() if name.lower() not in given), *api.headers.items())


def _joined(api: Api) -> str:
    base, path = api.base_url or "", api.endpoint or ""
    if path.startswith(("http://", "https://")) or not base:
        return path
    return f"{base.rstrip('/')}/{path.lstrip('/')}" if path else base


def _redirected(request: Request, answer: Answer) -> Request:
    target = urljoin(answer.url, quote(answer.header("location") or "", safe="!#$%&'()*+,/:;=?@[]~"))
    changed = replace(request, url=target.partition("#")[0], params=())
    if answer.status in (301, 302, 303) and request.method == "POST":
        return replace(changed, method="GET", body=None)
    return changed
