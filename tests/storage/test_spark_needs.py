"""What Spark is told of stores: jars by the scheme of a root, settings by its connection, nothing that nobody asked for."""

from __future__ import annotations

from typing import Any

import pytest

from medallion.config.pipeline import Pipeline
from medallion.config.platform import Platform
from medallion.config.secret import Secrets
from medallion.config.source import Source
from medallion.errors import SecretError
from medallion.flow import spark_needs_of
from medallion.jars import Needs
from medallion.storage.location import Location
from medallion.storage.roots import spark_needs
from medallion.storage.s3a import CHECKPOINTS

SECRETS = Secrets(environ={"KEY": "the key", "SECRET": "the secret", "TOKEN": "?the token"})
HOST = "account.dfs.core.windows.net"
S3_KEYS = {"access_key": "secret:env:KEY", "secret_key": "secret:env:SECRET"}


def needs(bronze: str, silver: str = "/lake", state: str = "/state", *, backend: str = "auto", **connection: dict[str, Any]) -> Needs:
    """Those of a platform with these roots."""
    roots = {"bronze": {"root": bronze, "storage_backend": backend}, "silver": {"root": silver}, "state": {"root": state}}
    return spark_needs(Platform.model_validate({**roots, "connection": connection}), SECRETS)


def of(found: Needs, prefix: str) -> dict[str, str]:
    """Hadoop's settings that begin so, without that."""
    whole = f"spark.hadoop.{prefix}."
    return {key.removeprefix(whole): value for key, value in found.conf.items() if key.startswith(whole)}


@pytest.mark.parametrize("root", ["./lake/bronze", "file:///lake", "hdfs://name:8020/lake"])
def test_local_disks_and_hdfs_need_nothing(root: str) -> None:
    """Spark brings what reads them."""
    assert needs(root, root, root) == Needs()


@pytest.mark.parametrize("backend", ["auto", "s3", "hadoop"])
@pytest.mark.parametrize("scheme", ["s3", "s3a"])
def test_buckets_need_s3a(scheme: str, backend: str) -> None:
    """Whoever opens it in Python, and however it is spelled: Spark reads it by one scheme, with the SDK in parts."""
    found = needs(f"{scheme}://lake/bronze", backend=backend)
    names = [package.split(":")[1] for package in found.packages]
    assert names == ["hadoop-aws", "s3", "s3-transfer-manager", "sts", "spark-hadoop-cloud_2.13"]
    assert "software.amazon.awssdk:bundle" in found.excluded
    assert Location.parse(f"{scheme}://lake/bronze").uri == "s3a://lake/bronze"


def test_a_bucket_at_an_endpoint() -> None:
    """Address, region and keys of a store that is not Amazon's."""
    found = needs("s3a://lake/bronze", s3={"endpoint": "http://127.0.0.1:9000", **S3_KEYS})
    assert of(found, "fs.s3a") == {
        "endpoint": "http://127.0.0.1:9000",
        "endpoint.region": "us-east-1",
        "path.style.access": "true",
        "connection.ssl.enabled": "false",
        "access.key": "the key",
        "secret.key": "the secret",
        "aws.credentials.provider": "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider",
    }


def test_temporary_credentials_of_a_bucket() -> None:
    """A token has a provider of its own."""
    found = of(needs("s3a://lake/bronze", s3={**S3_KEYS, "session_token": "secret:env:TOKEN"}), "fs.s3a")
    assert found["session.token"] == "?the token"
    assert found["aws.credentials.provider"].endswith(".TemporaryAWSCredentialsProvider")
    assert "endpoint" not in found


def test_files_that_are_read_bring_what_their_store_needs() -> None:
    """A bucket of a source counts like a root, also where its path is a pattern."""
    source = {"name": "a", "system": "s", "table": "t", "load_pattern": "cdc", "type": "file", "file": {"path": "s3://in/dt=*/*.csv"}}
    pipeline = Pipeline(config_version=1, pipeline="p", sources=(Source.model_validate(source),))
    assert any("hadoop-aws" in package for package in spark_needs_of(pipeline, SECRETS).packages)
    assert not spark_needs(Platform(), SECRETS).packages


def test_without_keys_the_role_of_the_machine_counts() -> None:
    """As for boto3: the environment, a profile, the role."""
    assert of(needs("s3a://lake/bronze", s3={"region": "eu-central-1"}), "fs.s3a") == {
        "endpoint.region": "eu-central-1",
        "aws.credentials.provider": "software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider",
    }


