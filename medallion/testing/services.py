"""Real stores on this machine, for tests and for trying things out: ``python -m medallion.testing.services`` starts them all.

Their versions stand here and nowhere else.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from medallion.config.connection import Connection
from medallion.config.secret import Secrets
from medallion.jars import Needs, release
from medallion.storage.location import Location
from medallion.storage.provider import Access
from medallion.storage.registry import provider_for
from medallion.testing.jars import Jar, fetched, java, of_spark
from medallion.testing.node import azurite, node
from medallion.testing.process import free_port, running
from medallion.testing.session import YOUNG

S3PROXY = Jar(group="org.gaul", name="s3proxy", version="4.1.0", classifier="jar-with-dependencies")
MINICLUSTER = (
    Jar(group="org.junit.jupiter", name="junit-jupiter-api", version="5.11.4"),
    Jar(group="org.junit.platform", name="junit-platform-commons", version="1.11.4"),
    Jar(group="org.opentest4j", name="opentest4j", version="1.3.0"),
    Jar(group="org.mockito", name="mockito-core", version="4.11.0"),
)
"""What Hadoop's own cluster for tests is built on beside Hadoop."""
BUCKET = "lake"
S3_KEY, S3_SECRET = "medallion", "a secret/of S3+"

AZURITE_ACCOUNT = "devstoreaccount1"
AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The emulator's own, which its documentation publishes."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A store that runs: a root that is there, and what a configuration and its environment need to reach it."""

    root: str
    connection: dict[str, object]
    """What stands under ``platform.connection``."""
    environ: dict[str, str]
    """The variables that its secret references name."""
    url: str

    @property
    def access(self) -> Access:
        """The same for a provider."""
        return Access(connection=Connection.model_validate(self.connection), resolver=Secrets(environ=self.environ))

    @property
    def needs(self) -> Needs:
        """The jars and settings by which Spark reaches it."""
        root = Location.parse(self.root)
        return provider_for(root, "hadoop").needs(root, self.access)

    @property
    def flags(self) -> list[str]:
        """The same for the command line."""
        sections = {kind: settings for kind, settings in self.connection.items() if isinstance(settings, dict)}
        return [f"--set=platform.connection.{kind}.{name}={value}" for kind, told in sections.items() for name, value in told.items()]

    def behind(self, url: str) -> Service:
        """The same store, reached by another address."""
        return Service(root=self.root, connection=_replaced(self.connection, self.url, url), environ=self.environ, url=url)


def _replaced(value: dict[str, object], old: str, new: str) -> dict[str, object]:
    return {
        key: _replaced(child, old, new) if isinstance(child, dict) else child.replace(old, new) if isinstance(child, str) else child
        for key, child in value.items()
    }


@contextlib.contextmanager
def s3() -> Iterator[Service]:
    """S3Proxy over a folder of its own, with one bucket, there while inside. Raises ServiceMissing where there is no Java."""
    program = java()
    (jar,) = fetched("s3proxy", [S3PROXY])
    with tempfile.TemporaryDirectory(prefix="medallion-s3-") as folder:
        port = free_port()
        (Path(folder) / "files" / BUCKET).mkdir(parents=True)
        settings = {
            "s3proxy.endpoint": f"http://127.0.0.1:{port}",
            "s3proxy.authorization": "aws-v2-or-v4",
            "s3proxy.identity": S3_KEY,
            "s3proxy.credential": S3_SECRET,
            "jclouds.provider": "filesystem-nio2",
            "jclouds.identity": "unused",
            "jclouds.credential": "unused",
            "jclouds.filesystem.basedir": f"{folder}/files",
        }
        conf = Path(folder) / "s3proxy.conf"
        conf.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        with running([program, "-Xmx512m", "-jar", jar, "--properties", conf], ready="Started ogsoejs.Server@"):
            references = {"access_key": "secret:env:LAKE_S3_KEY", "secret_key": "secret:env:LAKE_S3_SECRET"}
            yield Service(
                root=f"s3a://{BUCKET}",
                connection={"s3": {"endpoint": f"http://127.0.0.1:{port}", "region": "us-east-1", **references}},
                environ={"LAKE_S3_KEY": S3_KEY, "LAKE_S3_SECRET": S3_SECRET},
                url=f"http://127.0.0.1:{port}",
            )


@contextlib.contextmanager
def azure() -> Iterator[Service]:
    """Azurite in memory, with one container, there while inside. Raises ServiceMissing where there is no Node."""
    from azure.storage.blob import ContainerClient

    program = azurite()
    command: list[str | Path] = [
        node(),
        program,
        "--inMemoryPersistence",
        "--blobHost",
        "127.0.0.1",
        "--blobPort",
        "0",
        "--skipApiVersionCheck",
        "--silent",
    ]
    with running(command, ready="successfully listens on", patience=0.5) as said:  # it waits for connections that nobody closes
        url = said.split()[-1]
        service = Service(
            root=f"abfs://{BUCKET}@{AZURITE_ACCOUNT}.dfs.core.windows.net",
            connection={"azure": {"endpoint": url, "account_key": "secret:env:LAKE_AZURE_KEY"}},
            environ={"LAKE_AZURE_KEY": AZURITE_KEY},
            url=url,
        )
        container = ContainerClient(f"{url}/{AZURITE_ACCOUNT}", BUCKET, credential=AZURITE_KEY)
        container.create_container()
        container.close()
        yield service


@contextlib.contextmanager
def hdfs() -> Iterator[Service]:
    """HDFS, a name node and a data node in one process, there while inside. Raises ServiceMissing where there is no Java or pyspark."""
    program, port = java(), free_port()
    (cluster,) = fetched("hdfs", [Jar(group="org.apache.hadoop", name="hadoop-client-minicluster", version=release().hadoop)])
    needed = fetched("hdfs", MINICLUSTER)
    ours = of_spark(
        "hadoop-client-api",
        "hadoop-client-runtime",
        "commons-cli",
        "slf4j-api",
        "jcl-over-slf4j",
        "log4j-api",
        "log4j-core",
        "log4j-slf4j2-impl",
    )
    with tempfile.TemporaryDirectory(prefix="medallion-hdfs-") as folder:
        command: list[str | Path] = [
            program,
            *("-Xmx512m", *YOUNG.split()),
            f"-Dtest.build.data={folder}/data",
            f"-Djava.io.tmpdir={folder}",
            "-Dorg.apache.logging.log4j.level=INFO",
            "-cp",
            ":".join(map(str, [cluster, *needed, *ours])),
            "org.apache.hadoop.test.MiniDFSClusterManager",
            *("-datanodes", "1", "-nnport", str(port), "-format"),
        ]
        with running(command, ready="Started MiniDFSCluster"):
            yield Service(root=f"hdfs://127.0.0.1:{port}", connection={}, environ={}, url=f"hdfs://127.0.0.1:{port}")


def main() -> None:
    """Starts every store until Ctrl-C, and says how each is reached."""
    with contextlib.ExitStack() as stack, contextlib.suppress(KeyboardInterrupt):
        for start in (s3, azure, hdfs):
            service = stack.enter_context(start())
            sys.stdout.write("".join(f"export {name}={shlex.quote(value)}\n" for name, value in service.environ.items()))
            sys.stdout.write(f"# root: {service.root}/folder, connection: {json.dumps(service.connection)}\n")
        sys.stdout.write("# running until Ctrl-C\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
