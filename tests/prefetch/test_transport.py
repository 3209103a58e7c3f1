"""Bodies are decoded within caps; proxies come from the environment."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medallion.errors import PageError, PageTooLargeError
from medallion.prefetch.transport import inflate
from medallion.source.request import Request

P = Request(url="http://h/p")


def raw_deflate(data: bytes) -> bytes:
    """Deflate without the header that the standard asks for, as some servers send it."""
    return zlib.compress(data)[2:-4]


SPELLINGS = {
    "gzip": gzip.compress,
    "GZIP ": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "identity": bytes,
    "": bytes,
}


@settings(max_examples=40)
@given(data=st.binary(max_size=2000), spelling=st.sampled_from(sorted(SPELLINGS)), raw=st.booleans())
def test_what_was_compressed_comes_back_up_to_the_cap(data: bytes, spelling: str, raw: bool) -> None:
    """Exactly the cap passes, one byte more does not."""
    body = raw_deflate(data) if raw and spelling == "deflate" else SPELLINGS[spelling](data)
    assert inflate(body, spelling, cap=len(data), request=P) == data
    if data:
        with pytest.raises(PageTooLargeError):
            inflate(body, spelling, cap=len(data) - 1, request=P)


def test_gzip_members_are_put_together() -> None:
    """A gzip body may consist of several parts, with padding behind; the cap is for all of them."""
    body = gzip.compress(b"ab") + gzip.compress(b"cd") + b"\0\0"
    assert inflate(body, "gzip", cap=4, request=P) == b"abcd"
    with pytest.raises(PageTooLargeError):
        inflate(body, "gzip", cap=3, request=P)


@pytest.mark.parametrize(
    ("body", "encoding", "says"),
    [
        (gzip.compress(b"x" * 100, mtime=0)[:-9], "gzip", "cut off"),
        (b"no gzip at all", "gzip", "broken"),
        (b"\x78\x9c\xff\xff\xff", "deflate", "broken"),
        (b"x", "br", "although only gzip, deflate"),
        (b"x", "gzip, gzip", "although only"),
    ],
    ids=["cut off", "no gzip", "no deflate", "brotli", "twice"],
)
def test_what_cannot_be_decoded_is_an_error(body: bytes, encoding: str, says: str) -> None:
    """A broken, cut-off or unknown encoding names the page."""
    with pytest.raises(PageError, match=f"^.*p: .*{says}"):
        inflate(body, encoding, cap=1000, request=P)


def test_a_bomb_stops_at_the_cap() -> None:
    """A thousand to one: no more than the cap is ever unpacked."""
    with pytest.raises(PageTooLargeError, match="more than 1000 decoded bytes"):
        inflate(gzip.compress(b"\0" * 10_000_000), "gzip", cap=1000, request=P)