def test_checkpoints_on_a_bucket_are_not_renamed() -> None:
    """The class that writes them is for s3a alone, so it counts where the state is, and nowhere else."""
    assert CHECKPOINTS.items() <= needs("/lake", state="s3://lake/state").conf.items()
    assert not CHECKPOINTS.keys() & needs("s3://lake/bronze").conf.keys()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"account_key": "secret:env:KEY"},
            {
                f"account.auth.type.{HOST}": "SharedKey",
                f"account.key.{HOST}": "the key",
                "account.key.account.blob.core.windows.net": "the key",
            },
        ),
        ({"sas_token": "secret:env:TOKEN"}, {f"account.auth.type.{HOST}": "SAS", f"sas.fixed.token.{HOST}": "the token"}),
        (
            {"tenant_id": "t", "client_id": "c", "client_secret": "secret:env:SECRET"},
            {
                f"account.auth.type.{HOST}": "OAuth",
                f"account.oauth.provider.type.{HOST}": "org.apache.hadoop.fs.azurebfs.oauth2.ClientCredsTokenProvider",
                f"account.oauth2.client.endpoint.{HOST}": "https://login.microsoftonline.com/t/oauth2/token",
                f"account.oauth2.client.id.{HOST}": "c",
                f"account.oauth2.client.secret.{HOST}": "the secret",
            },
        ),
        (
            {},
            {
                f"account.auth.type.{HOST}": "OAuth",
                f"account.oauth.provider.type.{HOST}": "org.apache.hadoop.fs.azurebfs.oauth2.MsiTokenProvider",
            },
        ),
        (
            {"tenant_id": "t", "client_id": "c"},
            {
                f"account.auth.type.{HOST}": "OAuth",
                f"account.oauth.provider.type.{HOST}": "org.apache.hadoop.fs.azurebfs.oauth2.MsiTokenProvider",
                f"account.oauth2.client.id.{HOST}": "c",
                f"account.oauth2.msi.tenant.{HOST}": "t",
            },
        ),
    ],
    ids=["key", "signature", "service principal", "managed identity", "one of several identities"],
)
def test_an_account_of_azure(settings: dict[str, str], told: dict[str, str]) -> None:
    """Each way to be known, for the account of the root alone."""
    found = needs(f"abfss://lake@{HOST}/bronze", azure=settings)
    assert of(found, "fs.azure") == told
    assert [package.split(":")[1] for package in found.packages] == ["hadoop-azure"]


def test_an_emulator_of_azure() -> None:
    """It has neither hierarchy nor encryption."""
    found = of(
        needs(f"abfs://lake@{HOST}/bronze", azure={"endpoint": "http://127.0.0.1:10000", "account_key": "secret:env:KEY"}), "fs.azure"
    )
    assert found["abfs.endpoint"] == "127.0.0.1:10000"
    assert found["always.use.https"] == "false"
    assert found["account.hns.enabled"] == "false"


def test_two_clouds_in_one_pipeline() -> None:
    """Nothing is left out for one store that the other needs."""
    found = needs("s3a://lake/bronze", f"abfss://lake@{HOST}/silver", azure={"account_key": "secret:env:KEY"})
    assert {"hadoop-aws", "hadoop-azure"} <= {package.split(":")[1] for package in found.packages}
    assert "org.apache.hadoop:hadoop-azure" not in found.excluded


def test_credentials_are_masked_from_then_on() -> None:
    """Whatever Spark says of its settings goes through the same mask."""
    secrets = Secrets(environ={"KEY": "an-azure-key"})
    platform = Platform.model_validate(
        {"bronze": {"root": f"abfss://lake@{HOST}/b"}, "connection": {"azure": {"account_key": "secret:env:KEY"}}}
    )
    spark_needs(platform, secrets)
    assert secrets.mask("fs.azure.account.key=an-azure-key") == "fs.azure.account.key=***"


def test_a_secret_that_is_missing_fails_before_spark_starts() -> None:
    """The reference is named."""
    with pytest.raises(SecretError, match="secret:env:NONE"):
        needs("s3a://lake/bronze", s3={**S3_KEYS, "secret_key": "secret:env:NONE"})
