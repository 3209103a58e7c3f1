"""Each format of records, read from a real server, by both ways of asking."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from typing import Any

import pytest
from asking import Asking

from medallion.errors import PageError, PageTooLargeError
from medallion.testing.server import Reply, Seen, gzip_bomb, gzipped, json_reply, one_by_one, serve

ROWS = [{"id": 1, "tags": ["a"]}, {"id": 2, "tags": []}, {"id": 3, "tags": None}]
LINES = "".join(f"{json.dumps(row)}\n" for row in ROWS).encode()
TABLE = b'id,tags\r\n1,"[""a""]"\r\n2,[]\r\n3,\r\n'

FORMATS: dict[str, tuple[dict[str, Any], Reply]] = {
    "json": ({}, json_reply({"data": ROWS})),
    "jsonl": ({"records_format": "jsonl", "records_path": ""}, Reply(headers=(("Content-Type", "application/x-ndjson"),), body=LINES)),
    "csv": ({"records_format": "csv", "records_path": ""}, Reply(headers=(("Content-Type", "text/csv"),), body=TABLE)),
}


def packed(reply: Reply) -> Reply:
    """The answer is a file of gzip."""
    return replace(reply, body=gzip.compress(reply.body, mtime=0))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("sent", [lambda reply: reply, gzipped, packed, lambda reply: gzipped(packed(reply))])
def test_records_come_in_each_format_packed_or_not(way: dict[str, Any], name: str, sent: Any) -> None:
    """As content encoding, as a file, or both; values of CSV come by the declared schema."""
    settings, reply = FORMATS[name]
    with serve(lambda _: sent(reply)) as server:
        asking = Asking(server.url)
        asking.read(**way, **settings, pagination={"type": "none"}, schema="id BIGINT, tags ARRAY<STRING>")
    assert [json.loads(record) for page in asking.pages for record in page.records] == ROWS
    accepted = server.seen[0].headers["accept"]
    assert {"json": "application/json", "jsonl": "application/x-ndjson", "csv": "text/csv"}[name] in accepted


@pytest.mark.parametrize("name", ["jsonl", "csv"])
@pytest.mark.parametrize("size", [2, 3])
def test_lines_and_rows_are_paged(way: dict[str, Any], name: str, size: int) -> None:
    """By number, until a page is empty: of CSV, one with a header only."""

    def answer(seen: Seen) -> Reply:
        first = (int(seen.query["page"]) - 1) * size
        if name == "jsonl":
            return Reply(body=b"".join(LINES.splitlines(keepends=True)[first : first + size]))
        header, *rows = TABLE.splitlines(keepends=True)
        return Reply(body=header + b"".join(rows[first : first + size]))

    with serve(answer) as server:
        assert Asking(server.url).read(**way, **FORMATS[name][0], schema="id BIGINT") == [1, 2, 3]


@pytest.mark.parametrize(("name", "bad"), [("jsonl", b'{"id": '), ("csv", b'id\r\n1\r\n"2')])
def test_a_body_that_was_cut_off_is_asked_again(way: dict[str, Any], name: str, bad: bytes) -> None:
    """It ends where its encoding says that it ends, so only its text shows it."""
    settings, good = FORMATS[name]
    with serve(one_by_one(Reply(body=LINES + bad if name == "jsonl" else bad), then=lambda _: good)) as server:
        assert Asking(server.url).read(**way, **settings, pagination={"type": "none"}, schema="id BIGINT") == [1, 2, 3]
        assert len(server.seen) == 2


@pytest.mark.parametrize("name", FORMATS)
def test_a_small_body_that_becomes_large_is_cut_off(way: dict[str, Any], name: str) -> None:
    """Bytes count when they are decoded, whatever they were packed in, and however often."""
    bomb = gzip_bomb(2_000_000)
    assert len(bomb.body) < 4_000
    for reply in (bomb, Reply(body=bomb.body), gzipped(Reply(body=bomb.body))):
        with serve(lambda _, reply=reply: reply) as server:  # type: ignore[misc]
            error = Asking(server.url).fail(**way, **FORMATS[name][0], pagination={"type": "none"}, limits={"decoded_bytes": "1mb"})
        assert isinstance(error, PageTooLargeError), error.sentence


def test_a_gzip_file_that_is_broken_is_said(way: dict[str, Any]) -> None:
    """Never a part of it."""
    for body in (packed(FORMATS["csv"][1]).body[:-9], b"\x1f\x8b\x08broken"):
        with serve(lambda _, body=body: Reply(body=body)) as server:  # type: ignore[misc]
            error = Asking(server.url).fail(**way, **FORMATS["csv"][0], pagination={"type": "none"}, retry={"attempts": 1})
        assert isinstance(error, PageError)
