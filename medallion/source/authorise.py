"""From the configuration of credentials to what adds them: ours, or a class of somebody else."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

from medallion.clock import Clock
from medallion.config.auth import AUTH_GROUP, CustomAuth, NoAuth, OAuth2
from medallion.config.auth import Auth as AuthConfig
from medallion.config.secret import SecretResolver
from medallion.errors import AuthError, ConfigError, MedallionError, Problem
from medallion.source.auth import Anonymous, Auth, Flow, Static
from medallion.source.oauth import OAuth
from medallion.source.plugin import NotThereError, checked_options, loaded, options_of, settled
from medallion.source.request import Answer, Request


def authorise(config: AuthConfig, resolver: SecretResolver, clock: Clock, *, path: str = "api.auth") -> Auth:
    """The way to authorise that *config*, which stands at *path*, says.

    No secret is fetched before the first request. Raises ConfigError for a class that cannot be found, is none, or refuses its options.
    """
    if isinstance(config, NoAuth):
        return Anonymous()
    if isinstance(config, OAuth2):
        return OAuth(config, resolver, clock)
    if isinstance(config, CustomAuth):
        return _custom(config, resolver, path)
    return Static(config, resolver)


class CheckedAuth:
    """An Auth that somebody else wrote, made at the first request: its errors are typed and masked, and what it yields is looked at."""

    def __init__(self, *, called: str, make: Callable[[], Auth], params: frozenset[str], mask: Callable[[str], str]) -> None:
        self._called = called
        self._make = make
        self._mask = mask
        self._made: Auth | None = None
        self.params = params

    def flow(self, request: Request) -> Flow:
        """See Auth. Raises AuthError for whatever the class raises that is no error of ours."""
        flow = self._told(lambda: self._auth().flow(request))
        try:
            step = self._told(lambda: next(flow))
            while True:
                if isinstance(step, bool) or not isinstance(step, Request | float | int):
                    raise AuthError(f"{self._called}: flow must yield a Request or seconds to wait, got {type(step).__name__}")
                answer = yield step if isinstance(step, Request) else float(step)
                step = self._told(partial(flow.send, answer))
        except StopIteration as end:
            if not isinstance(end.value, Answer):
                raise AuthError(f"{self._called}: flow must return the answer that counts, got {type(end.value).__name__}") from None
            return end.value
        finally:
            flow.close()

    def _auth(self) -> Auth:
        if self._made is None:
            self._made = self._make()
        return self._made

    def _told(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except (MedallionError, StopIteration):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, its text may hold a credential
            raise AuthError(f"{self._called} failed with {type(error).__name__}: {self._mask(str(error))}") from None


def _custom(config: CustomAuth, resolver: SecretResolver, path: str) -> Auth:
    try:
        found = loaded(config.class_, AUTH_GROUP)
    except NotThereError as error:
        raise ConfigError([Problem(path=f"{path}.class", message=str(error))]) from error
    if not isinstance(found, type) or not callable(getattr(found, "flow", None)):
        raise ConfigError([Problem(path=f"{path}.class", message=f"{config.class_} must be a class with a method flow")])
    options, where = options_of(found), f"{path}.options"
    checked_options(options, config.options, where)

    def make() -> Auth:
        return cast(Auth, found(checked_options(options, settled(config.options, resolver, None), where), resolver.conceal))

    params = getattr(found, "params", ())
    if not isinstance(params, frozenset | set | tuple | list):
        raise ConfigError([Problem(path=f"{path}.class", message=f"{config.class_}.params must be the names of query parameters")])
    return CheckedAuth(called=config.class_, make=make, params=frozenset(params), mask=getattr(resolver, "mask", str))
