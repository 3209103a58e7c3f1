"""How connections are made: through which proxy, and whom they trust. The same for both transports."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit
from urllib.request import getproxies, proxy_bypass

from medallion.config.api import ENVIRONMENT, Api
from medallion.config.secret import SecretResolver
from medallion.errors import ConfigError, Problem
from medallion.source.request import origin


@dataclass(frozen=True, kw_only=True, repr=False)
class Route:
    """*proxy* is a URL, ``environment``, or None for a straight connection; it may hold credentials. Paths are those of PEM files."""

    proxy: str | None = None
    ca_bundle: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None

    def proxy_to(self, url: str) -> str | None:
        """The proxy for a request to *url*; None for a straight connection."""
        if self.proxy != ENVIRONMENT:
            return self.proxy
        parts = urlsplit(url)
        if not parts.hostname or proxy_bypass(parts.netloc.rpartition("@")[2]):
            return None
        proxies = getproxies()
        return proxies.get(parts.scheme) or proxies.get("all")

    @property
    def shown(self) -> str:
        """The way for people, as the end of a sentence; nothing where it is straight."""
        if self.proxy is None or self.proxy == ENVIRONMENT:
            return "" if self.proxy is None else " through the proxy of the environment"
        return f" through the proxy {origin(self.proxy)}"

    def context(self) -> ssl.SSLContext | None:
        """Whom TLS connections trust, and what they show; None: as usual. Made anew it takes as long as a dozen pages."""
        if self.ca_bundle is None and self.client_certificate is None:
            return None
        context = ssl.create_default_context(cafile=self.ca_bundle)
        if self.client_certificate is not None:
            context.load_cert_chain(self.client_certificate, self.client_key)
        return context


STRAIGHT = Route()
"""No proxy, and the usual trust."""


def route_of(api: Api, resolver: SecretResolver, path: str) -> Route:
    """The way that *api*, which stands at *path*, says. Raises ConfigError for PEM files that cannot be used, SecretError."""
    proxy = None if api.proxy is None else api.proxy.url
    if api.proxy is not None and api.proxy.username is not None and api.proxy.password is not None:
        password = resolver.resolve(api.proxy.password).strip("\r\n")
        parts = urlsplit(api.proxy.url)
        proxy = f"{parts.scheme}://{quote(api.proxy.username, safe='')}:{quote(password, safe='')}@{parts.netloc}"
    tls = api.tls
    route = Route(proxy=proxy, ca_bundle=tls.ca_bundle, client_certificate=tls.client_certificate, client_key=tls.client_key)
    for name in ("ca_bundle", "client_certificate", "client_key"):
        file = getattr(tls, name)
        if file is not None and not Path(file).is_file():
            raise ConfigError([Problem(path=f"{path}.tls.{name}", message=f"there is no file {file}")])
    try:
        route.context()
    except (OSError, ValueError) as error:
        raise ConfigError([Problem(path=f"{path}.tls", message=f"the files are no certificates and keys that fit ({error})")]) from error
    return route
