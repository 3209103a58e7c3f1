"""Whether a pipeline can run here: its machine, its secrets, its roots and its sources, each looked at; what fails says what to do."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from medallion.clock import Clock
from medallion.config.connection import S3
from medallion.config.pipeline import Pipeline
from medallion.config.platform import Platform
from medallion.config.secret import SecretResolver
from medallion.config.shape import references
from medallion.config.source import Source
from medallion.errors import MedallionError, SecretError, SourceError, worst
from medallion.flow import needs_jvm
from medallion.machine import Finding, Machine, fail, findings, ok, warn
from medallion.policy.retry import RetryPolicy
from medallion.preview import preview
from medallion.storage.location import Location
from medallion.storage.proven import MARK, ProvenFileSystem
from medallion.storage.race import FOLDER
from medallion.storage.roots import Roots, provider_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WRITERS, ROUNDS = 8, 10
SKEW = timedelta(minutes=1)
"""How far the clocks of this machine and of a store may be apart before it is said."""
PATIENCE = RetryPolicy(attempts=2, longest_wait=timedelta(seconds=1))
"""A store that is down shall be seen to be down soon."""
POSTGRESQL_PORT = 5432


@dataclass(frozen=True, kw_only=True)
class Checkup:
    """Everything that was looked at, in order."""

    findings: tuple[Finding, ...]

    @property
    def exit_status(self) -> int:
        """The worst of what fails; 0 where nothing does, warnings or not."""
        return worst(one.exit_status for one in self.findings if one.verdict == "fail")


def doctor(
    pipeline: Pipeline,
    *,
    machine: Machine,
    resolver: SecretResolver,
    clock: Clock,
    session: SparkSession | None = None,
    live: bool = False,
) -> Checkup:
    """Looks at all that a run of *pipeline* needs, and raises nothing that it finds.

    Each root is written to: eight writers race there. *session*, if there is one, is looked at too, and opens the roots that need it. With
    *live* each source is asked for one page.
    """
    spark_needed = bool(pipeline.silver) or needs_jvm_safely(pipeline) or any(source.by_spark for source in pipeline.sources)
    found = [*findings(machine, pipeline, spark_needed=spark_needed), *_secrets(pipeline, resolver)]
    if session is not None:
        found += _session(session)
    found += _roots(pipeline.platform, machine, Roots(platform=pipeline.platform, resolver=resolver, clock=clock, retry=PATIENCE), session)
    if live:
        found += [_source(source, resolver, clock) for source in pipeline.sources]
    return Checkup(findings=tuple(found))


def needs_jvm_safely(pipeline: Pipeline) -> bool:
    """Whether Bronze is served through Spark; False where no provider serves it, which the look at the root says."""
    try:
        return needs_jvm(pipeline)
    except MedallionError:
        return False


def _secrets(pipeline: Pipeline, resolver: SecretResolver) -> Iterator[Finding]:
    named = dict.fromkeys([*references(pipeline.platform), *(reference for source in pipeline.sources for reference in references(source))])
    for reference in named:
        try:
            resolver.resolve(reference)
        except SecretError as error:
            yield fail("secret", error.sentence, None, error.exit_status)
        else:
            yield ok("secret", f"{reference} is there")


def _roots(platform: Platform, machine: Machine, roots: Roots, session: SparkSession | None) -> Iterator[Finding]:
    named: dict[str, list[str]] = {}
    for name, root in (
        ("bronze", platform.bronze.root),
        ("silver", platform.silver.root),
        ("state", platform.state.root),
        ("exports", platform.silver.exports.root),
    ):
        if root is not None:
            named.setdefault(root, []).append(name)
    for root, names in named.items():
        subject = " and ".join(names)
        try:
            provider = provider_of(platform, root)
            location = Location.parse(root)
        except MedallionError as error:
            yield fail(subject, error.sentence, None, error.exit_status)
            continue
        if provider.name == "s3":
            yield from _s3(subject, location, platform.connection.s3, machine)
        if provider.needs_jvm and session is None:
            yield warn(subject, f"{root} is served through Spark", "look at it with --spark")
            continue
        try:
            yield from _raced(subject, roots.open(root), provider.put_if_absent, roots.clock)
        except MedallionError as error:
            yield fail(subject, error.sentence, None, error.exit_status)


def _raced(subject: str, fs: ProvenFileSystem, how: str, clock: Clock) -> Iterator[Finding]:
    """The root is written to, raced on, read and tidied; its clock is that of the file that the race left."""
    began, since = clock.now(), clock.monotonic()
    fs.prove(writers=WRITERS, rounds=ROUNDS)
    ended, seconds = clock.now(), clock.monotonic() - since
    yield ok(subject, f"{fs.root} can be written and read; of {WRITERS} writers one won, {ROUNDS} times in {seconds:.1f} s ({how})")
    stored = next((file.modified for file in fs.files(FOLDER) if file.path == MARK), None)
    if stored is None:
        yield fail(
            subject, f"{fs.root} does not list a file that was just written", "its listings must be consistent: use another store", 5
        )
        return
    apart = max(stored - ended, began - stored)
    if apart > SKEW:
        advice = "set this machine's clock by NTP: days are labelled by it, and stores refuse signatures that are 15 minutes off"
        yield warn(subject, f"the clocks of this machine and of {fs.root} are {apart.total_seconds():,.0f} s apart", advice)


def _s3(subject: str, root: Location, settings: S3, machine: Machine) -> Iterator[Finding]:
    """What is often wrong with the address of a store that speaks S3."""
    if settings.endpoint is None:
        if settings.region is None and not {"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"} & set(machine.environ):
            advice = "set platform.connection.s3.region, or endpoint for a store that is not Amazon's"
            yield warn(subject, "neither an endpoint nor a region is given", advice)
        return
    parts = urlsplit(settings.endpoint)
    host = parts.hostname or ""
    if host.startswith(f"{root.authority}."):
        advice = f"take the bucket out of platform.connection.s3.endpoint: {parts.scheme}://{host.removeprefix(f'{root.authority}.')}"
        yield warn(subject, f"the endpoint {settings.endpoint} begins with the bucket's name", advice)
    if not settings.in_path and (_is_address(host) or host == "localhost"):
        advice = "take platform.connection.s3.path_style out, or set it to true"
        yield warn(subject, f"path_style is false, and {root.authority}.{host} is no name that a network knows", advice)
    if not settings.in_path and parts.scheme == "https" and "." in root.authority:
        advice = "set platform.connection.s3.path_style to true"
        yield warn(subject, f"the bucket {root.authority} has a dot in its name, which no certificate of {host} covers", advice)
    if parts.scheme == "http" and not _is_loopback(host):
        yield warn(subject, f"{settings.endpoint} is not encrypted", "use https:// where what lies between is not your own")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _session(session: SparkSession) -> Iterator[Finding]:
    zone = session.conf.get("spark.sql.session.timeZone")
    if zone in ("UTC", "Etc/UTC", "Z"):
        yield ok("session", f"Spark {session.version}, in UTC")
    else:
        advice = "set spark.sql.session.timeZone=UTC for whoever else reads with it; runs set it for themselves"
        yield warn("session", f"Spark {session.version}, in the time zone {zone}", advice)


def _source(source: Source, resolver: SecretResolver, clock: Clock) -> Finding:
    subject = f"source {source.name}"
    if source.type == "db" and source.db is not None:
        return _listening(subject, source.db.url or "")
    if source.parent is not None:
        return ok(subject, f"is asked for each record of {source.parent.source}, and was not asked")
    try:
        seen = preview(source, resolver=resolver, clock=clock, rows=1)
    except MedallionError as error:
        return fail(subject, error.sentence, None, error.exit_status)
    return ok(subject, f"{seen.request} gave {seen.records:,} records in {seen.seconds:.1f} s")


def _listening(subject: str, url: str) -> Finding:
    """Whether somebody listens where a database is said to be; its login and its tables are for Spark to try."""
    parts = urlsplit(url.removeprefix("jdbc:"))
    host, port = parts.hostname or "", parts.port or POSTGRESQL_PORT
    try:
        with socket.create_connection((host, port), timeout=10):
            return ok(subject, f"{host}:{port} takes connections; the login is tried by extract only")
    except OSError as error:
        return fail(
            subject,
            f"{host}:{port} takes no connection ({error.strerror or error})",
            "correct db.url, or start it",
            SourceError.exit_status,
        )
