"""``--storage-scope onprem`` lets through only what is declared on-premises and what does not contradict itself."""

from __future__ import annotations

from typing import Any

import pytest

from medallion.config.platform import Platform
from medallion.config.scope import beyond_premises

ONPREM = {"boundary": "onprem"}


def found(platform: dict[str, Any], *, declared: bool = True) -> dict[str, str]:
    """What keeps the storage out, by its path."""
    whole = {"storage_metadata": ONPREM, **platform}
    return {".".join(path): message for path, message in beyond_premises(Platform.model_validate(whole), declared=declared)}


@pytest.mark.parametrize(
    "platform",
    [
        {},
        {"bronze": {"root": "hdfs://name/lake"}, "silver": {"catalog": "spark_catalog"}},
        {"bronze": {"root": "s3a://lake/b"}, "connection": {"s3": {"endpoint": "http://minio.lan:9000"}}},
        {"bronze": {"root": "s3a://lake/b"}, "connection": {"s3": {"endpoint": "https://amazonaws.com.example.org"}}},
        {
            "bronze": {"root": "abfs://lake@devstoreaccount1.dfs.core.windows.net/b"},
            "connection": {"azure": {"endpoint": "http://127.0.0.1:1"}},
        },
        {"bronze": {"root": "vault://lake/b"}},
    ],
    ids=["disks", "hdfs", "minio", "a name that only looks so", "emulator", "plug-in"],
)
def test_what_is_declared_and_contradicts_nothing_passes(platform: dict[str, Any]) -> None:
    """A store of one's own, whatever it speaks."""
    assert found(platform) == {}


def test_a_default_is_no_declaration() -> None:
    """Somebody has to have written it."""
    assert "is not declared" in found({}, declared=False)["storage_metadata.boundary"]


def test_what_says_cloud_is_refused() -> None:
    """Whatever its roots are."""
    assert found({"storage_metadata": {"boundary": "cloud"}}) == {"storage_metadata.boundary": "is cloud"}


@pytest.mark.parametrize(
    ("root", "connection", "words"),
    [
        ("s3a://lake/b", {}, "Amazon's cloud"),
        ("S3://lake/b", {}, "Amazon's cloud"),
        ("s3a://lake/b", {"s3": {"endpoint": "https://s3.eu-central-1.amazonaws.com"}}, "a public cloud (s3.eu-central-1.amazonaws.com)"),
        ("s3a://lake/b", {"s3": {"endpoint": "https://0123.r2.cloudflarestorage.com"}}, "a public cloud"),
        ("s3a://lake/b", {"s3": {"endpoint": "https://storage.googleapis.com."}}, "a public cloud"),
        ("abfss://lake@account.dfs.core.windows.net/b", {}, "a public cloud (account.dfs.core.windows.net)"),
        ("wasbs://lake@account.blob.core.windows.net/b", {}, "a public cloud"),
        ("gs://lake/b", {}, "Google's cloud"),
        ("/Volumes/main/raw/lake", {}, "a Databricks workspace"),
        ("dbfs:/Volumes/main/raw/lake", {}, "a Databricks workspace"),
    ],
)
@pytest.mark.parametrize("part", ["bronze.root", "silver.root", "state.root", "silver.exports.root"])
def test_a_root_in_a_public_cloud_contradicts_the_declaration(root: str, connection: dict[str, Any], words: str, part: str) -> None:
    """Each of the roots, with its path."""
    *above, last = part.split(".")
    section: dict[str, Any] = {last: root}
    for name in reversed(above):
        section = {name: section}
    (message,) = [text for path, text in found({"connection": connection, **section}).items() if path == part]
    assert words in message
    assert message.endswith("contradicts boundary: onprem")


def test_a_cloud_provider_contradicts_the_declaration() -> None:
    """Both cannot be true."""
    metadata = {"storage_metadata": {**ONPREM, "cloud_provider": "azure"}}
    assert "contradicts" in found(metadata)["storage_metadata.cloud_provider"]
