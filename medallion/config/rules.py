"""Rules between the keys of a source, which no single key can break alone. All pure; paths are relative."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import parse_qsl, urlsplit

from medallion.config.api import Api
from medallion.config.auth import AUTH_GROUP, ApiKeyAuth, CustomAuth
from medallion.config.custom import SOURCE_GROUP, is_module_class
from medallion.config.db import Db
from medallion.config.file import File
from medallion.config.filled import END, START, names_end, placeholders
from medallion.config.glob import is_glob, matcher, parted
from medallion.config.node import Path
from medallion.config.paging import CursorPagination, NoPagination, OffsetPagination, PagePagination
from medallion.config.records import Csv
from medallion.config.source import Source

Breach = tuple[Path, str]
SECTIONS = ("api", "db", "file", "custom")
_TELLING_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-auth-token", "x-access-token"})
_TELLING_OPTIONS = frozenset({"user", "password", "sslpassword"})
_TELLING_PARAMS = frozenset({"api_key", "apikey", "api-key", "access_token", "auth_token", "client_secret", "password"})


def of_source(source: Source) -> Iterator[Breach]:
    """What of a source contradicts itself."""
    for section in SECTIONS:
        given = getattr(source, section) is not None
        if section == source.type and not given:
            yield (section,), f"required, since type is {source.type}"
        elif section != source.type and given:
            yield (section,), f"says nothing, since type is {source.type}: take it out, or set type: {section}"
    if source.load_pattern == "full" and source.incremental is not None:
        yield (
            (source.type, "incremental"),
            "asks only for what is new, and load_pattern full is a complete snapshot: use cdc or current_history, or take it out",
        )
    if source.type == "db" and source.db is not None:
        for path, message in _of_db(source.db):
            yield ("db", *path), message
    if source.type == "file" and source.file is not None:
        for path, message in _of_file(source.file):
            yield ("file", *path), message
    if source.type == "api" and source.api is not None:
        for path, message in _of_api(source.api):
            yield ("api", *path), message
    if source.as_json and source.by_spark:
        yield ("as_json",), f"says nothing for type {source.type}: its columns have types"
    yield from _of_parent(source)


def _of_db(db: Db) -> Iterator[Breach]:
    if db.url is None:
        yield ("url",), "required: jdbc:postgresql://host:port/database"
    elif not db.url.startswith("jdbc:postgresql://"):
        yield ("url",), f"must be jdbc:postgresql://host:port/database, the one engine of this version, got {db.url.split('@')[-1][:60]!r}"
    else:
        parts = urlsplit(db.url.removeprefix("jdbc:"))
        if "@" in parts.netloc or {name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)} & _TELLING_OPTIONS:
            yield ("url",), "must not carry credentials: they stand in user and, as a secret reference, in password"
    if (db.table is None) == (db.query is None):
        yield ("table",), "give a table or a query, and not both"
    elif db.table is not None and not all(part.strip() for part in db.table.split(".")):
        yield ("table",), f"must be a table or schema.table, got {db.table!r}"
    if db.query is not None and db.query.rstrip().endswith(";"):
        yield ("query",), "must be one SELECT without a semicolon: it is read as part of another"
    if db.predicates and db.partition is not None:
        yield ("predicates",), "say how the read is cut, and so does partition: take one of the two out"
    if db.partition is not None and db.query is not None and db.partition.column is None:
        yield ("partition", "column"), "required with query: only a table has a primary key to find it by"
    if db.incremental is not None and db.incremental.sorted:
        yield ("incremental", "sorted"), "says nothing for a database, whose parts are read side by side: take it out"


_OF_CSV = ("header", "columns", "delimiter", "quote", "escape", "null_value")


def _of_file(file: File) -> Iterator[Breach]:
    if file.path is None:
        yield ("path",), "required: a folder or a file, path or URI"
    elif file.glob is not None and is_glob(file.path):
        yield ("glob",), "says which files, and so does what follows in path: take one of the two out"
    else:
        try:
            matcher(parted(file.path)[1] or file.glob or "**")
        except ValueError as error:
            yield ("path" if file.glob is None else "glob",), str(error)
    if file.format is None:
        yield ("format",), "required: csv, jsonl or parquet"
    told = file.model_fields_set
    if file.format not in ("csv", None):
        for key in _OF_CSV:
            if key in told:
                yield (key,), f"says nothing of {file.format}: take it out"
    if file.format == "parquet":
        for key in ("encoding", "multiline"):
            if key in told:
                yield (key,), "says nothing of parquet: take it out"
    if file.format == "csv":
        if file.header and file.columns:
            yield ("columns",), "are the names of files without a header: set header: false, or take them out"
        elif not file.header and not file.columns:
            yield ("columns",), "required with header: false: the names, in order"
        elif len({name.lower() for name in file.columns}) < len(file.columns):
            yield ("columns",), "must name each column once (names that differ only in case are one column for Spark)"
        if file.delimiter in (file.quote, file.escape):
            yield ("delimiter",), "must be another character than quote and escape"
    if file.encoding.startswith("utf-16") and not file.multiline and file.format != "parquet":
        yield ("multiline",), f"must be true with {file.encoding}: its lines cannot be told by bytes"


def of_classes(source: Source, allowed: Sequence[str]) -> Iterator[Breach]:
    """A class by its module runs code that whoever writes a configuration chooses: it has to be allowed by name."""
    named: list[tuple[Path, str, str]] = []
    if source.custom is not None:
        named.append((("custom", "class"), source.custom.class_, SOURCE_GROUP))
    if source.api is not None and isinstance(source.api.auth, CustomAuth):
        named.append((("api", "auth", "class"), source.api.auth.class_, AUTH_GROUP))
    for path, name, group in named:
        if is_module_class(name) and name not in allowed:
            yield (
                path,
                f"{name} is not allowed to run: name it in run.allow_classes, or with --set 'run.allow_classes=[\"{name}\"]'; "
                f"or install it as an entry point in the group {group}",
            )


def _of_api(api: Api) -> Iterator[Breach]:
    if api.base_url is None:
        yield ("base_url",), "required: http or https, with a host"
    else:
        yield from (((("base_url",), message)) for message in _of_base_url(api.base_url))
    if api.endpoint is None:
        yield ("endpoint",), "required: a path below base_url"
    elif re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", api.endpoint) or api.endpoint.startswith("//"):
        yield ("endpoint",), f"must be a path below base_url, got {api.endpoint!r}"
    elif "?" in api.endpoint or "#" in api.endpoint:
        yield ("endpoint",), "must be a path only; what follows a ? stands in params"
    if api.json_ is not None and api.method != "POST":
        yield ("json",), "needs method: POST"
    if api.method == "POST" and not isinstance(api.pagination, NoPagination) and not api.read_only:
        yield ("read_only",), "a POST that is paged is sent many times: set read_only: true if it changes nothing at the source"
    for section, given, telling in (("params", api.params, _TELLING_PARAMS), ("headers", api.headers, _TELLING_HEADERS)):
        for name, value in given.items():
            text = value if isinstance(value, str) else ""
            if text.startswith("secret:") or name.lower() in telling:
                yield (section, name), "credentials stand only in auth, such as {type: api_key, name: X-Api-Key, value: secret:env:NAME}"
    for path, text in ((("endpoint",), api.endpoint or ""), *((("params", name), str(value)) for name, value in api.params.items())):
        for unknown in re.findall(r"\{(?!run\.date\}|parent\.|incremental\.)([A-Za-z_]+\.[A-Za-z_.]+)\}", text):
            yield path, f"{{{unknown}}} is not known here; {{run.date}} is"
    yield from _of_bounds(api)
    yield from _of_records(api)
    for host in api.credential_hosts:
        if host not in api.allowed_hosts:
            yield ("credential_hosts",), f"{host} must stand in allowed_hosts too"
    yield from _of_parameters(api)


def _of_records(api: Api) -> Iterator[Breach]:
    """Lines and rows have nothing around them that a path could lead to."""
    if api.records_format != "csv" and api.csv != Csv():
        yield ("csv",), "says nothing without records_format: csv"
    if api.records_format == "json":
        return
    if api.records_path:
        yield ("records_path",), f"says nothing for {api.records_format}, whose answer is the list of records: take it out"
    for name in ("cursor_path", "next_url_path", "total_path", "total_pages_path", "has_more_path"):
        if getattr(api.pagination, name, None) is not None:
            yield ("pagination", name), f"leads to nothing in {api.records_format}: only page, offset and link go without the body"


def _of_bounds(api: Api) -> Iterator[Breach]:
    """A range is asked for from its start; windows, up to their ends."""
    asked = api.incremental
    named = [(path, name) for path, name in placeholders(api) if name.startswith("incremental.")]
    for path, name in named:
        if name not in (START, END):
            yield path, f"{{{name}}} is not known here; {{{START}}} and {{{END}}} are"
        elif asked is None:
            yield path, f"{{{name}}} needs incremental: {{cursor_field: …, initial_value: …}}"
        elif name == END and asked.by_number and asked.end_value is None:
            yield path, f"{{{END}}} needs incremental.end_value where the cursor is a number: no other end is known"
    if asked is None:
        return
    if asked.start_param is None and not any(name == START for _, name in named):
        yield ("incremental", "start_param"), f"required: the parameter that carries the start; or write {{{START}}} where it belongs"
    if asked.window is not None and not names_end(api):
        yield ("incremental", "window"), f"needs end_param, or {{{END}}} somewhere: without it a window has no end"


def _of_parent(source: Source) -> Iterator[Breach]:
    """Requests name the fields of a parent's records that are taken, and at least one of them."""
    parent, api = source.parent, source.api
    if source.type != "api" or api is None:
        if parent is not None:
            yield ("parent",), f"says nothing for type {source.type}: requests of an api are made from another source's records"
        return
    used = [(path, name.removeprefix("parent.")) for path, name in placeholders(api) if name.startswith("parent.")]
    for path, name in used:
        if parent is None:
            yield ("api", *path), "{parent.…} needs parent: {source: …, fields: […]}"
        elif name not in parent.fields:
            yield ("api", *path), f"{{parent.{name}}} is not among parent.fields: {', '.join(parent.fields)}"
    if parent is not None and api.incremental is not None and api.incremental.sorted:
        yield ("api", "incremental", "sorted"), "says nothing with parent, whose records are asked for side by side: take it out"
    if parent is not None and not used:
        yield ("parent", "fields"), f"no request names one: write {{parent.{parent.fields[0]}}} in endpoint, params, headers or json"


