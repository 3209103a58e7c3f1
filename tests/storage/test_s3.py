"""What a store that speaks S3 refuses arrives as our errors, and what cannot work is said before anybody is asked."""

from __future__ import annotations

import builtins
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from urllib3.exceptions import ProtocolError

from medallion import errors
from medallion.config.connection import Connection
from medallion.config.secret import Secrets
from medallion.storage.location import Location
from medallion.storage.provider import Access
from medallion.storage.s3 import S3FileSystem, _refusal

ROOT = Location.parse("s3a://lake/bronze")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "NoSuchKey", errors.NotFoundError),
        (404, "NoSuchBucket", errors.StorageError),
        (412, "PreconditionFailed", errors.AlreadyExistsError),
        (409, "ConditionalRequestConflict", errors.StorageUnavailable),
        (400, "RequestTimeout", errors.StorageUnavailable),
        (503, "SlowDown", errors.StorageUnavailable),
        (403, "AccessDenied", errors.StorageError),
        (501, "NotImplemented", errors.UnsafeStoreError),
        (400, "InvalidRequest", errors.StorageError),
    ],
)
def test_answers_become_our_errors(status: int, code: str, kind: type[errors.StorageError]) -> None:
    """The status decides, the code where it says more."""
    refusal = _refusal({"ResponseMetadata": {"HTTPStatusCode": status}, "Error": {"Code": code, "Message": "why"}}, "s3a://lake/a")

    assert type(refusal) is kind
    assert "s3a://lake/a" in refusal.sentence


def test_a_store_that_is_not_there_is_unavailable() -> None:
    """A closed port is a passing trouble, and named with the place."""
    fs = S3FileSystem.opened(ROOT, _access({"endpoint": "http://127.0.0.1:9", **KEYS}))

    with pytest.raises(errors.StorageUnavailable, match="s3a://lake/bronze/a: the store does not answer"):
        fs.exists("a")


def test_a_listing_that_breaks_off_is_a_passing_trouble() -> None:
    """The SDK passes on what it meets while it reads an answer whole."""

    def broken(**_: Any) -> Any:
        raise ProtocolError("Connection broken: ConnectionResetError(104)")
        yield

    client = SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=broken))
    with pytest.raises(errors.StorageUnavailable, match="does not answer"):
        list(S3FileSystem(ROOT, client=client).files())


KEYS = {"access_key": "secret:env:KEY", "secret_key": "secret:env:SECRET"}


@pytest.mark.parametrize(
    ("settings", "url", "region"),
    [
        ({"endpoint": "http://minio.lan:9000"}, "http://minio.lan:9000/lake/bronze/a", "us-east-1"),
        ({"endpoint": "https://rgw.lan", "region": "default"}, "https://rgw.lan/lake/bronze/a", "default"),
        (
            {"endpoint": "https://0a1b.r2.cloudflarestorage.com", "region": "auto"},
            "https://0a1b.r2.cloudflarestorage.com/lake/bronze/a",
            "auto",
        ),
        ({"endpoint": "https://s3.store.lan", "path_style": False}, "https://lake.s3.store.lan/bronze/a", "us-east-1"),
        ({"region": "eu-central-1"}, "https://lake.s3.eu-central-1.amazonaws.com/bronze/a", "eu-central-1"),
        ({"region": "eu-central-1", "path_style": True}, "https://s3.eu-central-1.amazonaws.com/lake/bronze/a", "eu-central-1"),
    ],
    ids=["MinIO", "Ceph", "R2", "names of buckets", "Amazon", "Amazon, in the path"],
)
def test_a_connection_leads_to_the_address_that_each_store_wants(settings: dict[str, Any], url: str, region: str) -> None:
    """Bucket in the path or in the host's name, signed for the region; a creation is conditional and has no checksum behind its body.

    Trailing checksums, which boto3 sends by default, are refused by stores that do not know them.
    """
    fs = S3FileSystem.opened(ROOT, _access({**settings, **KEYS}))
    sent: list[Any] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 200, {}, SimpleNamespace(stream=lambda *_a, **_k: iter([b""])))

    fs._client.meta.events.register("before-send.s3", answer)
    fs.put_if_absent("a", b"some bytes")
    (request,) = sent
    headers = {name.lower(): value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()}
    assert request.url == url
    assert f"/{region}/s3/aws4_request" in headers["authorization"]
    assert headers["if-none-match"] == "*"
    assert not [name for name in headers if name.startswith("x-amz-checksum") or name in ("x-amz-trailer", "content-encoding")]


def _access(s3: dict[str, Any]) -> Access:
    return Access(connection=Connection.model_validate({"s3": s3}), resolver=Secrets(environ={"KEY": "the key", "SECRET": "the secret"}))


def test_a_secret_that_is_not_there_fails_before_anybody_is_asked() -> None:
    """The reference is named."""
    with pytest.raises(errors.SecretError, match="secret:env:OTHER"):
        S3FileSystem.opened(ROOT, _access({**KEYS, "secret_key": "secret:env:OTHER"}))


def test_a_root_needs_a_bucket() -> None:
    """s3:///folder means no place."""
    with pytest.raises(errors.StorageError, match="names no bucket"):
        S3FileSystem.opened(Location.parse("s3:///bronze"), Access())


def test_without_boto3_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named."""
    imported = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("botocore"):
            raise ImportError(name)
        return imported(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(errors.StorageError, match=r"medallion-foundry\[s3\]"):
        S3FileSystem.opened(ROOT, Access())
