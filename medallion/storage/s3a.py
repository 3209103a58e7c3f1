"""Spark on stores that speak S3: the jars of Hadoop's s3a, and its settings from a connection."""

from __future__ import annotations

from urllib.parse import urlsplit

from medallion.jars import Needs, Release, release
from medallion.storage.location import Location
from medallion.storage.provider import Access

DEFAULT_REGION = "us-east-1"
"""Of stores that have none of their own: a signature needs one."""
FOUND = "software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider"
"""Credentials of the environment, a profile, or the machine's role, as boto3 finds them."""
GIVEN = "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider"
PASSING = "org.apache.hadoop.fs.s3a.TemporaryAWSCredentialsProvider"
CHECKPOINTS = {
    "spark.sql.streaming.checkpointFileManagerClass": "org.apache.spark.internal.io.cloud.AbortableStreamBasedCheckpointFileManager"
}
"""For checkpoints on s3a: Spark's own way renames files, which is a copy there. The class refuses other stores."""

SPARKS_OWN = ("io.netty:*", "org.slf4j:*", "commons-logging:*", "commons-codec:*", "org.apache.httpcomponents:*")
"""What the SDK is built on and Spark has: of two versions of one class chance would choose."""
OTHER_CLOUDS = (
    "com.fasterxml.jackson.dataformat:*",
    "com.google.cloud.bigdataoss:*",
    "com.huaweicloud:*",
    "com.squareup.okhttp3:*",
    "com.squareup.okio:*",
    "joda-time:*",
    "org.apache.hadoop:hadoop-azure",
    "org.apache.hadoop:hadoop-cloud-storage",
    "org.apache.hadoop:hadoop-huaweicloud",
    "org.eclipse.jetty:*",
    "org.spark-project.spark:unused",
)
"""What Spark's part for object stores brings for others than this one."""


def needs(_root: Location, access: Access) -> Needs:
    """What Spark needs to read and write any bucket. Raises SecretError."""
    settings = access.connection.s3
    conf = {
        "endpoint": settings.endpoint,
        "endpoint.region": settings.region or (DEFAULT_REGION if settings.endpoint else None),
        "path.style.access": "true" if settings.in_path else None,
        "connection.ssl.enabled": None if settings.endpoint is None else str(urlsplit(settings.endpoint).scheme == "https").lower(),
        "access.key": access.secret(settings.access_key),
        "secret.key": access.secret(settings.secret_key),
        "session.token": access.secret(settings.session_token),
        "aws.credentials.provider": FOUND if settings.access_key is None else GIVEN if settings.session_token is None else PASSING,
    }
    jars = _jars(release())
    return Needs(
        packages=jars.packages,
        excluded=jars.excluded,
        conf={f"spark.hadoop.fs.s3a.{name}": value for name, value in conf.items() if value is not None},
    )


def _jars(of: Release) -> Needs:
    """The parts of the SDK that s3a uses, 20 MB, in place of all of its services in one jar of 686 MB."""
    sdk = tuple(f"software.amazon.awssdk:{part}:{of.aws_sdk}" for part in ("s3", "s3-transfer-manager", "sts"))
    return Needs(
        packages=(f"org.apache.hadoop:hadoop-aws:{of.hadoop}", *sdk, of.cloud),
        excluded=("software.amazon.awssdk:bundle", *SPARKS_OWN, *OTHER_CLOUDS),
    )