def _of_base_url(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
        host, user, _ = parts.hostname, parts.username or parts.password, parts.port
    except ValueError as error:
        yield f"must be a URL ({error})"
        return
    if parts.scheme not in ("http", "https") or not host:
        yield f"must be http or https with a host, such as https://api.example.com, got {url.split('@')[-1]!r}"
    elif user:
        yield "must not carry credentials; they stand in auth, as secret references"
    elif parts.query or parts.fragment:
        yield "must end with the path; what follows a ? stands in params"


def _of_parameters(api: Api) -> Iterator[Breach]:
    """Each parameter of a request is set by one key only."""
    paging, owners = api.pagination, dict.fromkeys(api.params, "params")
    ours: list[tuple[Path, str | None]] = []
    if isinstance(paging, PagePagination):
        ours = [
            (("pagination", "page_param"), paging.page_param if paging.location == "query" else None),
            (("pagination", "size_param"), paging.size_param if paging.size and paging.location == "query" else None),
        ]
        if paging.size and not paging.size_param:
            yield ("pagination", "size_param"), "required with size: the parameter that carries it"
        if paging.full_pages and not paging.size:
            yield ("pagination", "size"), "required with full_pages: how many records make a page full"
    elif isinstance(paging, OffsetPagination):
        if paging.location == "query":
            ours = [(("pagination", "offset_param"), paging.offset_param), (("pagination", "limit_param"), paging.limit_param)]
    elif isinstance(paging, CursorPagination):
        in_query = paging.location == "query"
        ours = [
            (("pagination", "cursor_param"), paging.cursor_param if in_query else None),
            (("pagination", "size_param"), paging.size_param),
        ]
        if (paging.size is None) != (paging.size_param is None):
            missing = "size" if paging.size is None else "size_param"
            yield ("pagination", missing), "size and size_param go together"
    if not isinstance(paging, NoPagination):
        if getattr(paging, "location", None) == "body" and api.method != "POST":
            yield ("pagination", "in"), "body needs method: POST"
        if paging.max_pages is not None and api.incremental is not None:
            yield (
                ("pagination", "max_pages"),
                "cuts off what incremental asks for, so that no watermark could be told: take one of the two out",
            )
    if api.incremental is not None:
        ours += [(("incremental", "start_param"), api.incremental.start_param), (("incremental", "end_param"), api.incremental.end_param)]
    if isinstance(api.auth, ApiKeyAuth) and api.auth.location == "query":
        ours.append((("auth", "name"), api.auth.name))
    for path, name in ours:
        if name is not None and name in owners:
            yield path, f"the parameter {name} is set by {owners[name]} too"
        elif name is not None:
            owners[name] = ".".join(path)
